// @vitest-environment happy-dom
import { expect, it } from "vitest";
import type { Replay } from "../../../api/schema";
import { verdictText } from "./replay";

const EQUAL: Replay = {
  verdict: "bit_equal",
  reason: null,
  epochs: 9,
  digests: 9,
  epoch: null,
  apart_epoch: null,
  epsilon: 1e-4,
  differences: {},
  environment: {},
};

it("says what a replay's verdict comes to", () => {
  expect(verdictText(EQUAL)).toBe("All 9 epochs are the same, the states of 9 by their digests.");
  expect(verdictText({ ...EQUAL, digests: 0 })).toBe("All 9 epochs are the same.");
  expect(verdictText({ ...EQUAL, verdict: "within_epsilon", epoch: 3 })).toContain("from epoch 3 on");
  expect(verdictText({ ...EQUAL, verdict: "differs_at_epoch", epoch: 2, apart_epoch: 5 })).toContain("From epoch 5 on");
  expect(verdictText({ ...EQUAL, verdict: "not_comparable", reason: "It was cancelled." })).toBe("It was cancelled.");
});
