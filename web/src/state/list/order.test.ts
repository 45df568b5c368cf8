import { describe, expect, it } from "vitest";
import type { Row } from "./jobs";
import { orderOf, pathOfSort, valueAt } from "./order";

function row(id: string, created_at: string, lr: number | null): Row {
  return { id, created_at, spec: { training: { optimizer: { lr } } } } as unknown as Row;
}

const OLD = row("a", "2026-01-01T00:00:00Z", 0.1);
const HALF = row("b", "2026-01-01T00:00:00.5Z", 0.01);
const NONE = row("c", "2026-01-01T00:00:01Z", null);
const NEW = row("d", "2026-01-02T00:00:00Z", 0.1);
const sorted = (sort: string) =>
  [OLD, NONE, NEW, HALF]
    .sort(orderOf(sort))
    .map(({ id }) => id)
    .join("");

describe("the order of jobs", () => {
  it("is by creation, to the fraction of a second", () => {
    expect([sorted("-created_at"), sorted("created_at")]).toEqual(["dcba", "abcd"]);
  });

  it("is by a hyperparameter, jobs without it last, equal ones by creation", () => {
    expect([sorted("spec.training.optimizer.lr"), sorted("-spec.training.optimizer.lr")]).toEqual(["badc", "dabc"]);
  });

  it("knows the field of a sort, and finds values by path", () => {
    expect([pathOfSort("-best_val_accuracy"), pathOfSort("finished_at")]).toEqual([
      "result.best_val_accuracy",
      "finished_at",
    ]);
    expect([valueAt(OLD, "spec.training.optimizer.lr"), valueAt(OLD, "spec.none.lr")]).toEqual([0.1, undefined]);
  });
});
