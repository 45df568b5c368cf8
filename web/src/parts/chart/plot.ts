// How uPlot draws a chart's curves: scales, axes, lines and marks. parts/chart.tsx is what views use.

import type uPlot from "uplot";
import { logarithmicMarks } from "../pictures/scales";
import type { Curve, Mark } from "./chart";
import { colourOf, dashOf } from "./colours";
import { smooth } from "./smoothing";
import { type Group, type Span, spanOf } from "./zoom";

const FAINT = 0.28;

/** What a plot shows. */
export interface Drawing {
  epochs: readonly number[];
  curves: readonly Curve[];
  log: boolean;
  smoothing: number;
  marks: readonly Mark[];
  /** How the axis writes a value. */
  format: (value: number | null) => string;
}

/** The columns that uPlot draws: each curve, and where it is smoothed also the smooth one. Never NaN or infinite. */
export function columnsOf({ epochs, curves, log, smoothing }: Drawing): uPlot.AlignedData {
  const drawn = (values: readonly (number | null)[]) =>
    values.map((value) => (value !== null && Number.isFinite(value) && !(log && value <= 0) ? value : null));
  const columns = curves.flatMap(({ values }) =>
    smoothing > 0 ? [drawn(values), drawn(smooth(values, smoothing))] : [drawn(values)],
  );
  return [[...epochs], ...columns];
}

function seriesOf({ curves, smoothing, epochs }: Drawing): uPlot.Series[] {
  const points: uPlot.Series.Points = { size: 5, space: 12, ...(epochs.length > 1 ? {} : { show: true }) };
  return curves.flatMap((curve) => {
    const line: uPlot.Series = {
      stroke: colourOf(curve.colour),
      width: 1.75,
      dash: [...dashOf(curve.colour)],
      points,
    };
    return smoothing > 0 ? [{ ...line, alpha: FAINT, points: { show: false } }, line] : [line];
  });
}

function logRange(least: number | null, most: number | null): [number, number] {
  if (least === null || most === null || least <= 0) return [0.1, 1];
  return least === most ? [least / 2, most * 2] : [least / 1.15, most * 1.15];
}

function linearRange(_: uPlot, least: number | null, most: number | null): [number, number] {
  if (least === null || most === null) return [0, 1];
  if (least === most) return least === 0 ? [-1, 1] : [least - Math.abs(least) / 10, most + Math.abs(most) / 10];
  const margin = (most - least) * 0.06;
  return [least >= 0 && least < margin ? 0 : least - margin, most + margin];
}

function drawMarks(plot: uPlot, marks: readonly Mark[], tint: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const [from, to] = [plot.scales["x"]?.min ?? 0, plot.scales["x"]?.max ?? 0];
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  for (const { epoch, label, kind } of marks) {
    if (epoch < from || epoch > to) continue;
    const x = Math.round(plot.valToPos(epoch, "x", true));
    ctx.strokeStyle = ctx.fillStyle = tint(kind === "best" ? "--good" : "--ink-soft");
    ctx.lineWidth = ratio;
    ctx.setLineDash(kind === "best" ? [] : [3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const left = x + ctx.measureText(label).width + 8 * ratio > bbox.left + bbox.width;
    ctx.textAlign = left ? "right" : "left";
    ctx.fillText(label, x + (left ? -4 : 4) * ratio, bbox.top + (kind === "best" ? 2 : 15) * ratio);
  }
  ctx.restore();
}

/** How uPlot shows a drawing in an element. `now` returns the drawing of the moment; its size is the caller's. */
export function optionsOf(
  element: HTMLElement,
  group: Group,
  now: () => Drawing,
): Omit<uPlot.Options, "width" | "height"> {
  const style = getComputedStyle(element); // live: it follows the colour scheme
  const tint = (name: string) => style.getPropertyValue(name);
  const ink = () => tint("--ink-soft");
  const grid = { stroke: () => tint("--line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const range = (_: uPlot, least: number | null, most: number | null) => logRange(least, most);
  return {
    legend: { show: false },
    padding: [8, 12, 0, 0],
    scales: {
      x: {
        time: false,
        range: (): [number, number] => [...spanOf(now().epochs, group.span.value)] as [number, number],
      },
      y: now().log ? { distr: 3, range } : { range: linearRange },
    },
    axes: [
      {
        ...axis,
        size: 26,
        incrs: [1, 2, 5].flatMap((step) => [1, 10, 100, 1000, 1e4].map((ten) => step * ten)).sort((a, b) => a - b),
      },
      {
        ...axis,
        size: 54,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : now().format(tick))),
        ...(now().log
          ? { splits: (_: uPlot, __: number, low: number, high: number) => logarithmicMarks(low, high) }
          : {}),
        filter: (_, ticks) => ticks,
      },
    ],
    series: [{}, ...seriesOf(now())],
    cursor: {
      y: false,
      points: { size: 7 },
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => reset(group) },
    },
    hooks: {
      setSelect: [(plot) => select(plot, group)],
      setCursor: [(plot) => point(plot, group, now().epochs)],
      draw: [(plot) => drawMarks(plot, now().marks, tint)],
    },
  };
}

function reset(group: Group): null {
  group.span.value = null;
  return null;
}

function select(plot: uPlot, group: Group): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const span: Span = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  group.span.value = span;
}

function point(plot: uPlot, group: Group, epochs: readonly number[]): void {
  const at = plot.cursor.idx;
  const inside = (plot.cursor.left ?? -1) >= 0;
  group.at.value = inside && at !== null && at !== undefined ? (epochs[at] ?? null) : null;
}
