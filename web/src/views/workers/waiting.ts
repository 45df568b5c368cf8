// What waits and what got done, counted from the API's lists.

import type { Job } from "../../api/schema";

/** How many jobs of an owner and a priority wait. */
export interface Waiting {
  priority: number;
  owner: string | null;
  jobs: number;
}

/** Count waiting jobs by priority and owner, the most urgent first. */
export function countWaiting(jobs: readonly Pick<Job, "priority" | "owner">[]): Waiting[] {
  const counts = new Map<string, Waiting>();
  for (const { priority, owner } of jobs) {
    const key = `${priority} ${owner}`;
    const known = counts.get(key) ?? { priority, owner, jobs: 0 };
    counts.set(key, { ...known, jobs: known.jobs + 1 });
  }
  return [...counts.values()].sort((one, other) => other.priority - one.priority || other.jobs - one.jobs);
}

/** Jobs that ended within a span of time, by how they ended. */
export interface Ended {
  succeeded: number;
  failed: number;
  cancelled: number;
}

/** Sort finished jobs into `count` spans of `minutes` before `now` (milliseconds), the oldest first. */
export function spansOf(
  jobs: readonly Pick<Job, "status" | "finished_at">[],
  now: number,
  minutes: number,
  count: number,
): Ended[] {
  const spans = Array.from({ length: count }, (): Ended => ({ succeeded: 0, failed: 0, cancelled: 0 }));
  for (const { status, finished_at } of jobs) {
    if (finished_at === null) continue;
    const before = Math.floor((now - Date.parse(finished_at)) / 60_000 / minutes);
    const span = spans[count - 1 - Math.max(0, before)];
    if (span && (status === "succeeded" || status === "failed" || status === "cancelled")) span[status] += 1;
  }
  return spans;
}
