import { describe, expect, it } from "vitest";
import { current, type Epoch, fold, NO_EPOCHS, resumptions } from "./epochs";

function epoch(number: number, seq: number, attempt = 1): { kind: "epoch"; data: Epoch } {
  const data: Epoch = {
    epoch: number,
    train_loss: 1 / number,
    train_accuracy: 0.5,
    last_batch_loss: 1,
    val_loss: 2 / number,
    val_accuracy: 0.5,
    lr: 0.1,
    seconds: 1,
    samples_per_second: 100,
    attempt,
    seq,
  };
  return { kind: "epoch", data };
}

describe("fold", () => {
  it("appends epochs in order, and leaves the old columns alone", () => {
    const one = fold(NO_EPOCHS, [epoch(1, 3)]);
    const two = fold(one, [epoch(2, 4)]);
    expect(one.epoch).toEqual([1]);
    expect(two.epoch).toEqual([1, 2]);
    expect(two.val_loss).toEqual([2, 1]);
    expect(NO_EPOCHS.epoch).toEqual([]);
  });

  it("counts an event once, however often it comes", () => {
    const columns = fold(NO_EPOCHS, [epoch(1, 3), epoch(2, 4)]);
    expect(fold(columns, [epoch(1, 3), epoch(2, 4)])).toEqual(columns);
  });

  it("goes back to where an attempt resumes", () => {
    const before = fold(NO_EPOCHS, [epoch(1, 3), epoch(2, 4), epoch(3, 5)]);
    const back = fold(before, [{ kind: "resumed", data: { from_epoch: 2 } }]);
    expect(back.epoch).toEqual([1]);
    const again = fold(back, [epoch(2, 8, 2)]);
    expect([again.epoch, again.attempt]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it("replaces an epoch that is run again without a word of it", () => {
    const again = fold(fold(NO_EPOCHS, [epoch(1, 3), epoch(2, 4), epoch(3, 5)]), [epoch(2, 9, 2)]);
    expect([again.epoch, again.seq]).toEqual([
      [1, 2],
      [3, 9],
    ]);
  });
});

describe("current", () => {
  it("leaves out what a later attempt will run again", () => {
    const stored = { ...fold(NO_EPOCHS, [epoch(1, 3), epoch(2, 4), epoch(3, 5)]), seq: [3, 9, 5], attempt: [1, 2, 1] };
    expect(current(stored).epoch).toEqual([1, 2]);
  });

  it("leaves an undisturbed run as it is", () => {
    const columns = fold(NO_EPOCHS, [epoch(1, 3), epoch(2, 4)]);
    expect(current(columns)).toBe(columns);
    expect(current(NO_EPOCHS)).toBe(NO_EPOCHS);
  });
});

describe("resumptions", () => {
  it("names the epochs with which attempts go on", () => {
    const columns = fold(NO_EPOCHS, [epoch(1, 3), epoch(2, 6, 2), epoch(3, 7, 2), epoch(4, 9, 4)]);
    expect(resumptions(columns)).toEqual([
      { epoch: 2, attempt: 2 },
      { epoch: 4, attempt: 4 },
    ]);
  });
});
