// Above the table: the filter, what is hidden, the columns, saved views, and the table as a file.

import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { href } from "../../address";
import { attempt } from "../../parts/messages/notices";
import type { Asked } from "../../state/list/jobs";
import { runningText } from "../../state/title";
import { useNarrow } from "./columns/cards";
import { ColumnMenu } from "./columns/column_menu";
import {
  hidesFailed,
  ORDERS,
  onlyRunning,
  type Shown,
  show,
  withFailedToggled,
  withRunningToggled,
} from "./columns/shown";
import { csvOf, saveFile } from "./csv";
import { FilterBox } from "./filter/filter_box";
import type { Listed } from "./listed";
import { ViewsMenu } from "./saved_views";

interface ToolbarProps {
  shown: Shown;
  asked: Asked;
  /** The filter's field, for whoever wants to focus it. */
  field: RefObject<HTMLInputElement | null>;
  listed: Listed;
}

/** The bar above the table. */
export function Toolbar({ shown, asked, field, listed }: ToolbarProps) {
  const narrow = useNarrow();
  const hides = hidesFailed(shown.filter);
  return (
    <div class="toolbar jobs-toolbar">
      <FilterBox filter={shown.filter} rows={listed.inSight} field={field}>
        <span class="count soft">{countOf(listed)}</span>
      </FilterBox>
      <button
        type="button"
        aria-pressed={onlyRunning(shown.filter)}
        title="Only jobs that run now (r)"
        onClick={() => show({ filter: withRunningToggled(shown.filter) })}
      >
        Running <span class="running-count">{runningText.value}</span>
      </button>
      <button
        type="button"
        aria-pressed={hides}
        title="Hide failed and cancelled jobs (h)"
        onClick={() => show({ filter: withFailedToggled(shown.filter) })}
      >
        Hide failed
      </button>
      <a class="button" href={href("/leaderboard", shown.filter ? { filter: shown.filter } : {})}>
        Leaderboard
      </a>
      {narrow && <Order sort={shown.sort} />}
      <ColumnMenu columns={shown.columns} />
      <ViewsMenu />
      <Csv asked={asked} />
    </div>
  );
}

/** The order, for a list of cards, which has no headings to click on. */
function Order({ sort }: { sort: string }) {
  const known = ORDERS.some(([one]) => one === sort);
  return (
    <select aria-label="Order" value={sort} onChange={(event) => show({ sort: event.currentTarget.value })}>
      {ORDERS.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
      {!known && <option value={sort}>By {sort.replace(/^-/, "").split(".").at(-1)}</option>}
    </select>
  );
}

/** How many jobs there are, as far as they have been read: the service counts none. */
function countOf({ rows, complete }: Listed): string {
  if (complete === null) return "";
  const number = rows.length.toLocaleString("en");
  return `${number}${complete ? "" : "+"} ${rows.length === 1 && complete ? "job" : "jobs"}`;
}

const ALWAYS_SAVED = ["id", "name", "status", "tags", "created_at"];

function Csv({ asked }: { asked: Asked }) {
  const [rows, setRows] = useState<number | null>(null);
  async function save(): Promise<void> {
    const query = new URLSearchParams(asked.filter);
    query.set("sort", asked.sort);
    query.set("fields", [...new Set([...ALWAYS_SAVED, ...asked.fields])].join(","));
    setRows(0);
    await attempt(async () => saveFile("jobs.csv", await csvOf(query, setRows)));
    setRows(null);
  }
  return (
    <button
      type="button"
      class="csv"
      disabled={rows !== null}
      title="Every job that fits the filter, as CSV"
      onClick={() => void save()}
    >
      {rows === null ? "CSV" : `${rows.toLocaleString("en")} rows …`}
    </button>
  );
}
