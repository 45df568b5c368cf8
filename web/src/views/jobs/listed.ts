// The jobs that the address asks for, as the table wants them; and which of them are selected.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem } from "../../api/client";
import type { Sequence } from "../../parts/table/table_sight";
import type { Curves } from "../../state/list/curves";
import { type Asked, JobList, type Row } from "../../state/list/jobs";

/** The jobs that are listed. */
export interface Listed {
  rows: Sequence<Row>;
  /** Whether all have been read; null before the first answer. */
  complete: boolean | null;
  /** Counts the changes of the rows. */
  version: number;
  problem: Problem | null;
  /** Whether the rows are the answer to what is asked for now, rather than to what was before. */
  answered: boolean;
  ids: () => string[];
  of: (id: string) => Row | undefined;
  /** Says which rows are in sight. */
  see: (first: number, last: number) => void;
  inSight: () => readonly Row[];
}

/** List the jobs that are asked for; `curves` are read for the rows in sight, where there are some to show. */
export function useListed(asked: Asked, curves: Curves | null): Listed {
  const list = useMemo(() => new JobList(), []);
  const inSight = useRef<readonly Row[]>([]);
  useEffect(() => list.open(asked), [keyOf(asked)]);
  useEffect(() => () => list.close(), []);
  const version = list.version.value;
  const listing = list.shown.value;
  const rows = useMemo(() => sequence(listing?.rows), [listing, version]);
  return {
    rows,
    complete: listing?.complete ?? null,
    version,
    problem: list.problem.value,
    answered: list.answered.value !== null && keyOf(list.answered.value) === keyOf(asked),
    ids: () => listing?.rows.ids() ?? [],
    of: (id) => listing?.rows.of(id),
    see: (first, last) => {
      listing?.see(first, last);
      inSight.current = rows.slice(first, last);
      curves?.want(inSight.current);
    },
    inSight: () => inSight.current,
  };
}

function keyOf({ filter, sort, fields }: Asked): string {
  return `${filter} ${sort} ${fields}`;
}

const NO_ROWS: Sequence<Row> = { length: 0, slice: () => [], placeOf: () => -1 };

/** The rows as they are now: another value whenever they change. */
function sequence(rows: Sequence<Row> | undefined): Sequence<Row> {
  if (!rows) return NO_ROWS;
  const { length } = rows;
  return { length, slice: (first, last) => rows.slice(first, last), placeOf: (key) => rows.placeOf(key) };
}

/** The selected jobs. */
export interface Chosen {
  ids: ReadonlySet<string>;
  choose: (rows: readonly Row[], wanted: boolean) => void;
  chooseAll: (wanted: boolean) => void;
  clear: () => void;
}

/** Keep which jobs are selected; those that leave the list are let go. */
export function useChosen(listed: Listed): Chosen {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const left = [...ids].filter((id) => listed.of(id));
    if (left.length < ids.size) setIds(new Set(left));
  }, [listed.version]);
  return {
    ids,
    choose: (rows, wanted) => {
      const next = new Set(ids);
      for (const { id } of rows) wanted ? next.add(id) : next.delete(id);
      setIds(next);
    },
    chooseAll: (wanted) => setIds(new Set(wanted ? listed.ids() : [])),
    clear: () => setIds(new Set()),
  };
}
