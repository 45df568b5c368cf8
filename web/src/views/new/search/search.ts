// A search instead of one run: what somebody writes of the space, as the API takes it.

import type { FieldProblem } from "../../../api/client";
import type { Json, JsonObject, Path } from "../form/document";
import type { Field } from "../form/schema";
import { type Varied, valuesOf, variable } from "../vary/vary";

/** What a job has beside what is trained, which the service lets no search vary. */
const FIXED: ReadonlySet<unknown> = new Set(["name", "preset", "tags", "priority", "limits", "cache", "resources"]);

const NUMBER = String.raw`([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)`;
const RANGE = new RegExp(String.raw`^${NUMBER}\s+to\s+${NUMBER}(?:\s+(log)|\s+step\s+${NUMBER})?$`, "i");

/** How a search goes: the fields of its part of the form. */
export interface Searched {
  varied: readonly Varied[];
  algorithm: "random" | "tpe" | "grid";
  /** The same one gives the same search. */
  seed: number;
  metric: string;
  /** Of which epoch the metric is taken. */
  at: "best" | "last";
  trials: number;
  parallel: number;
  repeats: number;
  /** Whether points that are worse than others stop early. */
  early: boolean;
  /** Epochs after which they do so first. */
  least: number;
  /** One of so many goes on. */
  eta: number;
}

/** What a search begins with. */
export const FIRST: Searched = {
  varied: [{ path: ["training", "optimizer", "lr"], text: "0.001 to 0.5 log" }],
  algorithm: "random",
  seed: 0,
  metric: "val_accuracy",
  at: "best",
  trials: 32,
  parallel: 8,
  repeats: 1,
  early: true,
  least: 1,
  eta: 4,
};

/** The paths that a search may vary: single values, lists of numbers, and of which kind a part is; but no kind of network. */
export function searchable(fields: readonly Field[], document: JsonObject, searched: Searched): readonly Path[] {
  const free = fields.filter(({ name }) => !FIXED.has(name));
  const paths = variable(free, document, { whole: true }).filter((path) => path.join(".") !== "architecture.kind");
  return paths.filter((path) => clash(path, searched) === null);
}

/** Why a path cannot vary in a search that goes so, though it may in others; null where it can. */
export function clash(path: Path, { early, repeats }: Searched): string | null {
  const dotted = path.join(".");
  if (early && dotted === "training.epochs")
    return "Points that stop early are compared after the same epochs, of runs of one length: leave it out, or stop none early.";
  if (repeats > 1 && dotted === "training.seed")
    return "Each point has several seeds already: leave it out, or give each one seed.";
  return null;
}

/**
 * A dimension of the space, of a text such as "0.001 to 0.1 log", "16 to 256", "0 to 0.5 step 0.1", "16, 64, 256",
 * "adam, sgd" or "[64], [128, 64]"; null where it says nothing. A range between whole numbers is one of whole numbers.
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
  const values = listsOf(text) ?? valuesOf(text);
  if (!values.length) return null;
  return { kind: values.every((one) => typeof one === "number") ? "values" : "choice", values };
}

/** The lists of a text such as "[64], [128, 64]"; null where it is something else. */
function listsOf(text: string): readonly Json[] | null {
  try {
    const found = JSON.parse(`[${text}]`) as Json[];
    return found.length > 0 && found.every(Array.isArray) ? found : null;
  } catch {
    return null;
  }
}

/** What the service says against one dimension. */
export function against({ path }: Varied, problems: readonly FieldProblem[]): readonly FieldProblem[] {
  const pointer = `/space/${path.join(".")}`;
  return problems.filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`));
}

/** What is left of problems once dimensions have changed: those of the dimensions that are as they were. */
export function remaining(
  problems: readonly FieldProblem[],
  before: readonly Varied[],
  after: readonly Varied[],
): readonly FieldProblem[] {
  return after.filter((one) => before.includes(one)).flatMap((one) => against(one, problems));
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
    algorithm: { kind: searched.algorithm, seed: searched.seed },
    objective: { metric: searched.metric, at: searched.at },
    asha: searched.early ? { min_epochs: searched.least, eta: searched.eta } : null,
    max_trials: searched.trials,
    max_parallel: searched.parallel,
    repeats: searched.repeats,
  };
}
