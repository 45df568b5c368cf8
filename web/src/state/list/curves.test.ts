// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { type Curve, continued, thinned } from "./curves";
import type { Row } from "./jobs";

const CURVE: Curve = { epochs: 2, attempts: 1, loss: [0.9, 0.8], accuracy: [0.5, 0.6] };

function row(epoch: number, attempts = 1): Row {
  const result = { val_loss: 0.7, val_accuracy: 0.65 };
  return { progress: { epoch, epochs: 9, eta_seconds: null }, attempts, result } as unknown as Row;
}

describe("curves in little", () => {
  it("goes on by one epoch with what the list has read", () => {
    expect(continued(CURVE, row(2))).toBe(CURVE);
    expect(continued(CURVE, row(3))).toEqual({
      epochs: 3,
      attempts: 1,
      loss: [0.9, 0.8, 0.7],
      accuracy: [0.5, 0.6, 0.65],
    });
  });

  it("is read again where epochs are missing or were trained again", () => {
    expect([continued(CURVE, row(5)), continued(CURVE, row(1, 2)), continued(CURVE, row(2, 2))]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("is thinned evenly, and keeps its ends", () => {
    const long = Array.from({ length: 1000 }, (_, index) => index);
    const few = thinned(long);
    expect([few.length, few[0], few.at(-1)]).toEqual([48, 0, 999]);
    expect(thinned([1, null, 3])).toEqual([1, null, 3]);
  });
});
