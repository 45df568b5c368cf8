// How parallel coordinates are painted on a canvas.

import { shortened } from "../axes";
import type { Pen } from "../canvas";
import type { Scale, Value } from "../scales";
import { spanOf } from "./brush";
import type { Dragged, ParallelAxis, ParallelRun } from "./parallel";

/** Where the axes stand, in pixels: their x, and the y of their ends. */
export interface Place {
  columns: readonly number[];
  top: number;
  bottom: number;
}

const SIDE = 64;
const TOP = 8;
const BOTTOM = 30;
/** The place of runs without a value, below the axis. */
const NONE = -0.07;
const REACH = 12;

/** The axes' places in a picture of this size. */
export function placesFor(count: number, width: number, height: number): Place {
  const columns = Array.from({ length: count }, (_, index) => shareOf(index, count, width) * width);
  return { columns, top: TOP, bottom: Math.max(TOP + 1, height - BOTTOM) };
}

/** Where one of several axes stands, as a share of the width. */
export function shareOf(index: number, count: number, width: number): number {
  return count < 2 ? 0.5 : (SIDE + ((width - 2 * SIDE) * index) / (count - 1)) / width;
}

/** The place on an axis of a pixel, from 0 to 1. */
export function placeAt({ top, bottom }: Place, py: number): number {
  return Math.min(1, Math.max(0, (bottom - py) / (bottom - top)));
}

/** Paint the axes with their marks, the runs that are kept, and the others faintly behind them. */
export function paintRuns(pen: Pen, axes: readonly ParallelAxis[], runs: readonly ParallelRun[]): void {
  const { context } = pen;
  context.globalAlpha = 0.09;
  for (const run of runs) if (!run.inside) paintRun(pen, axes, run, 1, pen.colours.ink);
  context.globalAlpha = runs.length > 60 ? 0.6 : 0.85;
  for (const run of runs) if (run.inside) paintRun(pen, axes, run, 1.5);
  context.globalAlpha = 1;
  const places = placesFor(axes.length, pen.width, pen.height);
  axes.forEach((axis, index) => {
    const none = runs.some((run) => axis.scale.at(run.values[index] ?? null) === null);
    paintAxis(pen, places, index, axis, none);
  });
}

/** Paint one run through all axes. */
export function paintRun(
  pen: Pen,
  axes: readonly ParallelAxis[],
  run: ParallelRun,
  width: number,
  colour = run.colour,
): void {
  const { context } = pen;
  const places = placesFor(axes.length, pen.width, pen.height);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  axes.forEach((axis, index) => {
    context.lineTo(places.columns[index] ?? 0, height(places, axis.scale, run.values[index] ?? null));
  });
  context.stroke();
}

/** Paint the range that is being dragged. */
export function paintBrush(pen: Pen, axes: readonly ParallelAxis[], dragged: Dragged | null): void {
  const places = placesFor(axes.length, pen.width, pen.height);
  if (dragged) paintRange(pen, places, dragged.axis, dragged.from, dragged.to);
}

/** The run whose line is nearest to a pixel; null where none is within reach. */
export function nearestRun(
  places: Place,
  axes: readonly ParallelAxis[],
  runs: readonly ParallelRun[],
  px: number,
  py: number,
): ParallelRun | null {
  const right = places.columns.findIndex((column) => column >= px);
  const [left, next] = [places.columns[right - 1], places.columns[right]];
  if (left === undefined || next === undefined) return null;
  const part = (px - left) / (next - left);
  let found: ParallelRun | null = null;
  let least = REACH;
  for (const run of runs) {
    const [one, other] = [right - 1, right].map((at) => {
      const axis = axes[at];
      return axis ? height(places, axis.scale, run.values[at] ?? null) : Number.NaN;
    });
    const distance = Math.abs((one ?? 0) + ((other ?? 0) - (one ?? 0)) * part - py);
    if (distance < least && run.inside) [found, least] = [run, distance];
  }
  return found;
}

function height({ top, bottom }: Place, scale: Scale, value: Value): number {
  return bottom - (scale.at(value) ?? NONE) * (bottom - top);
}

function paintAxis(pen: Pen, places: Place, index: number, axis: ParallelAxis, none: boolean): void {
  const { context, colours } = pen;
  const x = Math.round(places.columns[index] ?? 0) + 0.5;
  context.strokeStyle = colours.soft;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, places.top);
  context.lineTo(x, places.bottom);
  context.stroke();
  if (axis.kept) paintRange(pen, places, index, ...spanOf(axis.scale, axis.kept));
  const room = (places.columns[1] ?? pen.width) - (places.columns[0] ?? 0) - 10;
  const marks = none ? [...axis.scale.ticks, { at: NONE, label: "none" }] : axis.scale.ticks;
  const every = Math.ceil((marks.length * 15) / (places.bottom - places.top));
  const last = index === places.columns.length - 1 && index > 0;
  context.textAlign = last ? "right" : "left";
  context.textBaseline = "middle";
  context.strokeStyle = colours.paper;
  context.fillStyle = colours.ink;
  context.lineWidth = 3;
  marks.forEach(({ at, label }, number) => {
    if (number % every !== 0) return;
    const y = places.bottom - at * (places.bottom - places.top);
    const text = shortened(context, label, Math.max(30, room));
    context.strokeText(text, x + (last ? -5 : 5), y);
    context.fillText(text, x + (last ? -5 : 5), y);
  });
}

function paintRange({ context, colours }: Pen, places: Place, axis: number, from: number, to: number): void {
  const x = places.columns[axis] ?? 0;
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const length = places.bottom - places.top;
  context.fillStyle = context.strokeStyle = colours.link;
  context.lineWidth = 1;
  context.globalAlpha = 0.3;
  context.fillRect(x - 7, places.bottom - high * length, 14, (high - low) * length);
  context.globalAlpha = 1;
  context.strokeRect(x - 7, places.bottom - high * length, 14, (high - low) * length);
}
