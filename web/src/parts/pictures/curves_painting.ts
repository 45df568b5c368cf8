// How curves and bands are painted on a canvas.

import { colourOf, dashOf } from "../chart/colours";
import { type Area, across, areaOf, clipped, paintAxes, upwards } from "./axes";
import type { Band, Run } from "./bands";
import type { Painter, Pen } from "./canvas";
import type { Scale } from "./scales";

/** The scales of a picture of curves. */
export interface Scales {
  x: Scale;
  y: Scale;
}

/** A painter of what lies within the axes, and of the axes unless there are no labels for them. */
export function within(
  scales: Scales,
  labels: { x: string; title: string } | null,
  paint: (pen: Pen, area: Area) => void,
): Painter {
  return (pen) => {
    const area = areaOf(pen.width, pen.height);
    if (labels) paintAxes(pen, area, { scale: scales.x, label: labels.x }, { scale: scales.y, label: labels.title });
    clipped(pen, area, () => paint(pen, area));
  };
}

/** Paint a run's curve, its raw one faintly behind, a dot at `point` and where a value has no neighbours. */
export function paintLine(pen: Pen, area: Area, scales: Scales, run: Run, width: number, point?: number): void {
  const { context } = pen;
  context.strokeStyle = context.fillStyle = colourOf(run.colour);
  context.lineJoin = "round";
  if (run.raw) {
    context.globalAlpha = 0.25;
    context.lineWidth = 1;
    trace(context, area, scales, run.x, run.raw);
    context.globalAlpha = 1;
  }
  context.lineWidth = width;
  context.setLineDash([...dashOf(run.colour)]);
  trace(context, area, scales, run.x, run.y);
  context.setLineDash([]);
  if (point !== undefined) dot(context, area, scales, run.x[point], run.y[point], 5);
}

/** Paint a group's bands: 90 % of its runs in the light one, 50 % in the darker one. */
export function paintBand(pen: Pen, area: Area, scales: Scales, band: Band): void {
  const { context } = pen;
  context.fillStyle = colourOf(band.colour);
  for (const [low, high, alpha] of [
    [0, 4, 0.13],
    [1, 3, 0.24],
  ] as const) {
    context.globalAlpha = alpha;
    fill(context, area, scales, band.x, band.quantiles[low] ?? [], band.quantiles[high] ?? []);
  }
  context.globalAlpha = 1;
}

/** Paint a group's median as a line, dotted where fewer than half of its runs are left. */
export function paintMedian(pen: Pen, area: Area, scales: Scales, band: Band): void {
  const { context } = pen;
  context.strokeStyle = colourOf(band.colour);
  context.lineWidth = 2.2;
  const most = Math.max(...band.n);
  const full = band.n.indexOf(most); // before it some runs have not begun, after it some have ended
  const few = band.n.map((n) => n < most / 2); // then the median is of other runs than before
  const many = (band.quantiles[2] ?? []).map((value, index) => (few[index] && index < full ? null : value));
  trace(
    context,
    area,
    scales,
    band.x,
    many.map((value, index) => (few[index] ? null : value)),
  );
  context.setLineDash([...(dashOf(band.colour).length ? dashOf(band.colour) : [2, 4])]);
  trace(
    context,
    area,
    scales,
    band.x,
    many.map((value, index) => (few[index] || few[index + 1] ? value : null)),
  );
  context.setLineDash([]);
}

function trace(
  context: CanvasRenderingContext2D,
  area: Area,
  { x, y }: Scales,
  places: readonly number[],
  values: readonly (number | null)[],
): void {
  let drawing = false;
  context.beginPath();
  for (let index = 0; index < places.length; index++) {
    const right = x.at(places[index] ?? null);
    const up = y.at(values[index] ?? null);
    if (right === null || up === null) {
      drawing = false;
      continue;
    }
    const [px, py] = [across(area, right), upwards(area, up)];
    if (drawing) context.lineTo(px, py);
    else context.moveTo(px, py);
    const alone = !drawing && !known(y, values[index + 1]);
    if (alone) context.rect(px - 1, py - 1, 2, 2); // one epoch is no line
    drawing = true;
  }
  context.stroke();
}

function known(scale: Scale, value: number | null | undefined): boolean {
  return value !== undefined && scale.at(value) !== null;
}

function fill(
  context: CanvasRenderingContext2D,
  area: Area,
  { x, y }: Scales,
  places: readonly number[],
  low: readonly number[],
  high: readonly number[],
): void {
  context.beginPath();
  places.forEach((place, index) => {
    context.lineTo(across(area, x.at(place) ?? 0), upwards(area, y.at(high[index] ?? null) ?? 0));
  });
  for (let index = places.length - 1; index >= 0; index--) {
    context.lineTo(across(area, x.at(places[index] ?? 0) ?? 0), upwards(area, y.at(low[index] ?? null) ?? 0));
  }
  context.fill();
}

function dot(
  context: CanvasRenderingContext2D,
  area: Area,
  { x, y }: Scales,
  place: number | undefined,
  value: number | null | undefined,
  radius: number,
): void {
  const [right, up] = [x.at(place ?? null), y.at(value ?? null)];
  if (right === null || up === null) return;
  context.beginPath();
  context.arc(across(area, right), upwards(area, up), radius, 0, 2 * Math.PI);
  context.fill();
}
