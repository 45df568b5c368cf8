import { describe, expect, it } from "vitest";
import { figure } from "../../format";
import { columnsOf, type Drawing } from "./plot";

const DRAWING: Drawing = {
  epochs: [1, 2, 3, 4],
  curves: [{ name: "loss", values: [2, Number.NaN, Number.POSITIVE_INFINITY, 0], colour: 0 }],
  log: false,
  smoothing: 0,
  marks: [],
  format: figure,
};

describe("columnsOf", () => {
  it("makes gaps of what is no number", () => {
    expect(columnsOf(DRAWING)).toEqual([
      [1, 2, 3, 4],
      [2, null, null, 0],
    ]);
  });

  it("makes gaps of what has no logarithm", () => {
    expect(columnsOf({ ...DRAWING, log: true })[1]).toEqual([2, null, null, null]);
  });

  it("keeps the curve itself beside the smooth one", () => {
    const [, raw, smoothed] = columnsOf({ ...DRAWING, smoothing: 0.5 });
    expect(raw).toEqual([2, null, null, 0]);
    expect(smoothed?.[0]).toBe(2);
    expect(smoothed?.[3]).toBeCloseTo(0.5 / 0.75);
  });
});
