// @vitest-environment happy-dom
import { expect, it } from "vitest";
import type { Settlement } from "../../api/schema";
import { planText } from "./settle";

function plan(changes: Partial<Settlement>): Settlement {
  const pair = { better: "a", worse: "b", difference: 0.01, told_apart: false, seeds: 8 };
  return { jobs: 0, capped: false, groups: [], pairs: [pair], ...changes } as Settlement;
}

it("says how many seeds tell configurations apart, or why none does", () => {
  const pending = { config_hash: "a", mean: 0.5, seeds: 2, pending: 3, wanted: 5, new_seeds: [], job_ids: [] };
  expect(planText(plan({ pairs: [] }))).toBe("All of them are told apart already.");
  expect(planText(plan({ jobs: 1 }))).toBe("1 more seed.");
  expect(planText(plan({ jobs: 20, capped: true }))).toBe("20 more seeds, as many as one request queues.");
  expect(planText(plan({ groups: [pending] }))).toContain("3 seeds are on their way");
  expect(planText(plan({}))).toContain("they are equal");
});
