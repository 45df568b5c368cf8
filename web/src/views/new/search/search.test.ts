import { describe, expect, it } from "vitest";
import { dimensionOf, FIRST, requestOf } from "./search";

describe("a dimension of a space", () => {
  it("is a range, by logarithm or in steps, of whole numbers where its ends are", () => {
    expect(dimensionOf("1e-3 to 0.1 log")).toEqual({ kind: "float", low: 0.001, high: 0.1, log: true });
    expect(dimensionOf(" 16 to 256 ")).toEqual({ kind: "int", low: 16, high: 256 });
    expect(dimensionOf("0 to 1 step 0.25")).toEqual({ kind: "float", low: 0, high: 1, step: 0.25 });
    expect(dimensionOf("0.0 to 1")).toEqual({ kind: "float", low: 0, high: 1 });
    expect(dimensionOf("-1 TO 5 step 2")).toEqual({ kind: "int", low: -1, high: 5, step: 2 });
  });

  it("is values in their order, or a choice", () => {
    expect(dimensionOf("16, 64, 256")).toEqual({ kind: "values", values: [16, 64, 256] });
    expect(dimensionOf("adam, sgd")).toEqual({ kind: "choice", values: ["adam", "sgd"] });
    expect(dimensionOf("true, false")).toEqual({ kind: "choice", values: [true, false] });
    expect(dimensionOf("  ")).toBeNull();
  });
});

describe("the request for a search", () => {
  it("has the job without its name, which is the sweep's, and only what varies", () => {
    const job = { name: "rates", preset: "convnet", training: { epochs: 9 } };
    const searched = { ...FIRST, varied: [...FIRST.varied, { path: ["training", "batch_size"], text: "" }] };
    expect(requestOf(job, searched)).toEqual({
      name: "rates",
      base: { preset: "convnet", training: { epochs: 9 } },
      space: { "training.optimizer.lr": { kind: "float", low: 0.001, high: 0.5, log: true } },
      algorithm: { kind: "random" },
      objective: { metric: "val_accuracy" },
      asha: {},
      max_trials: 32,
      max_parallel: 8,
      repeats: 1,
    });
    expect(requestOf({}, { ...FIRST, early: false })).toMatchObject({ base: {}, asha: null });
  });
});
