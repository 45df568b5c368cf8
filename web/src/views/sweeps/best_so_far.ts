// How the best value of a sweep came about.

import type { Trial } from "../../api/schema";
import { bestFirst } from "./order";

/** The best value whenever one became known: seconds since the sweep was started, and the value then. */
export interface Course {
  seconds: readonly number[];
  best: readonly number[];
  /** The point that had it. */
  points: readonly number[];
}

/**
 * The best so far over time: of the points that had come furthest by then, as the service says which is the best, whether
 * they have ended, wait at a rung or go on.
 */
export function bestSoFar(trials: readonly Trial[], start: string, less: boolean): Course {
  const known = trials
    .flatMap(({ point, value: lasting, reached }) =>
      lasting === null ? [] : reached.map(({ rung, value, at }) => ({ point, rung, value, at: Date.parse(at) })),
    )
    .sort((one, other) => one.at - other.at || one.rung - other.rung);
  const [seconds, best, points]: [number[], number[], number[]] = [[], [], []];
  let leader: (typeof known)[number] | undefined;
  for (const one of known) {
    const now = Math.max(0, (one.at - Date.parse(start)) / 1000);
    if (leader) add(now, leader); // it was so until now: a step, no slope
    if (leader && bestFirst(one, leader, less) >= 0) continue;
    leader = one;
    add(now, one);
  }
  return { seconds, best, points };

  function add(now: number, { value, point }: { value: number; point: number }): void {
    seconds.push(now);
    best.push(value);
    points.push(point);
  }
}
