// Which rows of a long table are in sight, and where they lie. They lie in one block that sticks to the edges of the
// table: however fast one scrolls, the block never leaves the sight before the next rows are drawn.

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows by their place, of which not all need be at hand as objects. */
export interface Sequence<Row> {
  readonly length: number;
  slice: (first: number, last: number) => readonly Row[];
  placeOf: (key: string) => number;
}

/** The rows in sight, and those around them. */
export interface Sight<Row> {
  rows: readonly Row[];
  /** The place of the first one. */
  first: number;
  /** How many fit into the table. */
  screen: number;
  style: { position: "sticky"; top: string; bottom: string };
  shows: (at: number) => boolean;
  /** Scroll until a row is in sight. */
  reveal: (at: number) => void;
}

const MARGIN = 14; // rows kept above and below those in sight

/** Rows of a list at hand. */
export function sequenceOf<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Sequence<Row> {
  return {
    length: rows.length,
    slice: (first, last) => rows.slice(first, last),
    placeOf: (key) => rows.findIndex((row) => keyOf(row) === key),
  };
}

/** Follow the scrolling of a table; rows that come above those in sight do not move them. */
export function useSight<Row>(
  box: RefObject<HTMLDivElement | null>,
  rows: Sequence<Row>,
  keyOf: (row: Row) => string,
  rowHeight: number,
  heading: number,
  onSight?: (first: number, last: number) => void,
): Sight<Row> {
  const view = useScroll(box);
  const anchor = useRef({ key: "", at: 0 });
  const height = Math.max(0, view.height - heading);
  const top = Math.min(view.top, Math.max(0, rows.length * rowHeight - height));
  const from = Math.floor(top / rowHeight);
  const to = Math.min(rows.length, Math.ceil((top + height) / rowHeight));
  const first = Math.max(0, from - MARGIN);
  const last = Math.min(rows.length, to + MARGIN);
  const shown = rows.slice(first, last);

  useLayoutEffect(() => {
    const element = box.current;
    const { key, at } = anchor.current;
    const place = key && element && element.scrollTop > 0 ? rows.placeOf(key) : at;
    const kept = shown[from - first];
    anchor.current = { key: kept === undefined ? "" : keyOf(kept), at: from };
    if (!element || place < 0 || place === at || at !== from) return;
    element.scrollTop += (place - at) * rowHeight;
  });
  useEffect(() => onSight?.(from, to));

  const slack = Math.max(0, shown.length * rowHeight - height);
  function reveal(at: number): void {
    const element = box.current;
    if (!element) return;
    const below = (at + 1) * rowHeight - (element.clientHeight - heading);
    if (at * rowHeight < element.scrollTop) element.scrollTop = at * rowHeight;
    else if (below > element.scrollTop) element.scrollTop = below;
  }
  return {
    rows: shown,
    first,
    screen: Math.floor(height / rowHeight),
    style: { position: "sticky", top: `${heading - slack}px`, bottom: `${-slack}px` },
    shows: (at) => at >= first && at < last,
    reveal,
  };
}

function useScroll(box: RefObject<HTMLDivElement | null>): { top: number; height: number } {
  const [view, setView] = useState({ top: 0, height: 800 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  return view;
}
