// Which of many lines or points a pointer means: the nearest one within reach.

import { type Area, across, upwards } from "./axes";
import type { Scale } from "./scales";
import type { Line } from "./statistics";

/** A point of one of many lines: the line's number, and the point's number in it. */
export interface Hit {
  line: number;
  point: number;
}

/** How far from a line a pointer may be, in pixels. */
const REACH = 28;

/** The point of the line that is nearest to a pixel; null where none is within reach. */
export function nearestLine(
  lines: readonly Line[],
  area: Area,
  x: Scale,
  y: Scale,
  px: number,
  py: number,
): Hit | null {
  let found: Hit | null = null;
  let least = REACH;
  lines.forEach((line, number) => {
    const point = nearestPoint(line.x, Number(x.value((px - area.left) / area.width)));
    for (const candidate of [point - 1, point]) {
      const distance = toSegment(line, candidate, area, x, y, px, py);
      if (distance < least) {
        least = distance;
        found = { line: number, point };
      }
    }
  });
  return found;
}

/** The number of the value that is nearest to another, of ascending ones. */
export function nearestPoint(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  const before = ascending[low - 1];
  const at = ascending[low];
  return before !== undefined && at !== undefined && value - before < at - value ? low - 1 : low;
}

function toSegment(line: Line, number: number, area: Area, x: Scale, y: Scale, px: number, py: number): number {
  const from = pixel(line, number, area, x, y);
  const to = pixel(line, number + 1, area, x, y);
  if (!from || !to) return from || to ? Math.hypot((from ?? to ?? [0])[0] - px, ((from ?? to)?.[1] ?? 0) - py) : 1e9;
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const along =
    dx || dy ? Math.min(1, Math.max(0, ((px - from[0]) * dx + (py - from[1]) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(from[0] + along * dx - px, from[1] + along * dy - py);
}

function pixel(line: Line, number: number, area: Area, x: Scale, y: Scale): [number, number] | null {
  const right = x.at(line.x[number] ?? null);
  const up = y.at(line.y[number] ?? null);
  return right === null || up === null ? null : [across(area, right), upwards(area, up)];
}

/** The place of the pointer in its element. */
export function pointerIn(event: PointerEvent | MouseEvent): [number, number] {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
