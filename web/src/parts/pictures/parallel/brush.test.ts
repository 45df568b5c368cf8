import { describe, expect, test } from "vitest";
import { categories, linear, logarithmic } from "../scales";
import { between, keeps, nudged, readKept, spanOf, writeKept } from "./brush";

const names = categories(["adam", "rmsprop", "sgd"]);

describe("what lies between two places", () => {
  test("is numbers, whichever end was first", () => {
    const scale = logarithmic([1e-4, 1]);
    const [one, other] = [scale.at(0.001) ?? 0, scale.at(0.1) ?? 0];
    expect(between(scale, other, one)).toEqual({ low: 0.001, high: 0.1 });
  });

  test("is the categories whose middle is there, or nothing", () => {
    expect(between(names, 0, 0.6)).toEqual({ only: ["adam", "rmsprop"] });
    expect(between(names, 0.2, 0.4)).toBeNull();
  });
});

test("jobs without a value are not kept, nor numbers beyond the ends", () => {
  const kept = { low: 1, high: 2 };
  expect([0.9, 1, 2, 2.1, null, "1"].map((value) => keeps(kept, value))).toEqual([
    false,
    true,
    true,
    false,
    false,
    false,
  ]);
  expect([null, "sgd", "adam", 3].map((value) => keeps({ only: ["sgd", "3"] }, value))).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

describe("keys", () => {
  test("move one end, and all of the axis is nothing to keep", () => {
    const scale = linear([0, 100]);
    const lower = nudged(scale, null, "high", -1);
    expect(lower && spanOf(scale, lower)[1]).toBeCloseTo(0.95);
    expect(nudged(scale, lower, "high", 1)).toBeNull();
    expect(nudged(scale, null, "high", 1)).toBeNull();
  });

  test("take categories away one by one, never the last", () => {
    const two = nudged(names, null, "high", -1);
    expect(two).toEqual({ only: ["adam", "rmsprop"] });
    const one = nudged(names, two, "high", -1);
    expect(one).toEqual({ only: ["adam"] });
    expect(nudged(names, one, "high", -1)).toEqual({ only: ["adam"] });
  });
});

test("an address says what is kept, and gives it back", () => {
  for (const kept of [{ low: 1e-7, high: 0.5 }, { low: -2, high: 3 }, { only: ["[512,128]", "a|b", "50 %"] }]) {
    expect(readKept(writeKept(kept))).toEqual(kept);
  }
  expect(["", "1", "1..", "1..2..3", "a..b"].map(readKept)).toEqual([null, null, null, null, null]);
});
