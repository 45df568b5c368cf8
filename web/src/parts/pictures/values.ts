// Values of runs as pictures show and say them, and what a field is called beside others.

import { figure } from "../../format";
import type { Value } from "./scales";

/** A value as people read it. */
export function valueText(value: Value): string {
  return typeof value === "number" ? figure(value) : (value ?? "–");
}

/** A share as a mark of an axis tells it: "82.5 %". */
export function shareMark(value: number | null | undefined): string {
  return typeof value === "number" ? `${figure(100 * value)} %` : figure(value);
}

/** A value of a spec as an axis shows it: numbers and texts as they are, lists and switches by their text. */
export function plain(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" || typeof value === "string") return value;
  return JSON.stringify(value);
}

/** The shortest end of a dotted path that no other one has, such as `lr` of `training.optimizer.lr`. */
export function shortest(path: string, all: readonly string[]): string {
  const parts = path.split(".");
  for (let count = 1; count < parts.length; count++) {
    const end = parts.slice(-count).join(".");
    const vague = /^(kind|name|\d+(\..*)?)$/.test(end); // they say nothing without what they are of
    if (!vague && all.filter((other) => other === end || other.endsWith(`.${end}`)).length === 1) return end;
  }
  return path;
}
