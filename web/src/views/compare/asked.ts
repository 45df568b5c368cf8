// What the address asks a comparison for: the jobs, what of them is shown, and how.

import { ask, go, href, place } from "../../address";
import type { Kept } from "../../parts/pictures/parallel/brush";
import { readAllKept } from "../../parts/pictures/parallel/kept";

/** The most jobs that are compared. */
export const MOST = 200;

/** What is asked for. */
export interface Asked {
  /** Ids of jobs, or the ends of ids. */
  jobs: readonly string[];
  /** Of how many jobs these are the best; 0 where that is not said. */
  bestOf: number;
  /** Ends of the ids of jobs that are not drawn. */
  hidden: readonly string[];
  /** What is kept of fields, by their ids; other jobs are drawn faintly or not at all. */
  kept: ReadonlyMap<string, Kept>;
  /** The figure that says which job is good. */
  goal: string;
  /** Of curves: the figure of the epochs, and how it is drawn. */
  metric: string;
  by: "epoch" | "time";
  log: boolean;
  smooth: number;
  drawn: "lines" | "bands" | null;
  group: string | null;
  /** Fields of the scatter plot; null where the picture chooses. */
  x: string | null;
  y: string | null;
  colour: string | null;
  /** Fields of the parallel axes, in order; null where the picture chooses. */
  axes: readonly string[] | null;
  /** The field that the table is sorted by, with "-" for the largest first; null for the jobs' order. */
  sort: string | null;
}

/** Read what an address asks for. */
export function readAsked(query: URLSearchParams): Asked {
  const smooth = Number(query.get("smooth") ?? 0);
  const drawn = query.get("drawn");
  return {
    jobs: [...new Set(query.getAll("job").filter(Boolean))],
    bestOf: Number(query.get("best_of")) || 0,
    hidden: list(query.get("hide")),
    kept: readAllKept(query.get("keep")),
    goal: query.get("goal") ?? "best_val_accuracy",
    metric: query.get("metric") ?? "val_accuracy",
    by: query.get("by") === "time" ? "time" : "epoch",
    log: query.get("log") === "1",
    smooth: smooth > 0 && smooth < 1 ? smooth : 0,
    drawn: drawn === "lines" || drawn === "bands" ? drawn : null,
    group: query.get("group"),
    x: query.get("x"),
    y: query.get("y"),
    colour: query.get("colour"),
    axes: query.has("axes") ? list(query.get("axes")) : null,
    sort: query.get("sort"),
  };
}

function list(text: string | null): string[] {
  return text ? text.split(",").filter(Boolean) : [];
}

/** Change how the comparison is shown; null takes a parameter back to what the page chooses. */
export function change(changes: Record<string, string | null>): void {
  ask(changes, { replace: true });
}

/** Draw some of the jobs (by whole ids), and hide the others. */
export function hide(ids: readonly string[], all: readonly string[]): void {
  change({ hide: ends(ids, all, 8).join(",") });
}

/** Compare other jobs (by whole ids). A step in the browser's history, unless the address only says the same shorter. */
export function select(ids: readonly string[], options: { replace?: boolean } = {}): void {
  const query = new URLSearchParams(place.value.query);
  query.delete("job");
  if (!options.replace) query.delete("best_of"); // they are others now
  for (const id of addressed(ids)) query.append("job", id);
  go(href("/compare", query), options);
}

/** Jobs as an address names them: of many the ends of their ids, as some proxies take no address of 8,000 letters. */
export function addressed(ids: readonly string[]): string[] {
  return ids.length > 90 ? ends(ids, ids, 12) : [...ids];
}

/** The ends of some ids by which they are told apart from all of a list, of at least so many letters. */
function ends(ids: readonly string[], all: readonly string[], least: number): string[] {
  const length = [least, 12, 17].find(
    (one) => one >= least && new Set(all.map((id) => id.slice(-one))).size === all.length,
  );
  return ids.map((id) => (length ? id.slice(-length) : id));
}
