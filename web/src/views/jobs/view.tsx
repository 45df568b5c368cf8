// All jobs: what runs, how it goes, what was best. What is shown is in the address: filter, order and columns.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { go, href, place } from "../../address";
import { nameOf } from "../../format";
import { ProblemNote } from "../../parts/messages/problem";
import { type Heading, Table } from "../../parts/table/table";
import { Curves } from "../../state/list/curves";
import { parseFilter } from "../../state/list/filter";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { CARD, useNarrow } from "./columns/cards";
import { moved } from "./columns/column_menu";
import { columnsOf } from "./columns/columns";
import { type ColumnChoice, keep, queryOf, restore, show, shownBy } from "./columns/shown";
import { Wrong } from "./filter/filter_box";
import { useJobKeys } from "./keys";
import { useChosen, useListed } from "./listed";
import { Nothing } from "./nothing";
import { type Asking, SelectionBar } from "./selection";
import { Toolbar } from "./toolbar";
import "./view.css";

const ROW_HEIGHT = 34;
const CARD_HEIGHT = 66;

/** The view of all jobs. */
export function View(_: ViewProps) {
  useTitle("Jobs");
  const curves = useMemo(() => new Curves(), []);
  const box = useRef<HTMLElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [asking, setAsking] = useState<Asking | null>(null);
  const narrow = useNarrow();
  const query = useOwnQuery();
  const shown = useMemo(() => shownBy(new URLSearchParams(query)), [query]);
  const columns = useMemo(() => (narrow ? [CARD] : columnsOf(shown.columns, curves)), [shown.columns, narrow]);
  const filter = useMemo(() => parseFilter(shown.filter).query, [shown.filter]);
  const fields = columns.flatMap((column) => column.fields);
  const asked = { filter, sort: shown.sort, fields };
  const listed = useListed(asked, fields.includes("result.val_loss") ? curves : null);
  const chosen = useChosen(listed);
  const ids = [...chosen.ids];

  useEffect(() => restore(new URLSearchParams(query)), [query]);
  useEffect(() => {
    if (listed.answered && queryOf(new URLSearchParams(query))) keep(new URLSearchParams(query));
  }, [query, listed.answered]);
  useEffect(() => () => curves.close(), []);
  useJobKeys({ box, field, filter: shown.filter, ids, ask: setAsking, clear: chosen.clear });

  return (
    <section class="fill jobs" ref={box}>
      <h1 class="sr">Jobs</h1>
      <Toolbar shown={shown} asked={asked} field={field} listed={listed} />
      <Wrong filter={shown.filter} />
      <ProblemNote problem={listed.problem} />
      {listed.complete !== null && listed.rows.length === 0 ? (
        <div class="table none">
          <Nothing filter={shown.filter} complete={listed.complete} />
        </div>
      ) : (
        <Table
          label="Jobs"
          rows={listed.rows}
          more={!listed.complete}
          columns={columns}
          keyOf={(row) => row.id}
          nameOf={nameOf}
          rowHeight={narrow ? CARD_HEIGHT : ROW_HEIGHT}
          heading={narrow ? undefined : headingOf(shown.sort, shown.columns)}
          chosen={chosen.ids}
          onChoose={chosen.choose}
          onChooseAll={chosen.chooseAll}
          onOpen={(row) => go(href(`/jobs/${row.id}`))}
          onSight={listed.see}
        />
      )}
      <SelectionBar ids={ids} rowOf={listed.of} onDone={chosen.clear} asking={asking} onAsk={setAsking} />
    </section>
  );
}

/** What the address asks of this view; while another view is on its way, what it last did. */
function useOwnQuery(): string {
  const last = useRef("");
  const { path, query } = place.value;
  if (/^\/(jobs)?$/.test(path)) last.current = query.toString();
  return last.current;
}

function headingOf(sort: string, columns: readonly ColumnChoice[]): Heading {
  return {
    sort,
    onSort: (next) => show({ sort: next }),
    onMove: (id, by) => show({ columns: moved(columns, id, by) }, { replace: true }),
    onWidth: (id, width) =>
      show({ columns: columns.map((one) => (one.id === id ? { id, width } : one)) }, { replace: true }),
  };
}
