// A search instead of one run: what somebody writes of the space, as the API takes it.

import type { Json, JsonObject } from "../form/document";
import type { Varied } from "../vary/vary";
import { valuesOf } from "../vary/vary";

const NUMBER = String.raw`([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)`;
const RANGE = new RegExp(String.raw`^${NUMBER}\s+to\s+${NUMBER}(?:\s+(log)|\s+step\s+${NUMBER})?$`, "i");

/** How a search goes: the fields of its part of the form. */
export interface Searched {
  varied: readonly Varied[];
  algorithm: "random" | "tpe" | "grid";
  metric: string;
  trials: number;
  parallel: number;
  repeats: number;
  /** Whether points that are worse than others stop early. */
  early: boolean;
}

/** What a search begins with. */
export const FIRST: Searched = {
  varied: [{ path: ["training", "optimizer", "lr"], text: "0.001 to 0.5 log" }],
  algorithm: "random",
  metric: "val_accuracy",
  trials: 32,
  parallel: 8,
  repeats: 1,
  early: true,
};

/**
 * A dimension of the space, of a text such as "0.001 to 0.1 log", "16 to 256", "0 to 0.5 step 0.1", "16, 64, 256" or
 * "adam, sgd"; null where it says nothing. A range between whole numbers is one of whole numbers.
 */
export function dimensionOf(text: string): JsonObject | null {
  const range = RANGE.exec(text.trim());
  if (range) {
    const [, from = "", to = "", log, step] = range;
    const [low, high] = [Number(from), Number(to)];
    const whole = [from, to, step ?? "1"].every((one) => /^[+-]?\d+$/.test(one));
    return {
      kind: whole ? "int" : "float",
      low,
      high,
      ...(log ? { log: true } : {}),
      ...(step === undefined ? {} : { step: Number(step) }),
    };
  }
  const values = valuesOf(text);
  if (!values.length) return null;
  return { kind: values.every((one) => typeof one === "number") ? "values" : "choice", values };
}

/** The request for a search over a job; fields of which nothing is written do not vary. */
export function requestOf(base: JsonObject, searched: Searched): JsonObject {
  const { name, ...job } = base;
  const space = searched.varied.flatMap(({ path, text }): [string, Json][] => {
    const dimension = dimensionOf(text);
    return dimension ? [[path.join("."), dimension]] : [];
  });
  return {
    ...(name === undefined || name === null ? {} : { name }),
    base: job,
    space: Object.fromEntries(space),
    algorithm: { kind: searched.algorithm },
    objective: { metric: searched.metric },
    asha: searched.early ? {} : null,
    max_trials: searched.trials,
    max_parallel: searched.parallel,
    repeats: searched.repeats,
  };
}
