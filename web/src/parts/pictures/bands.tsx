// Curves of many runs: each as a line, or groups of them as bands of quantiles; the run under the pointer is named.

import { useMemo, useRef, useState } from "preact/hooks";
import { figure } from "../../format";
import { colourOf } from "../chart/colours";
import { areaOf } from "./axes";
import { Painted } from "./canvas";
import { paintBand, paintLine, paintMedian, within } from "./curves_painting";
import { type Hit, nearestLine, nearestPoint, pointerIn } from "./pointing";
import { Readout } from "./readout";
import { linear, logarithmic, type Said } from "./scales";
import type { Line, Bands as Quantiles } from "./statistics";

/** A run's curve. */
export interface Run extends Line {
  id: string;
  name: string;
  /** The number of its colour and dashes. */
  colour: number;
  /** The curve before it was smoothed, drawn faintly behind. */
  raw?: readonly (number | null)[];
}

/** A group of runs as bands. */
export interface Band extends Quantiles {
  name: string;
  colour: number;
  /** How many runs it has. */
  runs: number;
}

interface BandsProps {
  title: string;
  /** All runs: those that are drawn, and where there are bands those that can be pointed at. */
  runs: readonly Run[];
  /** Instead of a line for each run. */
  bands: readonly Band[] | null;
  /** How the marks along y and the read-out say a value. */
  mark?: Said;
  x: string;
  log: boolean;
  /** The id of the run that is pointed at here or elsewhere. */
  active: string | null;
  onPoint: (id: string | null) => void;
  onOpen: (id: string) => void;
}

const NARROW = 0.9;
const KEYS: Readonly<Record<string, [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The picture; arrows go from run to run and from point to point, Enter opens the run. */
export function Bands(props: BandsProps) {
  const { runs, bands, log, mark = figure } = props;
  const box = useRef<HTMLDivElement>(null);
  const [hit, setHit] = useState<Hit | null>(null);
  const opens = useRef(true); // what a click does: a finger's first one only names
  const scales = useMemo(() => scalesOf(runs, bands, log, mark), [runs, bands, log, mark]);
  const paint = useMemo(
    () =>
      within(scales, props, (pen, area) => {
        for (const band of bands ?? []) paintBand(pen, area, scales, band);
        for (const band of bands ?? []) paintMedian(pen, area, scales, band);
        for (const run of bands ? [] : runs) paintLine(pen, area, scales, run, runs.length > 40 ? NARROW : 1.6);
      }),
    [scales, runs, bands, props.x, props.title],
  );
  const pointed = runs.findIndex((run) => run.id === props.active);
  const over = useMemo(
    () =>
      within(scales, null, (pen, area) => {
        const run = runs[pointed];
        if (run) paintLine(pen, area, scales, run, 3.2, hit?.line === pointed ? hit.point : undefined);
      }),
    [scales, runs, pointed, hit],
  );

  const run = hit ? runs[hit.line] : undefined;

  function point(next: Hit | null): void {
    setHit(next);
    props.onPoint(next ? (runs[next.line]?.id ?? null) : null);
  }

  function onMove(event: PointerEvent): void {
    const [px, py] = pointerIn(event);
    const area = areaOf(box.current?.clientWidth ?? 0, box.current?.clientHeight ?? 0);
    point(nearestLine(runs, area, scales.x, scales.y, px, py));
  }

  function onDown(event: PointerEvent): void {
    opens.current = event.pointerType !== "touch" || run !== undefined;
    onMove(event);
  }

  function onKey(event: KeyboardEvent): void {
    const step = KEYS[event.key];
    const run = runs[pointed];
    if (event.key === "Enter" && run) props.onOpen(run.id);
    else if (event.key === "Escape") point(null);
    else if (step && runs.length) point(stepped(runs, pointed, hit, step));
    else return;
    event.preventDefault();
  }

  return (
    <div
      class="picture curves"
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys go from run to run
      tabIndex={0}
      aria-label={`${props.title} by ${props.x} of ${runs.length} jobs, up to ${props.x} ${figure(lengthOf(runs))}. Arrow keys go from job to job and along its curve, Enter opens it.`}
      ref={box}
      onPointerMove={onMove}
      onPointerDown={onDown}
      onPointerLeave={(event) => event.pointerType !== "touch" && point(null)}
      onClick={() => run && opens.current && props.onOpen(run.id)}
      onKeyDown={onKey}
    >
      <Painted name="flightline curves" paint={paint} />
      <Painted paint={over} />
      <div role="status">
        {hit && run && <CurveReadout {...props} run={run} hit={hit} scales={scales} box={box.current} />}
      </div>
    </div>
  );
}

function lengthOf(runs: readonly Run[]): number {
  return Math.max(0, ...runs.map((run) => run.x.at(-1) ?? 0));
}

type Scales = ReturnType<typeof scalesOf>;

function scalesOf(runs: readonly Run[], bands: readonly Band[] | null, log: boolean, mark: Said) {
  const heights = bands ? bands.flatMap((band) => [...(band.quantiles[0] ?? []), ...(band.quantiles[4] ?? [])]) : [];
  const values = bands ? heights : runs.flatMap((run) => run.y);
  return {
    x: linear(
      runs.flatMap((run) => run.x),
      figure,
      8,
    ),
    y: log ? logarithmic(values, mark) : linear(values, mark),
  };
}

function stepped(runs: readonly Run[], pointed: number, hit: Hit | null, [line, point]: [number, number]): Hit {
  const next = pointed < 0 ? 0 : (pointed + line + runs.length) % runs.length;
  const places = runs[next]?.x ?? [];
  const before = hit && places.length ? nearestPoint(places, runs[hit.line]?.x[hit.point] ?? 0) : places.length - 1;
  return { line: next, point: Math.min(Math.max(0, before + point), Math.max(0, places.length - 1)) };
}

interface CurveReadoutProps extends BandsProps {
  run: Run;
  hit: Hit;
  scales: Scales;
  box: HTMLElement | null;
}

function CurveReadout({ run, hit, scales, box, bands, title, x, mark = figure }: CurveReadoutProps) {
  const [width, height] = [box?.clientWidth ?? 0, box?.clientHeight ?? 0];
  const area = areaOf(width, height);
  const place = run.x[hit.point] ?? 0;
  const value = run.y[hit.point] ?? null;
  const left = area.left + (scales.x.at(place) ?? 0) * area.width;
  const top = area.top + (1 - (scales.y.at(value) ?? 0.5)) * area.height;
  return (
    <Readout x={left} y={Math.min(top, height - 60 - 22 * (bands?.length ?? 0))} width={width}>
      <strong>
        <span class="swatch" style={{ background: colourOf(run.colour) }} /> {run.name}
      </strong>
      <div>
        {x} {figure(place)}: {title} {mark(value)}
      </div>
      {bands?.map((band) => {
        const at = nearestPoint(band.x, place);
        return (
          <div key={band.name} class="soft">
            {band.name}: median {mark(band.quantiles[2]?.[at])} ({band.n[at] ?? 0} of {band.runs} jobs)
          </div>
        );
      })}
    </Readout>
  );
}
