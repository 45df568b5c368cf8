// The curves of compared jobs as a picture takes them: by epoch or by time, smoothed, as lines or as bands.

import { nameOf } from "../../../format";
import { smooth as smoothed } from "../../../parts/chart/smoothing";
import type { Band, Run as Line } from "../../../parts/pictures/bands";
import { bandsOf, placesOf } from "../../../parts/pictures/statistics";

import type { Group } from "../fields/groups";
import type { Metric, Run } from "../runs/runs";

/** How curves are drawn. */
export interface Drawn {
  metric: Metric;
  by: "epoch" | "time";
  smooth: number;
}

const MOST_PLACES = 200;

/** The jobs' lines. */
export function linesOf(runs: readonly Run[], { metric, by, smooth }: Drawn): Line[] {
  return runs.map((run) => {
    const values = run.figures[metric] ?? [];
    return {
      id: run.job.id,
      name: nameOf(run.job),
      colour: run.colour,
      x: by === "time" ? elapsed(run) : run.epochs,
      y: smooth > 0 ? smoothed(values, smooth) : values,
      ...(smooth > 0 ? { raw: values } : {}),
    };
  });
}

/** The groups' bands. */
export function bandsOfGroups(groups: readonly Group[], drawn: Drawn): Band[] {
  return groups.map((group, index) => {
    const lines = linesOf(group.runs, drawn);
    return { name: group.name, colour: index, runs: lines.length, ...bandsOf(lines, placesOf(lines, MOST_PLACES)) };
  });
}

/** Seconds of training until the end of each epoch; where epochs are left out, as long as the one that is there. */
function elapsed(run: Run): number[] {
  let sum = 0;
  let before = 0;
  return run.epochs.map((epoch, index) => {
    sum += (epoch - before) * (run.figures.seconds?.[index] ?? 0);
    before = epoch;
    return sum;
  });
}
