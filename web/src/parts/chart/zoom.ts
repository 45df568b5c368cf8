// The part of the epochs that charts show, and the epoch under the pointer: shared by all charts of a group.

import { type Signal, signal } from "@preact/signals";

/** The first and the last epoch that are shown. */
export type Span = readonly [number, number];

/** Charts that are read together: a pointer over one is over all, and so is a zoom. */
export interface Group {
  /** The epoch under the pointer; null while it is elsewhere. */
  at: Signal<number | null>;
  /** The epochs zoomed to; null shows all, also those to come. */
  span: Signal<Span | null>;
}

/** A new group of charts. */
export function chartGroup(): Group {
  return { at: signal<number | null>(null), span: signal<Span | null>(null) };
}

/** The epochs to show: those zoomed to, or all; never an empty span, which could not be drawn. */
export function spanOf(epochs: readonly number[], zoom: Span | null): Span {
  const [from, to] = zoom ?? [epochs[0] ?? 1, epochs.at(-1) ?? 1];
  return from < to ? [from, to] : [from - 0.5, to + 0.5];
}

/** Zoom by a factor (below 1: closer) around an epoch; null, for all, where that is more than there is. */
export function zoomBy(
  epochs: readonly number[],
  zoom: Span | null,
  factor: number,
  around: number | null,
): Span | null {
  const [from, to] = spanOf(epochs, zoom);
  const centre = Math.min(to, Math.max(from, around ?? (from + to) / 2));
  const closer: Span = [centre - (centre - from) * factor, centre + (to - centre) * factor];
  const all = spanOf(epochs, null);
  if (closer[0] <= all[0] && closer[1] >= all[1]) return null;
  return closer[1] - closer[0] < 1 ? (zoom ?? null) : [Math.max(all[0], closer[0]), Math.min(all[1], closer[1])];
}

/** The position of an epoch among all that there are, or of the nearest; -1 where there is none. */
export function positionOf(epochs: readonly number[], epoch: number): number {
  let low = 0;
  let high = epochs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((epochs[middle] ?? 0) < epoch) low = middle + 1;
    else high = middle;
  }
  const before = epochs[low - 1];
  const found = epochs[low];
  if (found === undefined) return -1;
  return before !== undefined && epoch - before < found - epoch ? low - 1 : low;
}
