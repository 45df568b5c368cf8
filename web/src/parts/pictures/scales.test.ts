import { describe, expect, test } from "vitest";
import { categories, linear, logarithmic, logarithmicMarks, scaleOf } from "./scales";

describe("the scale that suits values", () => {
  test("is a logarithm where positive numbers span decades", () => {
    expect(scaleOf([1e-4, 0.1, 1]).kind).toBe("log");
    expect(scaleOf([32, 64, 256]).kind).toBe("linear");
    expect(scaleOf([0, 1e-4, 1]).kind).toBe("linear");
  });

  test("is by categories where there is a text", () => {
    const scale = scaleOf(["sgd", "adam", null, "adam"]);
    expect(scale.kind).toBe("category");
    expect(scale.categories).toEqual(["adam", "sgd"]);
  });

  test("survives nothing at all, NaN and infinity", () => {
    for (const values of [[], [null], [Number.NaN, Number.POSITIVE_INFINITY]]) {
      const scale = scaleOf(values);
      expect(scale.at(0.5)).toBeCloseTo(0.5);
      expect(scale.at(Number.NaN)).toBeNull();
      expect(scale.at(null)).toBeNull();
    }
  });
});

test("a linear scale reads back what it places, and marks round numbers within it", () => {
  expect(linear([1, 2, 3]).ticks.map(({ label }) => label)).toEqual(["1", "2", "3"]);
  const scale = linear([0.12, 0.93]);
  expect(scale.value(scale.at(0.5) ?? 0)).toBeCloseTo(0.5);
  expect(scale.ticks.map((tick) => tick.label)).toEqual(["0.2", "0.4", "0.6", "0.8"]);
  expect(scale.ticks.every(({ at }) => at >= 0 && at <= 1)).toBe(true);
});

test("a scale of one number has it in its middle", () => {
  expect(linear([7]).at(7)).toBeCloseTo(0.5);
  expect(linear([0]).at(0)).toBeCloseTo(0.5);
  expect(logarithmic([7]).at(7)).toBeCloseTo(0.5);
});

test("a logarithmic scale marks powers of ten, and has no place for zero", () => {
  const scale = logarithmic([1e-4, 1]);
  expect(scale.ticks.map((tick) => tick.label)).toEqual(["1.00e-4", "0.001", "0.01", "0.1", "1"]);
  expect(scale.at(0.01)).toBeCloseTo(0.5);
  expect(scale.at(0)).toBeNull();
});

test("a logarithmic scale is marked however little it spans", () => {
  for (const values of [[0.31, 0.39], [0.3, 0.8], [9e-4, 1.1e-3], [2.1, 4.9], [7]]) {
    const { ticks } = logarithmic(values);
    expect(ticks.length, String(values)).toBeGreaterThanOrEqual(3);
    expect(new Set(ticks.map(({ label }) => label)).size).toBe(ticks.length);
    expect(ticks.every(({ at }) => at >= 0 && at <= 1)).toBe(true);
  }
  expect(logarithmic([0.31, 0.39]).ticks.map(({ label }) => label)).toEqual(["0.32", "0.34", "0.36", "0.38"]);
});

test("a logarithmic scale of two decades or so is marked over its whole length", () => {
  const labels = (values: number[]) => logarithmic(values).ticks.map(({ label }) => label);
  expect(labels([0.0016, 0.48])).toEqual(["0.003", "0.01", "0.03", "0.1", "0.3"]);
  expect(labels([0.0016, 0.16])).toEqual(["0.002", "0.005", "0.01", "0.02", "0.05", "0.1"]);
  for (let decades = 1; decades <= 16; decades += 0.25) {
    for (const ticks of [3, 4, 6, 8]) {
      const marks = logarithmicMarks(0.0016, 0.0016 * 10 ** decades, ticks).map(Math.log10);
      const gaps = marks.slice(1).map((mark, index) => mark - (marks[index] ?? 0));
      expect(marks.length, `${decades} decades, ${ticks} marks`).toBeGreaterThanOrEqual(3);
      expect(Math.max(...gaps), `${decades} decades, ${ticks} marks`).toBeLessThanOrEqual(Math.max(1, decades / 2));
    }
  }
});

test("marks of large numbers are short", () => {
  expect(linear([0, 4e8]).ticks.map(({ label }) => label)).toContain("2e+8");
  expect(linear([0, 4e5]).ticks.map(({ label }) => label)).toContain("200000");
});

test("no mark of epochs is between two of them", () => {
  for (const last of [1, 2, 3, 7, 19, 40, 1000]) {
    const epochs = Array.from({ length: last }, (_, index) => index + 1);
    for (const scale of [linear(epochs), linear(epochs, undefined, 8), scaleOf(epochs)])
      expect(scale.ticks.filter(({ label }) => !Number.isInteger(Number(label)))).toEqual([]);
  }
});

test("categories stand at equal distances, by the numbers in their names", () => {
  const scale = categories(["[512]", "[64]", "[64]"]);
  expect(scale.ticks).toEqual([
    { at: 0.25, label: "[64]" },
    { at: 0.75, label: "[512]" },
  ]);
  expect(scale.value(0.3)).toBe("[64]");
  expect(scale.value(1)).toBe("[512]");
  expect(scale.at("other")).toBeNull();
});
