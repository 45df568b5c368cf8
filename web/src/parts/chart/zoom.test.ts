import { describe, expect, it } from "vitest";
import { positionOf, spanOf, zoomBy } from "./zoom";

const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe("spanOf", () => {
  it("is all epochs, or those zoomed to", () => {
    expect(spanOf(TEN, null)).toEqual([1, 10]);
    expect(spanOf(TEN, [3, 5])).toEqual([3, 5]);
  });

  it("is never empty", () => {
    expect(spanOf([7], null)).toEqual([6.5, 7.5]);
    expect(spanOf([], null)).toEqual([0.5, 1.5]);
  });
});

describe("zoomBy", () => {
  it("keeps the epoch that it zooms to where it is", () => {
    expect(zoomBy(TEN, null, 0.5, 1)).toEqual([1, 5.5]);
    expect(zoomBy(TEN, null, 0.5, 10)).toEqual([5.5, 10]);
  });

  it("zooms to the middle where nothing is pointed at", () => {
    expect(zoomBy(TEN, null, 0.5, null)).toEqual([3.25, 7.75]);
  });

  it("shows all, and what is to come, once it is as wide as all", () => {
    expect(zoomBy(TEN, [3, 6], 4, 4)).toBeNull();
  });

  it("goes no closer than an epoch", () => {
    expect(zoomBy(TEN, [3, 4.5], 0.5, 4)).toEqual([3, 4.5]);
  });
});

describe("positionOf", () => {
  it("finds the nearest epoch", () => {
    expect(positionOf(TEN, 4.4)).toBe(3);
    expect(positionOf(TEN, 4.6)).toBe(4);
    expect(positionOf(TEN, 0)).toBe(0);
    expect(positionOf(TEN, 99)).toBe(9);
    expect(positionOf([], 1)).toBe(-1);
  });
});
