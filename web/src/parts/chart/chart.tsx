// Curves over epochs: read-out under the pointer, zoom by dragging or keys, smoothing, marks, NaN as a gap.

import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import "./language";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { figure } from "../../format";
import { colourOf, dashOf } from "./colours";
import { columnsOf, type Drawing, optionsOf } from "./plot";
import { smooth } from "./smoothing";
import { chartGroup, type Group, positionOf, zoomBy } from "./zoom";
import "./chart.css";

export { chartGroup, type Group } from "./zoom";

/** A curve: its name, its values by epoch (null or NaN where there is none), and the number of its colour. */
export interface Curve {
  name: string;
  values: readonly (number | null)[];
  colour: number;
}

/** A line at an epoch: the best one, or where an attempt went on. */
export interface Mark {
  epoch: number;
  label: string;
  kind: "best" | "resumed";
}

interface ChartProps {
  title: string;
  epochs: readonly number[];
  curves: readonly Curve[];
  /** Logarithmic values; those not above zero are gaps then. */
  log?: boolean;
  /** Weight of what was before, 0 (none) to below 1; the curves themselves stay, faintly. */
  smoothing?: number;
  height?: number;
  marks?: readonly Mark[];
  /** Charts of one group share pointer and zoom. */
  group?: Group;
  /** How the read-out writes a value. */
  format?: (value: number | null) => string;
}

const NONE: readonly Mark[] = [];

/** A chart with its title and a read-out, which has the values under the pointer, else the latest. */
export function Chart(props: ChartProps) {
  const own = useMemo(chartGroup, []);
  const group = props.group ?? own;
  const { title, epochs, curves, format = figure } = props;
  const latest = curves.map(({ name, values }) => `${name} ${format(values.at(-1) ?? null)}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>
        <span class="title">{title}</span>
        <ReadOut {...props} group={group} />
      </figcaption>
      <div
        class="plot"
        role="img"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys read out and zoom
        tabIndex={0}
        aria-label={`${title}, latest: ${latest}`}
        onKeyDown={(event) => onKey(event, epochs, group)}
      >
        <Canvas {...props} group={group} />
      </div>
    </figure>
  );
}

/** The curves' names and values: a legend that reads out. */
function ReadOut({ epochs, curves, smoothing = 0, group, format = figure }: ChartProps & { group: Group }) {
  const position = group.at.value === null ? epochs.length - 1 : positionOf(epochs, group.at.value);
  const smoothed = useMemo(
    () => (smoothing > 0 ? curves.map(({ values }) => smooth(values, smoothing)) : []),
    [curves, smoothing],
  );
  return (
    <ul class="values">
      {curves.map(({ name, values, colour }, number) => (
        <li key={name}>
          <span
            class="swatch"
            style={{
              borderTopColor: colourOf(colour),
              borderTopStyle: dashOf(colour).length ? "dashed" : "solid",
            }}
          />
          {name} <b>{format(values[position] ?? null)}</b>
          {smoothing > 0 && <span class="soft"> ~{format(smoothed[number]?.[position] ?? null)}</span>}
        </li>
      ))}
    </ul>
  );
}

function onKey(event: KeyboardEvent, epochs: readonly number[], group: Group): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = group.at.value;
  const position = at === null ? epochs.length : positionOf(epochs, at);
  const read = (to: number) => {
    group.at.value = epochs[Math.min(epochs.length - 1, Math.max(0, to))] ?? null;
  };
  const zoom = (factor: number) => {
    group.span.value = zoomBy(epochs, group.span.value, factor, at);
  };
  const far = event.shiftKey ? 10 : 1;
  const keys: Record<string, () => void> = {
    ArrowLeft: () => read(position - far),
    ArrowRight: () => read(position + far),
    Home: () => read(0),
    End: () => read(epochs.length - 1),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    "0": () => {
      group.span.value = null;
    },
    Escape: () => {
      group.at.value = null;
    },
  };
  const act = keys[event.key];
  if (!act || !epochs.length) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

/** The canvas: made anew for another shape of chart, else only given its data. */
function Canvas({
  epochs,
  curves,
  log = false,
  smoothing = 0,
  marks = NONE,
  group,
  ...rest
}: ChartProps & { group: Group }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const height = rest.height ?? 200;
  const now: Drawing = { epochs, curves, log, smoothing, marks, format: rest.format ?? figure };
  const drawing = useRef<Drawing>(now);
  drawing.current = now;
  const lines = curves.map(({ name, colour }) => [name, colour]);
  const shape = JSON.stringify([log, smoothing > 0, height, epochs.length > 1, lines]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const size = () => ({ width: element.clientWidth || 300, height });
    const options = optionsOf(element, group, () => drawing.current);
    const drawn = new uPlot({ ...options, ...size() }, columnsOf(drawing.current), element);
    plot.current = drawn;
    const resized = new ResizeObserver(() => drawn.setSize(size()));
    const repaint = () => drawn.redraw(false);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const chosen = new MutationObserver(repaint);
    resized.observe(element);
    scheme.addEventListener("change", repaint);
    chosen.observe(document.documentElement, { attributes: true });
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", repaint);
      chosen.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [shape, group]);

  useEffect(() => plot.current?.setData(columnsOf(drawing.current)), [epochs, curves, smoothing, marks]);
  useSignalEffect(() => {
    if (group.span.value !== undefined && plot.current) plot.current.setData(plot.current.data); // the scale's range reads it
  });
  useSignalEffect(() => follow(plot.current, group.at.value));
  return <div ref={box} />;
}

/** Put a chart's cursor at the epoch that is pointed at in another chart of its group. */
function follow(drawn: uPlot | null, at: number | null): void {
  if (!drawn) return;
  const shown = drawn.cursor.idx;
  if (at === null) {
    if (shown !== null && shown !== undefined) drawn.setCursor({ left: -10, top: -10 }, false);
  } else if (shown === null || shown === undefined || drawn.data[0][shown] !== at)
    drawn.setCursor({ left: drawn.valToPos(at, "x"), top: 0 }, false);
}
