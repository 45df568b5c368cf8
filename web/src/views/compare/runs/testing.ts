// Runs for tests: say what matters to the test, the rest is filled in.

import type { Job } from "../../../api/schema";
import { type ComparedJob, METRICS, type Run } from "./runs";

/** A finished job's run. */
export function aRun(
  number: number,
  changes: Partial<ComparedJob> = {},
  values: readonly (number | null)[] = [0.5, 0.6],
): Run {
  const job = {
    id: `019387a0-0000-7000-8000-${String(number).padStart(12, "0")}`,
    kind: "train",
    name: `run ${number}`,
    preset: null,
    status: "succeeded",
    cancel_requested: false,
    config_hash: "c0ffee",
    spec_hash: `spec ${number}`,
    cost: { parameters: 10, flops_per_epoch: 1, weight_bytes: 1 },
    progress: { epoch: values.length, epochs: values.length, eta_seconds: null },
    result: null,
    device: "cpu",
    started_at: null,
    finished_at: null,
    ...changes,
  } as ComparedJob;
  const figures = Object.fromEntries(METRICS.map(({ id }) => [id, values])) as Run["figures"];
  return { job, colour: number, epochs: values.map((_, index) => index + 1), figures };
}

/** The result of a job of this best accuracy. */
export function resultOf(best_val_accuracy: number): Job["result"] {
  const rest = { train_loss: 0.5, train_accuracy: 0.5, val_loss: 0.5, val_accuracy: 0.5 };
  return { ...rest, best_val_accuracy, best_epoch: 1 };
}
