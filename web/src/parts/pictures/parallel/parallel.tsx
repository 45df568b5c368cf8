// Parallel coordinates: an axis for each field, a line for each run; brushing keeps the runs that pass through a range.

import { useMemo, useRef, useState } from "preact/hooks";
import { Painted, type Painter } from "../canvas";
import { pointerIn } from "../pointing";
import { Readout } from "../readout";
import type { Scale, Value } from "../scales";
import { valueText } from "../values";
import { between, type Kept, nudged } from "./brush";
import { ParallelHead } from "./parallel_head";
import { nearestRun, type Place, paintBrush, paintRun, paintRuns, placeAt, placesFor } from "./parallel_painting";

/** A field of the runs. */
export interface ParallelAxis {
  id: string;
  label: string;
  scale: Scale;
  /** What of it is kept; null for all. */
  kept: Kept | null;
}

/** A run as a line through the axes. */
export interface ParallelRun {
  id: string;
  name: string;
  colour: string;
  /** Its value on each axis. */
  values: readonly Value[];
  inside: boolean;
}

interface ParallelProps {
  axes: readonly ParallelAxis[];
  runs: readonly ParallelRun[];
  active: string | null;
  onPoint: (id: string | null) => void;
  onOpen: (id: string) => void;
  onKeep: (axis: string, kept: Kept | null) => void;
  /** An axis was moved: the ids in their new order. */
  onOrder: (ids: readonly string[]) => void;
}

/** A range that is being dragged: the axis' number and two places on it. */
export interface Dragged {
  axis: number;
  from: number;
  to: number;
}

const NEAR = 16; // pixels beside an axis in which dragging brushes
const LEAST = 0.015;
const LEAST_REM = 6; // width of an axis, so that its name can be read

/** The picture with the axes' names as buttons: arrows left and right move an axis, up and down change what is kept. */
export function Parallel(props: ParallelProps) {
  const { axes, runs, active } = props;
  const element = useRef<HTMLDivElement>(null);
  const [dragged, setDragged] = useState<Dragged | null>(null);
  const paint = useMemo<Painter>(() => (pen) => paintRuns(pen, axes, runs), [axes, runs]);
  const pointed = runs.find((run) => run.id === active);
  const over = useMemo<Painter>(
    () => (pen) => {
      if (pointed) paintRun(pen, axes, pointed, 3);
      paintBrush(pen, axes, dragged);
    },
    [axes, pointed, dragged],
  );
  const places = () => placesFor(axes.length, element.current?.clientWidth ?? 0, element.current?.clientHeight ?? 0);

  function onMove(event: PointerEvent): void {
    const [px, py] = pointerIn(event);
    if (dragged) setDragged({ ...dragged, to: placeAt(places(), py) });
    else props.onPoint(nearestRun(places(), axes, runs, px, py)?.id ?? null);
  }

  function onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    const [px, py] = pointerIn(event);
    const axis = axisAt(places(), px);
    if (axis === null) return;
    element.current?.setPointerCapture(event.pointerId);
    setDragged({ axis, from: placeAt(places(), py), to: placeAt(places(), py) });
  }

  function onUp(event: PointerEvent): void {
    const axis = dragged && axes[dragged.axis];
    setDragged(null);
    if (axis && Math.abs(dragged.to - dragged.from) > LEAST) {
      props.onKeep(axis.id, between(axis.scale, dragged.from, dragged.to));
    } else if (axis?.kept) props.onKeep(axis.id, null);
    else {
      const hit = nearestRun(places(), axes, runs, ...pointerIn(event));
      if (hit) props.onOpen(hit.id);
    }
  }

  function onKey(axis: ParallelAxis, event: KeyboardEvent): void {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key] as 1 | -1 | undefined;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction) props.onKeep(axis.id, nudged(axis.scale, axis.kept, event.shiftKey ? "low" : "high", direction));
    else if (step) props.onOrder(moved(axes, axis.id, axes.indexOf(axis) + step));
    else if (event.key === "Escape") props.onKeep(axis.id, null);
    else return;
    event.preventDefault();
  }

  return (
    <div class="parallel" style={{ minWidth: `${axes.length * LEAST_REM}rem` }}>
      <ParallelHead axes={axes} onKey={onKey} onDrop={(id, to) => props.onOrder(moved(axes, id, to))} />
      <div
        class="picture"
        role="img"
        aria-label={`Parallel coordinates of ${runs.length} jobs: ${axes.map((axis) => axis.label).join(", ")}`}
        ref={element}
        onPointerMove={onMove}
        onPointerDown={onDown}
        onPointerUp={onUp}
        onPointerCancel={() => setDragged(null)}
        onPointerLeave={() => !dragged && props.onPoint(null)}
      >
        <Painted name="flightline parallel" paint={paint} />
        <Painted paint={over} />
        {pointed && !dragged && <RunReadout axes={axes} run={pointed} width={element.current?.clientWidth ?? 0} />}
      </div>
    </div>
  );
}

/** The ids of axes after one of them was moved to a place. */
export function moved(axes: readonly { id: string }[], id: string, to: number): string[] {
  const others = axes.map((axis) => axis.id).filter((other) => other !== id);
  others.splice(Math.min(Math.max(0, to), others.length), 0, id);
  return others;
}

function axisAt({ columns }: Place, px: number): number | null {
  const found = columns.findIndex((column) => Math.abs(column - px) <= NEAR);
  return found < 0 ? null : found;
}

function RunReadout({ axes, run, width }: { axes: readonly ParallelAxis[]; run: ParallelRun; width: number }) {
  return (
    <Readout x={width / 2} y={24} width={width}>
      <strong>
        <span class="swatch" style={{ background: run.colour }} /> {run.name}
      </strong>
      {axes.map((axis, index) => (
        <div key={axis.id}>
          {axis.label} {valueText(run.values[index] ?? null)}
        </div>
      ))}
    </Readout>
  );
}
