// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import { aRun, resultOf } from "../runs/testing";
import { csv, markdown } from "../tables/export";
import { compareValues, FIGURES, hyperparameters, isKept, mostTelling, ranked } from "./fields";

const runs = [
  aRun(1, { result: resultOf(0.7), name: 'a "good" | one' }),
  aRun(2, { result: resultOf(0.9) }),
  aRun(3, { status: "failed" }),
];
const ids = runs.map((run) => run.job.id);
const values = (...some: unknown[]) => new Map(ids.map((id, index) => [id, some[index]] as const));
const differing = new Map([
  ["training.optimizer.lr", values(0.1, 0.01, 0.1)],
  ["training.schedule.kind", values("cosine", "cosine", null)],
  ["architecture.hidden", values([64], [64], [64, 32])],
  ["training.nesterov", values(true, false, null)],
]);

describe("hyperparameters", () => {
  test("are called by the shortest name that says what they are", () => {
    const labels = hyperparameters({ runs, differing }).map((field) => field.label);
    expect(labels).toEqual(["lr", "schedule.kind", "hidden", "nesterov"]);
  });

  test("are those that still differ between the jobs that are left", () => {
    const left = hyperparameters({ runs: runs.slice(0, 2), differing });
    expect(left.map((field) => field.id)).toEqual(["training.optimizer.lr", "training.nesterov"]);
  });

  test("have numbers as numbers, lists and switches as texts, and nothing as nothing", () => {
    const fields = hyperparameters({ runs, differing });
    expect(fields.map((field) => runs.map((run) => field.of(run)))).toEqual([
      [0.1, 0.01, 0.1],
      ["cosine", "cosine", null],
      ["[64]", "[64]", "[64,32]"],
      ["true", "false", null],
    ]);
  });
});

test("a field that a single job has otherwise comes after one that tells most of them apart", () => {
  const many = [1, 2, 3, 4].map((number) => aRun(number));
  const of = (...some: unknown[]) => new Map(many.map((run, index) => [run.job.id, some[index]] as const));
  const fields = hyperparameters({
    runs: many,
    differing: new Map([
      ["dataset.name", of("mnist", "synthetic", "synthetic", "synthetic")],
      ["training.optimizer.lr", of(0.1, 0.2, 0.3, 0.4)],
      ["training.seed", of(0, 0, 1, 1)],
    ]),
  });
  expect(mostTelling(fields, many).map((field) => field.label)).toEqual(["lr", "seed", "dataset.name"]);
});

test("the best job comes first, one without a result last", () => {
  const best = FIGURES.find((field) => field.id === "best_val_accuracy");
  expect(best && ranked(runs, best).map((run) => run.job.id)).toEqual([ids[1], ids[0], ids[2]]);
});

test("nothing is last in both directions", () => {
  for (const sign of [1, -1] as const) {
    expect([null, 2, 10].sort((one, other) => compareValues(one, other, sign)).at(-1)).toBeNull();
  }
  expect(["b10", "b9"].sort((one, other) => compareValues(one, other, 1))).toEqual(["b9", "b10"]);
});

test("a job is kept that is within every limit; a field that is gone says nothing", () => {
  const fields = new Map(hyperparameters({ runs, differing }).map((field) => [field.id, field]));
  const kept = new Map([
    ["training.optimizer.lr", { low: 0.05, high: 1 }],
    ["training.nesterov", { only: ["true"] }],
    ["gone", { low: 5, high: 6 }],
  ]);
  expect(runs.map((run) => isKept(run, fields, kept))).toEqual([true, false, false]);
});

describe("the table to take along", () => {
  const fields = hyperparameters({ runs, differing }).slice(0, 1);

  test("as Markdown has no cell that ends early", () => {
    expect(markdown(runs.slice(0, 1), fields)).toBe(
      '| job | status | lr |\n| --- | --- | --- |\n| a "good" \\| one | succeeded | 0.1 |\n',
    );
  });

  test("as CSV has whole ids and paths, and quotes what must be", () => {
    expect(csv(runs.slice(0, 1), fields)).toBe(
      `id,name,status,training.optimizer.lr\r\n${ids[0]},"a ""good"" | one",succeeded,0.1\r\n`,
    );
  });
});
