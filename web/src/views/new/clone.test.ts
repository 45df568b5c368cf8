import { expect, test } from "vitest";
import { atPoint } from "./clone";

test("the job at a point of a sweep is its base with the point's values, and the base stays as it is", () => {
  const base = { preset: "notebook-linear", training: { epochs: 3, optimizer: { kind: "sgd", lr: 1 } } };
  expect(atPoint(base, { "training.optimizer.lr": 0.1, "architecture.hidden": [64], "training.seed": 7 })).toEqual({
    preset: "notebook-linear",
    training: { epochs: 3, optimizer: { kind: "sgd", lr: 0.1 }, seed: 7 },
    architecture: { hidden: [64] },
  });
  expect(base.training.optimizer.lr).toBe(1);
});
