// What a sweep varies and what it compares: the fields of its points, whether more or less of the objective is good, and
// where it stops points early.

import type { Sweep, Trial } from "../../api/schema";
import { figure, percent } from "../../format";
import { type Kept, keeps } from "../../parts/pictures/parallel/brush";
import { linear, logarithmic, type Said, type Scale, scaleOf, type Value } from "../../parts/pictures/scales";
import { plain, shareMark, shortest, valueText } from "../../parts/pictures/values";

/** A hyperparameter that a sweep varies. */
export interface Varied {
  /** Its dotted path into the job. */
  id: string;
  label: string;
  of: (trial: Trial) => Value;
  scale: (trials: readonly Trial[]) => Scale;
}

/** What a sweep compares its points by. */
export interface Objective {
  label: string;
  /** The figure alone, where there is little room. */
  short: string;
  /** Whether less of it is better. */
  less: boolean;
  text: (value: number | null | undefined) => string;
  mark: Said;
}

/** The hyperparameters of a sweep, in the order of its space. */
export function variedOf({ space }: Sweep): readonly Varied[] {
  const paths = Object.keys(space);
  return paths.map((id) => {
    const of = (trial: Trial) => plain(trial.params[id]);
    const scale = drawnOn(space[id]);
    return { id, label: shortest(id, paths), of, scale: (trials) => scale(trials.map(of)) };
  });
}

/** The id by which the objective's own axis is kept. */
export const VALUE = "value";

/** Whether a point is within all that is kept. */
export function isInside(trial: Trial, varied: readonly Varied[], limits: ReadonlyMap<string, Kept>): boolean {
  const fields: readonly Pick<Varied, "id" | "of">[] = [...varied, { id: VALUE, of: (one) => one.value }];
  return fields.every(({ id, of }) => {
    const limit = limits.get(id);
    return !limit || keeps(limit, of(trial));
  });
}

/** The axis of a dimension: by the logarithm where a range is drawn so, as the numbers are where not; of values what suits. */
function drawnOn(dimension: unknown): (values: readonly Value[]) => Scale {
  const { kind, log } = (dimension ?? {}) as { kind?: unknown; log?: unknown };
  if (kind !== "float" && kind !== "int") return scaleOf;
  return log === true ? logarithmic : linear;
}

/** The objective of a sweep. */
export function objectiveOf({ objective }: Sweep): Objective {
  const metric = String(objective["metric"] ?? "val_accuracy");
  const mode = objective["mode"];
  const accuracy = metric.endsWith("accuracy");
  const short = WORDS[metric] ?? metric;
  return {
    short,
    label: `${short}${objective["at"] === "last" ? " of the last epoch" : ""}`,
    less: mode === "min" || (mode !== "max" && !accuracy),
    text: accuracy ? percent : figure,
    mark: accuracy ? shareMark : figure,
  };
}

const WORDS: Readonly<Record<string, string>> = {
  val_accuracy: "validation accuracy",
  val_loss: "validation loss",
  train_accuracy: "training accuracy",
  train_loss: "training loss",
};

/** Where a sweep's points stop early, in words; the last rung is the end of those that go on. */
export function stopsText({ asha, rungs }: Pick<Sweep, "asha" | "rungs">): string {
  if (!asha || rungs.length < 2) return "no: every point trains to its end";
  return `after ${rungs.slice(0, -1).join(", ")} of ${rungs.at(-1)} epochs only the best go on`;
}

/** The values of a point, in words. */
export function paramsText(params: Readonly<Record<string, unknown>>, varied: readonly Varied[]): string {
  return varied.map(({ id, label }) => `${label} ${valueText(plain(params[id]))}`).join(", ");
}

/** How good a place on the objective's axis is, from 0 for the worst to 1; null where there is none. */
export function goodness(place: number | null, { less }: Pick<Objective, "less">): number | null {
  return place !== null && less ? 1 - place : place;
}
