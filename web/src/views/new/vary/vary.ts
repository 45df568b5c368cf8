// Several jobs at once: fields that take one value after another, and the jobs that come of it.

import { numberOf } from "../form/controls";
import { isObject, type Json, type JsonObject, type Path, withValue } from "../form/document";
import type { Field } from "../form/schema";

/** The most jobs that the service takes at once. */
export const MOST_JOBS = 1000;

/** A field that takes several values, as it is typed: "0-4", "0.1, 0.03, 0.01", or "0.001 to 1 log 4". */
export interface Varied {
  path: Path;
  text: string;
}

const NUMBER = String.raw`(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)`;
const BY_FACTORS = new RegExp(String.raw`^${NUMBER}\s+to\s+${NUMBER}\s+log\s+(\d{1,4})$`, "i");
const DIGITS = 3;

/** So many values from one number to another, each by the same factor above the one before, to three digits. */
function byFactors(from: number, to: number, count: number): readonly number[] {
  const values = Array.from({ length: count }, (_, index) => {
    if (index === 0) return from;
    if (index === count - 1) return to;
    return Number((from * (to / from) ** (index / (count - 1))).toPrecision(DIGITS));
  });
  return [...new Set(values)];
}

/** The values of a text such as "0-4", "1, 3, 10-12", "0.001 to 1 log 4" or "adam, sgd". */
export function valuesOf(text: string): readonly Json[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
    .flatMap((one): readonly Json[] => {
      const [, low = "", high = "", count = ""] = BY_FACTORS.exec(one) ?? [];
      const ends = [Number(low), Number(high)] as const;
      if (ends[0] > 0 && ends[1] > 0 && Number(count) > 1 && Number(count) <= MOST_JOBS)
        return byFactors(...ends, Number(count));
      const range = /^(\d{1,10})\s*[-–]\s*(\d{1,10})$/.exec(one);
      if (!range) return [{ true: true, false: false, null: null }[one] ?? (one === "null" ? null : numberOf(one))];
      const [from, to] = [Number(range[1]), Number(range[2])];
      if (to < from || to - from >= MOST_JOBS) return [one];
      return Array.from({ length: to - from + 1 }, (_, index) => from + index);
    });
}

/** How many jobs there would be. */
export function countOf(varied: readonly Varied[]): number {
  return varied.map((one) => Math.max(1, valuesOf(one.text).length)).reduce((product, count) => product * count, 1);
}

/** The jobs: the document once for each combination of the values, the last field changing fastest. */
export function combinations(document: JsonObject, varied: readonly Varied[]): readonly JsonObject[] {
  return varied.reduce<readonly JsonObject[]>(
    (jobs, { path, text }) => {
      const values = valuesOf(text);
      if (!values.length) return jobs;
      return jobs.flatMap((job) => values.map((value) => withValue(job, path, value)).filter(isObject));
    },
    [document],
  );
}

/**
 * The single values of a job that may vary, by their paths: numbers, texts, choices and flags outside of lists; with
 * `whole` also lists of numbers, and which of several kinds an object is.
 */
export function variable(
  fields: readonly Field[],
  document: JsonObject,
  { path = [], whole = false }: { path?: Path; whole?: boolean } = {},
): readonly Path[] {
  return fields.flatMap(({ name, kind }): readonly Path[] => {
    const here = [...path, name];
    const below = { path: here, whole };
    if (kind.type === "object") return variable(kind.fields, document, below);
    if (kind.type === "union") {
      const written = here.reduce<Json | undefined>((at, token) => (isObject(at) ? at[token] : undefined), document);
      const chosen = kind.variants.find((one) => isObject(written) && one.kind === written["kind"]);
      const kinds = whole && kind.variants.length > 1 && isObject(written) ? [[...here, "kind"]] : [];
      return [...kinds, ...variable(chosen?.fields ?? [], document, below)];
    }
    if (whole && kind.type === "list" && kind.item === "number") return [here];
    return kind.type === "list" || kind.type === "variants" ? [] : [here];
  });
}
