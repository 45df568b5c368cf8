// Colours of jobs by a field: a ramp for numbers, a colour each for categories; each job's own where there is no field.

import { colourOf, shade } from "../../../parts/chart/colours";
import { type Scale, scaleOf } from "../../../parts/pictures/scales";
import type { Field } from "../fields/fields";
import type { Run } from "../runs/runs";

/** Colours by a field, and what a legend says of them. */
export interface Shades {
  colour: (run: Run) => string;
  /** The ends of a ramp; null where there is none. */
  ramp: { low: string; high: string } | null;
  categories: readonly { name: string; colour: string }[];
}

/** The colours of jobs by a field, by the jobs that are there. */
export function shadesOf(runs: readonly Run[], field: Field | null): Shades {
  if (!field) return { colour: (run) => colourOf(run.colour), ramp: null, categories: [] };
  const scale = scaleOf(runs.map((run) => field.of(run)));
  if (scale.kind === "category") {
    const number = new Map(scale.categories.map((name, index) => [name, index]));
    return {
      colour: (run) => {
        const value = field.of(run);
        return value === null ? shade(null) : colourOf(number.get(String(value)) ?? 0);
      },
      ramp: null,
      categories: scale.categories.map((name, index) => ({ name: field.text(name), colour: colourOf(index) })),
    };
  }
  return { colour: (run) => shade(scale.at(field.of(run))), ramp: endsOf(runs, field, scale), categories: [] };
}

function endsOf(runs: readonly Run[], field: Field, scale: Scale): Shades["ramp"] {
  const known = runs.map((run) => field.of(run)).filter((value) => scale.at(value) !== null);
  const numbers = known.filter((value) => typeof value === "number").sort((one, other) => one - other);
  const [low, high] = [numbers[0], numbers.at(-1)];
  return low === undefined || high === undefined ? null : { low: field.text(low), high: field.text(high) };
}
