import { describe, expect, test } from "vitest";
import { bandsOf, deviation, mean, placesOf, quantile } from "./statistics";

describe("a quantile", () => {
  test("lies between two numbers by their distance", () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 0.05)).toBeCloseTo(1.2);
    expect(quantile([7], 0.95)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

test("mean and deviation are those of a sample; one number has no deviation", () => {
  expect(mean([1, 2, 3])).toBe(2);
  expect(deviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138, 3);
  expect(deviation([3])).toBeNull();
});

describe("bands", () => {
  const long = { x: [1, 2, 3], y: [1, 2, 3] };
  const short = { x: [1, 2], y: [3, 4] };

  test("are of the lines that reach a place", () => {
    const bands = bandsOf([long, short], [1, 2, 3]);
    expect(bands.n).toEqual([2, 2, 1]);
    expect(bands.quantiles[2]).toEqual([2, 3, 3]);
  });

  test("leave out gaps, and places that no line has", () => {
    const bands = bandsOf([{ x: [1, 2, 3], y: [1, null, Number.NaN] }, short], [1, 2, 3]);
    expect(bands.x).toEqual([1, 2]);
    expect(bands.n).toEqual([2, 1]);
    expect(bands.quantiles[2]).toEqual([2, 4]);
  });

  test("read lines between their points", () => {
    expect(bandsOf([{ x: [0, 10], y: [0, 5] }], [4]).quantiles[2]).toEqual([2]);
  });
});

test("places are those of the lines, or as many at equal distances", () => {
  const lines = [
    { x: [1, 3], y: [] },
    { x: [2, 3, 9], y: [] },
  ];
  expect(placesOf(lines, 10)).toEqual([1, 2, 3, 9]);
  expect(placesOf(lines, 3)).toEqual([1, 5, 9]);
  expect(placesOf([], 3)).toEqual([]);
});
