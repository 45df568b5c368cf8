import { describe, expect, it, test } from "vitest";
import type { Sweep, Trial } from "../../api/schema";
import { bestSoFar } from "./best_so_far";
import { bestFirst } from "./order";
import { goodness, objectiveOf, paramsText, stopsText, variedOf } from "./space";

const START = "2026-01-01T00:00:00Z";

/** A point with these values: the seconds after which each became known, its rung, and the value. */
function trial(point: number, values: readonly [number, number, number][], changes: Partial<Trial> = {}): Trial {
  const reached = values.map(([seconds, rung, value]) => {
    return { rung, epoch: 4 ** rung, value, at: new Date(Date.parse(START) + seconds * 1000).toISOString() };
  });
  return { point, reached, status: "succeeded", params: {}, jobs: [], ...changes } as unknown as Trial;
}

function sweep(changes: Partial<Sweep>): Sweep {
  return { space: {}, objective: { metric: "val_accuracy", mode: null, at: "best" }, ...changes } as Sweep;
}

describe("the best so far", () => {
  it("is a line of steps, in the order in which values became known", () => {
    const trials = [
      trial(0, [[10, 0, 0.5]]),
      trial(1, [[5, 0, 0.8]]),
      trial(2, [[7, 0, 0.7]]),
      trial(3, [[20, 0, 0.9]]),
    ];
    expect(bestSoFar([...trials, trial(4, [])], START, false)).toEqual({
      seconds: [5, 7, 10, 20, 20],
      best: [0.8, 0.8, 0.8, 0.8, 0.9],
      points: [1, 1, 1, 1, 3],
    });
  });

  it("is of the points that have come furthest, also of those that wait or were stopped", () => {
    const trials = [
      trial(
        0,
        [
          [1, 0, 0.5],
          [4, 1, 0.7],
        ],
        { status: "stopped" },
      ),
      trial(
        1,
        [
          [2, 0, 0.6],
          [3, 1, 0.65],
        ],
        { status: "paused" },
      ),
      trial(2, [[5, 0, 0.8]], { status: "running" }),
    ];
    expect(bestSoFar(trials, START, false)).toEqual({
      seconds: [1, 2, 2, 3, 3, 4, 4, 5],
      best: [0.5, 0.5, 0.6, 0.6, 0.65, 0.65, 0.7, 0.7],
      points: [0, 0, 1, 1, 1, 1, 0, 0],
    });
  });

  it("is the least of a loss, and nothing of what has failed or has no value yet", () => {
    const trials = [
      trial(0, [[1, 0, 2]]),
      trial(1, [[2, 0, 1]]),
      trial(2, [[3, 0, 0]], { status: "failed", value: null }),
      trial(3, []),
    ];
    expect(bestSoFar(trials, START, true).best).toEqual([2, 2, 1]);
    expect(bestSoFar([], START, true)).toEqual({ seconds: [], best: [], points: [] });
  });
});

test("the best point comes first: of those that have come furthest, by value; last of all those that have none", () => {
  const points = [
    { rung: 0, value: 0.9 },
    { rung: null, value: null },
    { rung: 2, value: 0.5 },
    { rung: 2, value: 0.7 },
    { rung: 1, value: 0.6 },
  ];
  const values = (less: boolean) => [...points].sort((a, b) => bestFirst(a, b, less)).map(({ value }) => value);
  expect(values(false)).toEqual([0.7, 0.5, 0.6, 0.9, null]);
  expect(values(true)).toEqual([0.5, 0.7, 0.6, 0.9, null]);
});

test("a sweep stops early at its rungs but the last one, which is the end", () => {
  const asha = { min_epochs: 1, eta: 4 };
  expect(stopsText({ asha, rungs: [1, 4, 16, 64, 100] })).toBe("after 1, 4, 16, 64 of 100 epochs only the best go on");
  expect(stopsText({ asha: null, rungs: [100] })).toMatch(/^no:/);
  expect(stopsText({ asha, rungs: [1] })).toMatch(/^no:/);
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
    const trials = [0.01, 0.02].map((lr) => trial(0, [], { params: { "training.optimizer.lr": lr } }));
    expect(varied[0]?.scale(trials).kind).toBe("log");
    const params = { "training.optimizer.lr": 0.02, "architecture.hidden": [128, 64] };
    expect(paramsText(params, varied)).toBe("optimizer.lr 0.02, schedule.lr –, hidden [128,64]");
  });

  it("has an axis of the numbers as they are where the sweep draws so, whatever they span", () => {
    const ranges = { momentum: { kind: "float", low: 0, high: 0.99 }, width: { kind: "int", low: 1, high: 900 } };
    const trials = [1, 900].map((size) => trial(0, [], { params: { momentum: size / 1000, width: size } }));
    expect(variedOf(sweep({ space: ranges })).map(({ scale }) => scale(trials).kind)).toEqual(["linear", "linear"]);
    const values = { width: { kind: "values", values: [1, 30, 900] } };
    expect(variedOf(sweep({ space: values })).map(({ scale }) => scale(trials).kind)).toEqual(["log"]);
  });

  it("is judged by more accuracy or less loss, unless it says otherwise", () => {
    expect(objectiveOf(sweep({})).less).toBe(false);
    expect(objectiveOf(sweep({})).text(0.5)).toBe("50.0 %");
    expect(objectiveOf(sweep({ objective: { metric: "val_loss", mode: null, at: "last" } }))).toMatchObject({
      less: true,
      label: "validation loss of the last epoch",
      short: "validation loss",
    });
    expect(objectiveOf(sweep({ objective: { metric: "train_loss", mode: "max", at: "best" } })).less).toBe(false);
  });

  it("is shown as better where its place on the axis is, by its mode", () => {
    expect([goodness(0.9, { less: false }), goodness(0.75, { less: true })]).toEqual([0.9, 0.25]);
    expect(goodness(null, { less: true })).toBeNull();
  });
});
