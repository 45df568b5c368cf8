// Points of many runs, one figure against another: the one under the pointer is named, dragging keeps those in a box.

import { useMemo, useRef, useState } from "preact/hooks";
import { type Area, type Axis, across, areaOf, clipped, paintAxes, placeOf, upwards } from "./axes";
import { Painted, type Painter, type Pen } from "./canvas";
import { between, type Kept } from "./parallel/brush";
import { pointerIn } from "./pointing";
import { Readout } from "./readout";
import type { Value } from "./scales";

/** A run as a point. */
export interface Point {
  id: string;
  name: string;
  colour: string;
  x: Value;
  y: Value;
  /** What is told of it beside its name. */
  facts: readonly string[];
  /** Whether it is kept; others are drawn faintly. */
  inside: boolean;
}

interface ScatterProps {
  points: readonly Point[];
  x: Axis;
  y: Axis;
  active: string | null;
  onPoint: (id: string | null) => void;
  onOpen: (id: string) => void;
  onBrush: (x: Kept, y: Kept) => void;
}

/** A box that is being dragged, in pixels. */
type Box = readonly [number, number, number, number];

const REACH = 18;
const LEAST = 5; // pixels that a pointer moves before it drags

/** The picture; arrows go from point to point along x, Enter opens the run. */
export function Scatter(props: ScatterProps) {
  const { points, x, y, active } = props;
  const element = useRef<HTMLDivElement>(null);
  const [box, setBox] = useState<Box | null>(null);
  const [here, setHere] = useState(false);
  const placed = useMemo(() => placedOf(points, x, y), [points, x, y]);
  const paint = useMemo<Painter>(() => (pen) => paintAll(pen, placed, x, y), [placed, x, y]);
  const pointed = placed.find(({ point }) => point.id === active) ?? null;
  const over = useMemo<Painter>(() => (pen) => paintOver(pen, pointed, box), [pointed, box]);

  const area = () => areaOf(element.current?.clientWidth ?? 0, element.current?.clientHeight ?? 0);

  function onMove(event: PointerEvent): void {
    const [px, py] = pointerIn(event);
    if (box) setBox([box[0], box[1], px, py]);
    else props.onPoint(nearest(placed, area(), px, py)?.point.id ?? null);
  }

  function onDown(event: PointerEvent): void {
    if (event.button !== 0 || event.pointerType === "touch") return; // a finger scrolls
    const [px, py] = pointerIn(event);
    element.current?.setPointerCapture(event.pointerId);
    setBox([px, py, px, py]);
  }

  function onUp(event: PointerEvent): void {
    const [px, py] = pointerIn(event);
    const dragged = box && Math.hypot(box[2] - box[0], box[3] - box[1]) > LEAST;
    setBox(null);
    if (!dragged) {
      const hit = nearest(placed, area(), px, py);
      const names = event.pointerType === "touch" && hit?.point.id !== active; // a finger's first touch
      if (names) props.onPoint(hit?.point.id ?? null);
      else if (hit) props.onOpen(hit.point.id);
      return;
    }
    const [left, low] = placeOf(area(), box[0], box[1]);
    const [right, high] = placeOf(area(), px, py);
    const [keptX, keptY] = [between(x.scale, left, right), between(y.scale, low, high)];
    if (keptX && keptY) props.onBrush(keptX, keptY);
  }

  function onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && pointed) props.onOpen(pointed.point.id);
    else if (event.key === "Escape") props.onPoint(null);
    else if (step && placed.length) {
      const at = pointed ? placed.indexOf(pointed) + step : 0;
      props.onPoint(placed[(at + placed.length) % placed.length]?.point.id ?? null);
    } else return;
    event.preventDefault();
  }

  return (
    <div
      class="picture scatter"
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys go from point to point
      tabIndex={0}
      aria-label={`${y.label} against ${x.label} of ${placed.length} jobs. Arrow keys go from job to job, Enter opens it.`}
      ref={element}
      onPointerMove={onMove}
      onPointerDown={onDown}
      onPointerUp={onUp}
      onPointerCancel={() => setBox(null)}
      onPointerEnter={() => setHere(true)}
      onPointerLeave={(event) => {
        if (event.pointerType === "touch") return;
        setHere(false);
        if (!box) props.onPoint(null);
      }}
      onFocus={() => setHere(true)}
      onBlur={() => setHere(false)}
      onKeyDown={onKey}
    >
      <Painted name="flightline scatter" paint={paint} />
      <Painted paint={over} />
      <div role="status">{pointed && here && !box && <PointReadout placed={pointed} area={area()} />}</div>
    </div>
  );
}

/** A point that has a place on both axes. */
interface Placed {
  point: Point;
  right: number;
  up: number;
}

function placedOf(points: readonly Point[], x: Axis, y: Axis): Placed[] {
  const placed: Placed[] = [];
  for (const point of points) {
    const [right, up] = [x.scale.at(point.x), y.scale.at(point.y)];
    if (right !== null && up !== null) placed.push({ point, right, up });
  }
  return placed.sort((one, other) => one.right - other.right || one.up - other.up);
}

function nearest(placed: readonly Placed[], area: Area, px: number, py: number): Placed | null {
  let found: Placed | null = null;
  let least = REACH;
  for (const one of placed) {
    const distance = Math.hypot(across(area, one.right) - px, upwards(area, one.up) - py);
    if (distance < least) [found, least] = [one, distance];
  }
  return found;
}

function paintAll(pen: Pen, placed: readonly Placed[], x: Axis, y: Axis): void {
  const area = areaOf(pen.width, pen.height);
  paintAxes(pen, area, x, y);
  clipped(pen, area, () => {
    for (const one of placed) if (!one.point.inside) paintPoint(pen, area, one, 4, 0.15);
    for (const one of placed) if (one.point.inside) paintPoint(pen, area, one, 5, 0.85);
  });
}

function paintPoint(pen: Pen, area: Area, { point, right, up }: Placed, radius: number, alpha: number): void {
  const { context } = pen;
  context.globalAlpha = alpha;
  context.fillStyle = point.colour;
  context.beginPath();
  context.arc(across(area, right), upwards(area, up), radius, 0, 2 * Math.PI);
  context.fill();
  context.globalAlpha = 1;
}

function paintOver(pen: Pen, pointed: Placed | null, box: Box | null): void {
  const { context, colours } = pen;
  const area = areaOf(pen.width, pen.height);
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  if (pointed) {
    context.beginPath();
    context.arc(across(area, pointed.right), upwards(area, pointed.up), 8, 0, 2 * Math.PI);
    context.stroke();
  }
  if (!box) return;
  context.strokeStyle = context.fillStyle = colours.link;
  context.lineWidth = 1;
  const sides = [box[0], box[1], box[2] - box[0], box[3] - box[1]] as const;
  context.strokeRect(...sides);
  context.globalAlpha = 0.1;
  context.fillRect(...sides);
  context.globalAlpha = 1;
}

function PointReadout({ placed, area }: { placed: Placed; area: Area }) {
  const { point, right, up } = placed;
  return (
    <Readout
      x={across(area, right)}
      y={Math.min(upwards(area, up), area.top + area.height - 60)}
      width={area.width + area.left}
    >
      <strong>
        <span class="swatch" style={{ background: point.colour }} /> {point.name}
      </strong>
      {point.facts.map((fact) => (
        <div key={fact}>{fact}</div>
      ))}
    </Readout>
  );
}
