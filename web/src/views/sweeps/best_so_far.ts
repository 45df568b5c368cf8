// How the best value of a sweep came about.

import type { Trial } from "../../api/schema";

/** The best value after each point that has ended: seconds since the sweep was started, and the value then. */
export interface Course {
  seconds: readonly number[];
  best: readonly number[];
  /** The point that had it. */
  points: readonly number[];
}

/** The best so far over time, of the points that have ended; of those that came less far none is the best. */
export function bestSoFar(trials: readonly Trial[], start: string, less: boolean): Course {
  const ended = trials
    .flatMap(({ point, value, finished_at, status }) =>
      value === null || finished_at === null || status === "failed"
        ? []
        : [{ point, value, seconds: Math.max(0, (Date.parse(finished_at) - Date.parse(start)) / 1000) }],
    )
    .sort((one, other) => one.seconds - other.seconds);
  const [seconds, best, points]: [number[], number[], number[]] = [[], [], []];
  for (const one of ended) {
    const before = best.at(-1);
    const better = before === undefined || (less ? one.value < before : one.value > before);
    if (!better && before !== undefined) {
      seconds.push(one.seconds);
      best.push(before);
      points.push(points.at(-1) ?? one.point);
      continue;
    }
    if (before !== undefined) {
      seconds.push(one.seconds); // it was so until now: a step, no slope
      best.push(before);
      points.push(points.at(-1) ?? one.point);
    }
    seconds.push(one.seconds);
    best.push(one.value);
    points.push(one.point);
  }
  return { seconds, best, points };
}
