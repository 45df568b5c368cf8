// Which of two points is the better one.

/** A point's value, and the rung at which it was taken; null before there is one. */
export interface Reached {
  rung: number | null;
  value: number | null;
}

/** Below 0 where one point is before another with the best first: who has come furthest, then the better value, then none. */
export function bestFirst(one: Reached, other: Reached, less: boolean): number {
  if (one.value === null || other.value === null) return Number(one.value === null) - Number(other.value === null);
  return (other.rung ?? 0) - (one.rung ?? 0) || (less ? one.value - other.value : other.value - one.value);
}
