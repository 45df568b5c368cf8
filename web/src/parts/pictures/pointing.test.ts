import { expect, test } from "vitest";
import { areaOf } from "./axes";
import { nearestLine, nearestPoint } from "./pointing";
import { linear } from "./scales";

test("the nearest value of ascending ones", () => {
  expect([0, 1.4, 1.6, 9].map((value) => nearestPoint([1, 2, 5], value))).toEqual([0, 0, 1, 2]);
});

test("the nearest line is found between its points, and past a gap", () => {
  const lines = [
    { x: [0, 10], y: [0, 0] },
    { x: [0, 10], y: [10, 10] },
    { x: [0, 5, 10], y: [5, null, 5] },
  ];
  const area = areaOf(476, 262);
  const [x, y] = [linear([0, 10]), linear([0, 10])];
  const near = (right: number, up: number) =>
    nearestLine(lines, area, x, y, area.left + right * area.width, area.top + (1 - up) * area.height)?.line ?? null;
  expect(near(0.3, 0.05)).toBe(0);
  expect(near(0.7, 0.95)).toBe(1);
  expect(near(0.5, 0.5)).toBeNull();
  expect(near(0.05, 0.5)).toBe(2);
});
