// What single cells of the table show.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { ago } from "../../../format";
import { now } from "../../../state/clock";
import type { Curve } from "../../../state/list/curves";
import type { Row } from "../../../state/list/jobs";
import { narrow } from "./shown";

/** A value that a click makes a condition of the filter. */
export function Value({ term, children }: { term: string; children: ComponentChildren }) {
  function onClick(event: MouseEvent): void {
    if (!event.shiftKey) narrow(term);
  }
  return (
    <button type="button" class="value" tabIndex={-1} title={`Only ${term}`} onClick={onClick}>
      {children}
    </button>
  );
}

/** How many epochs have ended, as figures and as a thin bar. */
export function Progress({ row }: { row: Row }) {
  const { epoch, epochs } = row.progress;
  const share = epochs > 0 ? Math.min(1, epoch / epochs) : 0;
  return (
    <span class={`progress ${row.status}`}>
      <span>
        {epoch} / {epochs}
      </span>
      <span class="bar" aria-hidden="true">
        <span style={{ width: `${100 * share}%` }} />
      </span>
    </span>
  );
}

/** How long ago an instant was, as time goes on. */
export function Age({ at }: { at: string | null | undefined }) {
  return <>{ago(at ?? null, now.value)}</>;
}

const WIDTH = 96;
const HEIGHT = 22;

/** The path of a curve in little; gaps where there is no value. A single value is a point. */
export function pathOf(values: readonly (number | null)[]): string {
  const finite = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const across = (WIDTH - 4) / Math.max(1, values.length - 1);
  const up = high > low ? (HEIGHT - 4) / (high - low) : 0;
  let pen = "M";
  let path = "";
  for (const [index, value] of values.entries()) {
    if (value === null || !Number.isFinite(value)) {
      pen = "M";
      continue;
    }
    const y = up ? HEIGHT - 2 - up * (value - low) : HEIGHT / 2;
    path += `${pen}${(2 + across * index).toFixed(1)} ${y.toFixed(1)}`;
    if (pen === "M") path += "h.01";
    pen = "L";
  }
  return path;
}

/** The curve of a job in little. */
export function Sparkline({ curve, of }: { curve: Signal<Curve | null>; of: "loss" | "accuracy" }) {
  const values = curve.value?.[of] ?? [];
  return (
    <svg class={`sparkline ${of}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      {values.length > 0 && <path d={pathOf(values)} />}
    </svg>
  );
}
