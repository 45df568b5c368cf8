import { describe, expect, it } from "vitest";
import type { Sweep, Trial } from "../../api/schema";
import { bestSoFar } from "./best_so_far";
import { objectiveOf, paramsText, variedOf } from "./space";

const START = "2026-01-01T00:00:00Z";

function trial(point: number, value: number | null, seconds: number | null, changes: Partial<Trial> = {}): Trial {
  const finished_at = seconds === null ? null : new Date(Date.parse(START) + seconds * 1000).toISOString();
  return { point, value, finished_at, status: "succeeded", params: {}, jobs: [], ...changes } as Trial;
}

function sweep(changes: Partial<Sweep>): Sweep {
  return { space: {}, objective: { metric: "val_accuracy", mode: null, at: "best" }, ...changes } as Sweep;
}

describe("the best so far", () => {
  it("is a line of steps, in the order in which points have ended", () => {
    const trials = [trial(0, 0.5, 10), trial(1, 0.8, 5), trial(2, 0.7, 7), trial(3, 0.9, 20), trial(4, null, null)];
    expect(bestSoFar(trials, START, false)).toEqual({
      seconds: [5, 7, 10, 20, 20],
      best: [0.8, 0.8, 0.8, 0.8, 0.9],
      points: [1, 1, 1, 1, 3],
    });
  });

  it("is the least of a loss, and nothing of what has failed or not ended", () => {
    const trials = [trial(0, 2, 1), trial(1, 1, 2), trial(2, 0, 3, { status: "failed" }), trial(3, 0.1, null)];
    expect(bestSoFar(trials, START, true).best).toEqual([2, 2, 1]);
    expect(bestSoFar([], START, true)).toEqual({ seconds: [], best: [], points: [] });
  });
});

describe("what a sweep varies", () => {
  const space = {
    "training.optimizer.lr": { kind: "float", low: 0.01, high: 0.04, log: true },
    "training.schedule.lr": { kind: "values", values: [1, 2] },
    "architecture.hidden": { kind: "choice", values: [[64], [128, 64]] },
  };

  it("has names that tell fields apart, and axes by logarithm where the sweep draws so", () => {
    const varied = variedOf(sweep({ space }));
    expect(varied.map(({ label }) => label)).toEqual(["optimizer.lr", "schedule.lr", "hidden"]);
    const trials = [0.01, 0.02].map((lr) => trial(0, 1, 1, { params: { "training.optimizer.lr": lr } }));
    expect(varied[0]?.scale(trials).kind).toBe("log");
    const params = { "training.optimizer.lr": 0.02, "architecture.hidden": [128, 64] };
    expect(paramsText(params, varied)).toBe("optimizer.lr 0.02, schedule.lr –, hidden [128,64]");
  });

  it("is judged by more accuracy or less loss, unless it says otherwise", () => {
    expect(objectiveOf(sweep({})).less).toBe(false);
    expect(objectiveOf(sweep({})).text(0.5)).toBe("50.0 %");
    expect(objectiveOf(sweep({ objective: { metric: "val_loss", mode: null, at: "last" } }))).toMatchObject({
      less: true,
      label: "validation loss of the last epoch",
    });
    expect(objectiveOf(sweep({ objective: { metric: "train_loss", mode: "max", at: "best" } })).less).toBe(false);
  });
});
