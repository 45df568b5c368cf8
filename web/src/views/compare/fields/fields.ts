// The fields of compared jobs: the hyperparameters in which they differ, and the figures that came of them.

import { duration, percent } from "../../../format";
import { type Kept, keeps } from "../../../parts/pictures/parallel/brush";
import type { Said, Value } from "../../../parts/pictures/scales";
import { plain, shareMark, shortest, valueText } from "../../../parts/pictures/values";
import type { Compared, ComparedJob, Run } from "../runs/runs";

/** Something that each job has a value of. */
export interface Field {
  id: string;
  label: string;
  /** What it belongs to: "results", or the part of the spec. */
  group: string;
  of: (run: Run) => Value;
  text: (value: Value) => string;
  /** How the marks of an axis say it, where not as any figure. */
  mark?: Said;
  /** Which values are good; null where none is. */
  better: "more" | "less" | null;
}

const RESULTS = "results";
const share = (value: Value) => percent(typeof value === "number" ? value : null);
const time = (value: Value) => duration(typeof value === "number" ? value : null);

function result(
  id: string,
  label: string,
  better: Field["better"],
  of: (job: ComparedJob) => Value,
  text = valueText,
): Field {
  const mark = text === share ? { mark: shareMark } : {};
  return { id, label, group: RESULTS, better, of: (run) => of(run.job), text, ...mark };
}

/** What is known of every job, in the order in which one looks at it. */
export const FIGURES: readonly Field[] = [
  result("status", "status", null, (job) => job.status),
  result("best_val_accuracy", "best val. accuracy", "more", (job) => job.result?.best_val_accuracy ?? null, share),
  result("val_accuracy", "final val. accuracy", "more", (job) => job.result?.val_accuracy ?? null, share),
  result("val_loss", "validation loss", "less", (job) => job.result?.val_loss ?? null),
  result("train_loss", "training loss", "less", (job) => job.result?.train_loss ?? null),
  result("epochs", "epochs", null, (job) => job.progress.epoch),
  result("duration", "duration", "less", (job) => seconds(job), time),
  result("parameters", "parameters", null, (job) => job.cost.parameters),
  result("device", "device", null, (job) => job.device),
];

/** The jobs of equal specs but for the seed, as a field to keep one of them by. */
export const CONFIGURATION: Field = result(
  "configuration",
  "configuration",
  null,
  (job) => job.config_hash,
  (value) => String(value).slice(0, 8),
);

/** How long a job has run, in seconds. */
function seconds(job: ComparedJob): number | null {
  if (!job.started_at) return null;
  const end = job.finished_at ? Date.parse(job.finished_at) : Date.now();
  return (end - Date.parse(job.started_at)) / 1000;
}

/** The hyperparameters in which the jobs that are left differ. */
export function hyperparameters({ runs, differing }: Compared): Field[] {
  const paths = [...differing].filter(([, values]) => {
    const texts = new Set(runs.map((run) => JSON.stringify(values.get(run.job.id) ?? null)));
    return texts.size > 1;
  });
  const all = paths.map(([path]) => path);
  return paths.map(([path, values]) => ({
    id: path,
    label: shortest(path, all),
    group: path.includes(".") ? path.slice(0, path.indexOf(".")) : "job",
    of: (run) => plain(values.get(run.job.id)),
    text: valueText,
    better: null,
  }));
}

/** Fields by how well their values tell jobs apart, the best first: one that a single job has otherwise says little. */
export function mostTelling(fields: readonly Field[], runs: readonly Run[]): Field[] {
  const told = new Map(fields.map((field) => [field, entropy(runs.map((run) => field.of(run)))]));
  return [...fields].sort((one, other) => (told.get(other) ?? 0) - (told.get(one) ?? 0));
}

function entropy(values: readonly Value[]): number {
  const counts = new Map<Value, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) sum -= (count / values.length) * Math.log(count / values.length);
  return sum;
}

/** Whether a job is within all that is kept; what is kept of a field that is not there any more says nothing. */
export function isKept(run: Run, fields: ReadonlyMap<string, Field>, kept: ReadonlyMap<string, Kept>): boolean {
  for (const [id, one] of kept) {
    const field = fields.get(id);
    if (field && !keeps(one, field.of(run))) return false;
  }
  return true;
}

/** Jobs from the best to the worst by a field; those without a value last. */
export function ranked(runs: readonly Run[], field: Field): Run[] {
  const sign = field.better === "less" ? 1 : -1;
  return [...runs].sort((one, other) => compareValues(field.of(one), field.of(other), sign));
}

/** The order of two values: numbers by size, texts by letters and the numbers in them, nothing always last. */
export function compareValues(one: Value, other: Value, sign: 1 | -1): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  if (typeof one === "number" && typeof other === "number") return sign * (one - other);
  return sign * String(one).localeCompare(String(other), "en", { numeric: true });
}
