// Figures, times and names as people read them.

import type { Job } from "./api/schema";

/** A share such as an accuracy, as per cent; a dash where there is none. */
export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)} %`;
}

/** A loss or another figure, with three significant digits or so; a whole number, such as a seed, with all of its own. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isSafeInteger(value)) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : Number(value.toPrecision(4)).toString();
}

/** A duration, such as "48 s", "3 min 20 s" or "2 h 5 min". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return join(Math.floor(whole / 60), "min", whole % 60, "s");
  return join(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
}

function join(large: number, unit: string, small: number, smaller: string): string {
  return small ? `${large} ${unit} ${small} ${smaller}` : `${large} ${unit}`;
}

/** How long ago an instant was, such as "3 min"; `now` in milliseconds. */
export function ago(instant: string | null, now: number): string {
  if (instant === null) return "–";
  const seconds = Math.max(0, (now - Date.parse(instant)) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The end of an id, by which people call a job. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/** A number of bytes, such as "184 MB". */
export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${Number((count / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/** What people call a job: its name, else the preset that it was made from, else what it does. Its id tells it apart. */
export function nameOf({ name, preset, kind }: Pick<Job, "name" | "preset" | "kind">): string {
  return name ?? preset ?? (kind === "train" ? "job" : kind === "evaluate" ? "evaluation" : kind);
}
