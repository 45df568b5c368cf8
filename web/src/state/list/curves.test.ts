// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../api/client";
import { type Curve, Curves, continued, thinned } from "./curves";
import type { Row } from "./jobs";

const api = vi.hoisted(() => ({ read: vi.fn() }));

vi.mock("../../api/client", async (original) => ({ ...(await original<object>()), read: api.read }));

const CURVE: Curve = { epochs: 2, attempts: 1, loss: [0.9, 0.8], accuracy: [0.5, 0.6] };

function row(epoch: number, attempts = 1, id = "one"): Row {
  const result = { val_loss: 0.7, val_accuracy: 0.65 };
  return { id, progress: { epoch, epochs: 9, eta_seconds: null }, attempts, result } as unknown as Row;
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
    expect(continued(CURVE, row(1))).toBe(CURVE); // read before the curve was
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

describe("the reading of curves in little", () => {
  /** Answers the requests so far, each job with so many epochs. */
  let answer: (epochs: number) => Promise<void>;
  let asked: { path: string; stop: AbortSignal }[] = [];
  let curves: Curves;

  beforeEach(() => {
    vi.useFakeTimers();
    curves = new Curves();
    asked = [];
    const waiting: ((value: unknown) => void)[] = [];
    api.read.mockImplementation((path: string, stop: AbortSignal) => {
      asked.push({ path, stop });
      return new Promise((resolve) => waiting.push(resolve));
    });
    answer = async (epochs) => {
      const values = Array.from({ length: epochs }, (_, at) => at);
      for (const resolve of waiting.splice(0))
        resolve({ epoch: values.map((at) => at + 1), val_loss: values, val_accuracy: values });
      await vi.advanceTimersByTimeAsync(0);
    };
  });
  afterEach(() => {
    curves.close();
    vi.useRealTimers();
  });

  it("gives up no request for a newer one: where answers take longer than epochs, none would ever come", async () => {
    curves.want([row(1)]);
    await vi.advanceTimersByTimeAsync(200);
    for (const epoch of [3, 5, 7]) {
      curves.want([row(epoch)]);
      await vi.advanceTimersByTimeAsync(200);
    }
    expect(asked.map(({ stop }) => stop.aborted)).toEqual([false]);
    await answer(1);
    expect(curves.of("one").value?.epochs).toBe(1);
  });

  it("reads what was wanted meanwhile after a pause as long as the answer took", async () => {
    curves.want([row(1)]);
    await vi.advanceTimersByTimeAsync(120);
    curves.want([row(5)]);
    await vi.advanceTimersByTimeAsync(1000);
    await answer(1);
    await vi.advanceTimersByTimeAsync(900);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toHaveLength(2);
    await answer(5);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([asked.length, curves.of("one").value?.epochs]).toEqual([2, 5]);
  });

  it("asks again after a refusal only when something changes", async () => {
    api.read.mockRejectedValueOnce(new Problem(0, "no_answer", "No answer"));
    curves.want([row(1)]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(api.read).toHaveBeenCalledTimes(1);
    curves.want([row(2)]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toHaveLength(1);
  });
});
