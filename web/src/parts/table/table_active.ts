// The active row of a table, and what its keys do: arrows move, Enter opens, space and x choose, with Shift a range.

import { useMemo, useRef, useState } from "preact/hooks";
import type { Sequence, Sight } from "./table_sight";

/** What the keys of a table act upon. */
export interface Acting<Row> {
  rows: Sequence<Row>;
  keyOf: (row: Row) => string;
  chosen: ReadonlySet<string>;
  onChoose: (rows: readonly Row[], chosen: boolean) => void;
  onOpen: (row: Row) => void;
}

/** What rows do when they are clicked. */
export interface Acts<Row> {
  /** Make a row the active one; with `range` choose all from the one before. */
  activate: (at: number, range: boolean) => void;
  /** Choose a row, or let go of it. */
  choose: (row: Row) => void;
}

interface Active<Row> {
  /** The place of the active row, and its key. */
  at: number;
  key: string | null;
  act: Acts<Row>;
  onKey: (event: KeyboardEvent) => void;
}

const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, J: 1, K: -1 };

/** Follow the active row, which stays the same while others come and go around it. */
export function useActive<Row>(table: Acting<Row>, sight: Sight<Row>): Active<Row> {
  const { rows, keyOf } = table;
  const [active, setActive] = useState({ key: "", at: 0 });
  const found = active.key ? rows.placeOf(active.key) : -1;
  const at = found >= 0 ? found : Math.min(active.at, Math.max(0, rows.length - 1));
  const newest = useRef({ table, at });
  newest.current = { table, at };

  const act = useMemo<Acts<Row>>(
    () => ({
      activate: (next, range) => {
        const { table: now, at: from } = newest.current;
        const row = rowAt(now.rows, next);
        if (!row) return;
        if (range) now.onChoose(now.rows.slice(Math.min(from, next), Math.max(from, next) + 1), true);
        setActive({ key: now.keyOf(row), at: next });
      },
      choose: (row) => {
        const { table: now } = newest.current;
        now.onChoose([row], !now.chosen.has(now.keyOf(row)));
      },
    }),
    [],
  );

  function onKey(event: KeyboardEvent): void {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = placeAfter(event.key, at, sight.screen, rows.length);
    const row = rowAt(rows, at);
    if (next !== null) {
      act.activate(next, event.shiftKey);
      sight.reveal(next);
    } else if (event.key === "Enter" && row) table.onOpen(row);
    else if ((event.key === " " || event.key === "x") && row) act.choose(row);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const row = rowAt(rows, at);
  return { at, key: row === undefined ? null : keyOf(row), act, onKey };
}

function rowAt<Row>(rows: Sequence<Row>, at: number): Row | undefined {
  return rows.slice(at, at + 1)[0];
}

/** The place that a key leads to; null for a key that leads nowhere. */
function placeAfter(key: string, at: number, screen: number, length: number): number | null {
  const page = Math.max(1, screen - 1);
  const places: Record<string, number> = { Home: 0, End: length - 1, PageDown: at + page, PageUp: at - page };
  const step = STEPS[key];
  const wanted = step === undefined ? places[key] : at + step;
  return wanted === undefined ? null : Math.min(Math.max(0, wanted), length - 1);
}
