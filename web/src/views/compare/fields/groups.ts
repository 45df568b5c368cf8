// Groups of jobs: by the value of a field for bands, and by their specs but for the seed for the leaderboard.

import { deviation, mean } from "../../../parts/pictures/statistics";
import type { Run } from "../runs/runs";
import { compareValues, type Field } from "./fields";

/** Some of the jobs, and what they have in common. */
export interface Group {
  name: string;
  runs: readonly Run[];
}

const MOST_GROUPS = 8;
const RANGES = 4;

/** The jobs by the value of a field: of many numbers four ranges with as many jobs each, of many texts the most frequent. */
export function groupsOf(runs: readonly Run[], field: Field | null): Group[] {
  if (!field) return runs.length ? [{ name: "all jobs", runs }] : [];
  const groups = new Map<string, Run[]>();
  const sorted = [...runs].sort((one, other) => compareValues(field.of(one), field.of(other), 1));
  for (const run of sorted) {
    const name = `${field.label} ${field.text(field.of(run))}`;
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  if (groups.size <= MOST_GROUPS) return [...groups].map(([name, some]) => ({ name, runs: some }));
  const numbers = sorted.filter((run) => typeof field.of(run) === "number");
  if (numbers.length === sorted.length || numbers.length > sorted.length / 2) {
    return ranges(numbers, field, sorted.slice(numbers.length));
  }
  const large = [...groups].sort((one, other) => other[1].length - one[1].length);
  const rest = large.slice(MOST_GROUPS - 1).flatMap(([, some]) => some);
  return [
    ...large.slice(0, MOST_GROUPS - 1).map(([name, some]) => ({ name, runs: some })),
    { name: `other ${field.label}`, runs: rest },
  ];
}

function ranges(sorted: readonly Run[], field: Field, none: readonly Run[]): Group[] {
  const groups: Group[] = [];
  for (let number = 0; number < RANGES; number++) {
    const from = Math.round((number * sorted.length) / RANGES);
    const some = sorted.slice(from, Math.round(((number + 1) * sorted.length) / RANGES));
    const [first, last] = [some[0], some.at(-1)];
    if (!first || !last) continue;
    groups.push({ name: `${field.label} ${field.text(field.of(first))} to ${field.text(field.of(last))}`, runs: some });
  }
  return none.length ? [...groups, { name: `no ${field.label}`, runs: none }] : groups;
}

/** Jobs that differ at most in their seed, and how well they did. */
export interface Configuration {
  hash: string;
  runs: readonly Run[];
  /** The values of the goal, one for each seed that has one: a job that repeats a seed is no further proof. */
  values: readonly number[];
  seeds: number;
  mean: number | null;
  deviation: number | null;
  best: number | null;
}

/** The configurations of jobs, the best mean first; those without a value last. */
export function configurations(runs: readonly Run[], goal: Field): Configuration[] {
  const groups = new Map<string, Run[]>();
  for (const run of runs) groups.set(run.job.config_hash, [...(groups.get(run.job.config_hash) ?? []), run]);
  const sign = goal.better === "less" ? 1 : -1;
  return [...groups]
    .map(([hash, some]) => summarised(hash, some, goal))
    .sort((one, other) => compareValues(one.mean, other.mean, sign));
}

function summarised(hash: string, runs: readonly Run[], goal: Field): Configuration {
  const seeds = new Map<string, number[]>(); // equal but for the seed: as many specs as seeds
  for (const run of runs) {
    const value = goal.of(run);
    if (typeof value === "number") seeds.set(run.job.spec_hash, [...(seeds.get(run.job.spec_hash) ?? []), value]);
  }
  const values = [...seeds.values()].map(mean);
  const some = values.length > 0;
  return {
    hash,
    runs,
    values,
    seeds: values.length,
    mean: some ? mean(values) : null,
    deviation: deviation(values),
    best: some ? (goal.better === "less" ? Math.min(...values) : Math.max(...values)) : null,
  };
}
