// @vitest-environment happy-dom
// What a chart shows of a metric that was logged out of order, or twice at a step.

import { expect, test } from "vitest";
import { byStep } from "./metrics";

test("a metric is drawn in the order of its steps, with the last value of each", () => {
  const metric = { name: "f1", steps: [2, 0, 1, 2], figures: [0.1, 0.2, null, 0.4] };
  expect(byStep(metric)).toEqual({ steps: [0, 1, 2], values: [0.2, null, 0.4] });
});
