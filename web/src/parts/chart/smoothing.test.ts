import { describe, expect, it } from "vitest";
import { smooth } from "./smoothing";

describe("smooth", () => {
  it("leaves a curve as it is at weight 0", () => {
    expect(smooth([3, 1, 2], 0)).toEqual([3, 1, 2]);
  });

  it("begins at the first value, not at zero", () => {
    expect(smooth([5, 5, 5], 0.9)).toEqual([5, expect.closeTo(5), expect.closeTo(5)]);
  });

  it("weighs earlier values by powers of the weight", () => {
    expect(smooth([1, 2], 0.5)[1]).toBeCloseTo((0.5 * 1 + 2) / 1.5);
  });

  it("keeps gaps, and goes on behind them as if they were not there", () => {
    const whole = smooth([1, 2, 4], 0.6);
    expect(smooth([1, null, 2, Number.NaN, Number.POSITIVE_INFINITY, 4], 0.6)).toEqual([
      whole[0],
      null,
      whole[1],
      null,
      null,
      whole[2],
    ]);
  });

  it("smooths nothing into nothing", () => {
    expect(smooth([], 0.6)).toEqual([]);
    expect(smooth([null], 0.6)).toEqual([null]);
  });
});
