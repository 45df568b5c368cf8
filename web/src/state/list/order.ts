// The order of a list of jobs, as the API sorts: by a value, jobs without it last, equal ones by when they came.

import type { Row } from "./jobs";

/** The sort of a list that says none: the newest job first. */
export const NEWEST_FIRST = "-created_at";

const PATHS: Record<string, string> = {
  val_accuracy: "result.val_accuracy",
  best_val_accuracy: "result.best_val_accuracy",
  val_loss: "result.val_loss",
};

/** The field of a job that a sort is by. */
export function pathOfSort(sort: string): string {
  const name = sort.replace(/^-/, "");
  return PATHS[name] ?? name;
}

/** A value of a job by its dotted path; undefined where it has none. */
export function valueAt(row: unknown, path: string): unknown {
  let value: unknown = row;
  for (const part of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** How two jobs compare under a sort: negative where the first one comes first. */
export function orderOf(sort: string): (one: Row, other: Row) => number {
  const path = pathOfSort(sort);
  const sign = sort.startsWith("-") ? -1 : 1;
  return (one, other) => {
    const [left, right] = path === "created_at" ? [0, 0] : [comparable(one, path), comparable(other, path)];
    if (left === null && right === null) return -byAge(one, other);
    if (left === null || right === null) return left === null ? 1 : -1;
    if (left !== right) return sign * (left < right ? -1 : 1);
    return sign * byAge(one, other);
  };
}

function comparable(row: Row, path: string): number | string | null {
  const value = valueAt(row, path);
  if (typeof value === "number" || typeof value === "string") return value;
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** By the instant of creation, then the id. A whole second is written without a fraction: "…:00Z" before "…:00.5Z". */
function byAge(one: Row, other: Row): number {
  return ascending(one.created_at.slice(0, -1), other.created_at.slice(0, -1)) || ascending(one.id, other.id);
}

function ascending(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
