// @vitest-environment happy-dom
import { expect, it } from "vitest";
import type { Settlement } from "../../api/schema";
import { planText } from "./settle";

function plan(changes: Partial<Settlement>): Settlement {
  return { jobs: 0, capped: false, reason: null, groups: [], pairs: [], ...changes } as Settlement;
}

it("says how many seeds tell configurations apart, or why none does", () => {
  expect(planText(plan({ jobs: 1 }))).toBe("1 more seed.");
  expect(planText(plan({ jobs: 20, capped: true }))).toBe("20 more seeds, as many as one request queues.");
  expect(planText(plan({ reason: "All of them are told apart already." }))).toBe("All of them are told apart already.");
});
