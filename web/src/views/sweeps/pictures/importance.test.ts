import { describe, expect, it } from "vitest";
import { explained } from "./importance";

const numbers = Array.from({ length: 50 }, (_, index) => index);
/** Numbers in no order that has to do with their index. */
const noise = numbers.map((index) => ((index * 7919) % 101) / 101);

describe("what a hyperparameter explains", () => {
  it("is nearly all where the objective follows it, whatever its direction", () => {
    expect(explained(numbers, numbers)).toBeGreaterThan(0.9);
    expect(
      explained(
        numbers,
        numbers.map((one) => -one),
      ),
    ).toBeGreaterThan(0.9);
    expect(
      explained(
        numbers,
        numbers.map((one) => (one - 25) ** 2),
      ),
    ).toBeGreaterThan(0.7);
  });

  it("is nearly nothing where it has nothing to do with it", () => {
    expect(explained(numbers, noise)).toBeLessThan(0.15);
    expect(explained(noise, numbers)).toBeLessThan(0.15);
  });

  it("goes by the kinds of a text", () => {
    const kinds = numbers.map((index) => (index % 2 ? "adam" : "sgd"));
    expect(
      explained(
        kinds,
        numbers.map((index) => (index % 2) + (noise[index] ?? 0) / 10),
      ),
    ).toBeGreaterThan(0.95);
  });

  it("is not said of few points, of one setting, or of settings that are all different texts", () => {
    expect(explained(numbers.slice(0, 9), numbers.slice(0, 9))).toBeNull();
    expect(
      explained(
        numbers.map(() => 1),
        numbers,
      ),
    ).toBeNull();
    expect(explained(numbers.map(String), numbers)).toBeNull();
    expect(
      explained(
        numbers,
        numbers.map(() => 0.5),
      ),
    ).toBe(0);
  });
});
