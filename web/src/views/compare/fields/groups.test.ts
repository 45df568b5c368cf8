// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import { bandsOfGroups, linesOf } from "../pictures/curve_lines";
import type { Run } from "../runs/runs";
import { aRun, resultOf } from "../runs/testing";
import { Slots } from "../selection/slots";
import { CONFIGURATION, FIGURES, type Field } from "./fields";
import { configurations, groupsOf } from "./groups";

const many = Array.from({ length: 40 }, (_, number) => aRun(number));
const field = (of: (run: Run) => ReturnType<Field["of"]>): Field => ({
  ...CONFIGURATION,
  label: "lr",
  of,
  text: String,
});

describe("groups of jobs", () => {
  test("without a field are one", () => {
    expect(groupsOf(many, null)).toEqual([{ name: "all jobs", runs: many }]);
    expect(groupsOf([], null)).toEqual([]);
  });

  test("of few values are one each, in order", () => {
    const groups = groupsOf(
      many,
      field((run) => (run.colour % 3) * 10),
    );
    expect(groups.map((group) => [group.name, group.runs.length])).toEqual([
      ["lr 0", 14],
      ["lr 10", 13],
      ["lr 20", 13],
    ]);
  });

  test("of many numbers are ranges of as many jobs each, and those without one", () => {
    const groups = groupsOf(
      many,
      field((run) => (run.colour < 36 ? run.colour : null)),
    );
    expect(groups.map((group) => [group.name, group.runs.length])).toEqual([
      ["lr 0 to 8", 9],
      ["lr 9 to 17", 9],
      ["lr 18 to 26", 9],
      ["lr 27 to 35", 9],
      ["no lr", 4],
    ]);
  });

  test("of many texts are the most frequent, and the others together", () => {
    const groups = groupsOf(
      many,
      field((run) => (run.colour < 20 ? "often" : `seldom ${run.colour}`)),
    );
    expect(groups[0]).toMatchObject({ name: "lr often" });
    expect(groups.length).toBe(8);
    expect(groups.at(-1)?.name).toBe("other lr");
    expect(groups.flatMap((group) => group.runs).length).toBe(40);
  });
});

describe("the leaderboard", () => {
  const best = FIGURES.find((one) => one.id === "best_val_accuracy") ?? CONFIGURATION;
  const jobs = [
    aRun(1, { config_hash: "a", spec_hash: "1", result: resultOf(0.8) }),
    aRun(2, { config_hash: "a", spec_hash: "2", result: resultOf(0.9) }),
    aRun(3, { config_hash: "a", spec_hash: "2", result: null }),
    aRun(4, { config_hash: "b", spec_hash: "3", result: resultOf(0.88) }),
    aRun(5, { config_hash: "c", spec_hash: "4" }),
  ];

  test("has the best mean first, and how far seeds lie apart", () => {
    const [first, second, third] = configurations(jobs, best);
    expect(first).toMatchObject({ hash: "b", seeds: 1, deviation: null, best: 0.88, mean: 0.88 });
    expect(second).toMatchObject({ hash: "a", seeds: 2, best: 0.9, mean: expect.closeTo(0.85) });
    expect(second?.deviation).toBeCloseTo(0.0707, 4);
    expect(third).toMatchObject({ hash: "c", mean: null, best: null, values: [] });
  });

  test("counts a seed once, with the mean of the jobs that repeat it, as the service does", () => {
    const again = aRun(6, { config_hash: "a", spec_hash: "2", result: resultOf(0.7) });
    const [, second] = configurations([...jobs, again], best);
    expect(second).toMatchObject({
      hash: "a",
      seeds: 2,
      values: [0.8, expect.closeTo(0.8)],
      mean: expect.closeTo(0.8),
    });
  });
});

describe("curves", () => {
  test("by time begin with the first epoch's seconds, also where epochs are left out", () => {
    const run = { ...aRun(1, {}, [2, 3, 4]), epochs: [1, 2, 4] };
    expect(linesOf([run], { metric: "lr", by: "time", smooth: 0 })[0]?.x).toEqual([2, 5, 13]);
  });

  test("keep the raw values beside the smooth ones", () => {
    const [line] = linesOf([aRun(1, {}, [1, 0, null])], { metric: "lr", by: "epoch", smooth: 0.5 });
    expect(line?.raw).toEqual([1, 0, null]);
    expect(line?.y).toEqual([1, expect.closeTo(1 / 3), null]);
  });

  test("of a group are a band that says how many jobs it is of", () => {
    const drawn = { metric: "val_loss", by: "epoch", smooth: 0 } as const;
    const [band] = bandsOfGroups([{ name: "all", runs: [aRun(1, {}, [1, 2]), aRun(2, {}, [3])] }], drawn);
    expect(band).toMatchObject({ runs: 2, x: [1, 2], n: [2, 1] });
    expect(band?.quantiles[2]).toEqual([2, 2]);
  });
});

test("colours stay with their jobs, and a new job gets the first that is free", () => {
  const slots = new Slots();
  expect(slots.assign(["a", "b", "c"])).toEqual([0, 1, 2]);
  expect(slots.assign(["c", "a"])).toEqual([2, 0]);
  expect(slots.assign(["a", "c", "d", "e"])).toEqual([0, 2, 1, 3]);
});
