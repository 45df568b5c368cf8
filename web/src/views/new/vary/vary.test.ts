import { describe, expect, it } from "vitest";
import { combinations, countOf, valuesOf } from "./vary";

describe("several values", () => {
  it("are read as a range, a list, or both; words stay words", () => {
    expect(valuesOf("0-4")).toEqual([0, 1, 2, 3, 4]);
    expect(valuesOf("0.1, 3e-2, 10-12")).toEqual([0.1, 0.03, 10, 11, 12]);
    expect(valuesOf("adam, true, null, 4-1")).toEqual(["adam", true, null, "4-1"]);
    expect(valuesOf(" ")).toEqual([]);
  });

  it("are a range by factors, the ends as they are written", () => {
    expect(valuesOf("0.001 to 1 log 4")).toEqual([0.001, 0.01, 0.1, 1]);
    expect(valuesOf("3e-4 to 0.1 log 3, 1")).toEqual([3e-4, 0.00548, 0.1, 1]);
    expect(valuesOf("1 to 0.01 LOG 3")).toEqual([1, 0.1, 0.01]);
    expect(valuesOf("1 to 1.001 log 9")).toEqual([1, 1.001]);
    expect(valuesOf("0 to 1 log 3, 1 to 2 log 1")).toEqual(["0 to 1 log 3", "1 to 2 log 1"]);
  });

  it("make a job for each combination", () => {
    const varied = [
      { path: ["training", "seed"], text: "0-1" },
      { path: ["training", "optimizer", "lr"], text: "0.1, 0.01" },
    ];
    expect(countOf(varied)).toBe(4);
    const jobs = combinations({ preset: "convnet", training: { epochs: 2 } }, varied);
    expect(jobs).toHaveLength(4);
    expect(jobs[1]).toEqual({ preset: "convnet", training: { epochs: 2, seed: 0, optimizer: { lr: 0.01 } } });
  });

  it("change nothing where none is written", () => {
    const varied = [{ path: ["training", "seed"], text: "" }];
    expect([countOf(varied), combinations({ name: "a" }, varied)]).toEqual([1, [{ name: "a" }]]);
  });
});
