// Brushing: what of an axis is kept, as values (so that it outlives a change of the axis) and as a text for an address.

import { figure } from "../../../format";
import type { Scale, Value } from "../scales";

/** What of an axis is kept: numbers between two, both included, or some of its categories. */
export type Kept = { low: number; high: number } | { only: readonly string[] };

/** Whether a value is kept. Nothing is kept of jobs that have no value. */
export function keeps(kept: Kept, value: Value): boolean {
  if (value === null) return false;
  if ("only" in kept) return kept.only.includes(String(value));
  return typeof value === "number" && value >= kept.low && value <= kept.high;
}

/** What lies between two places of a scale; null where that is nothing. */
export function between(scale: Scale, one: number, other: number): Kept | null {
  const [from, to] = one < other ? [one, other] : [other, one];
  if (scale.kind === "category") {
    const only = scale.categories.filter((name) => inside(scale.at(name), from, to));
    return only.length ? { only } : null;
  }
  const [low, high] = [scale.value(from), scale.value(to)];
  return typeof low === "number" && typeof high === "number" && high > low
    ? { low: round(low), high: round(high) }
    : null;
}

function inside(at: number | null, from: number, to: number): boolean {
  return at !== null && at >= from && at <= to;
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}

/** The places between which a scale shows what is kept; all of it where the scale is of another kind. */
export function spanOf(scale: Scale, kept: Kept | null): [number, number] {
  if (!kept) return [0, 1];
  if ("only" in kept) {
    const half = 0.5 / Math.max(1, scale.categories.length);
    const places = kept.only.map((name) => scale.at(name)).filter((at) => at !== null);
    return places.length ? [Math.min(...places) - half, Math.max(...places) + half] : [0, 1];
  }
  return [clamp(scale.at(kept.low) ?? 0), clamp(scale.at(kept.high) ?? 1)];
}

/** What is kept after a key moved one of its ends by a step; null for all of the axis. */
export function nudged(scale: Scale, kept: Kept | null, end: "low" | "high", direction: 1 | -1): Kept | null {
  const step = scale.kind === "category" ? 1 / Math.max(1, scale.categories.length) : 0.05;
  const [low, high] = spanOf(scale, kept);
  const moved: [number, number] =
    end === "low"
      ? [Math.min(clamp(low + direction * step), high - step), high]
      : [low, Math.max(clamp(high + direction * step), low + step)];
  if (moved[0] <= 1e-9 && moved[1] >= 1 - 1e-9) return null;
  return between(scale, ...moved) ?? kept;
}

function clamp(at: number): number {
  return Math.min(1, Math.max(0, at));
}

/** What is kept, as people read it. */
export function keptText(kept: Kept): string {
  return "only" in kept ? kept.only.join(", ") : `${figure(kept.low)} to ${figure(kept.high)}`;
}

/** What is kept, as an address says it: `0.001..0.1` or `=adam|sgd`. */
export function writeKept(kept: Kept): string {
  return "only" in kept ? `=${kept.only.map(encodeURIComponent).join("|")}` : `${kept.low}..${kept.high}`;
}

/** What an address says is kept; null where it says nothing that can be understood. */
export function readKept(text: string): Kept | null {
  if (text.startsWith("=")) return { only: text.slice(1).split("|").map(decoded) };
  const [low, high, more] = text.split("..").map((part) => (part === "" ? Number.NaN : Number(part)));
  if (low === undefined || high === undefined || more !== undefined) return null;
  return Number.isFinite(low) && Number.isFinite(high) ? { low, high } : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address that somebody typed
  }
}
