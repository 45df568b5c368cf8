// What the table shows, as the address says it: filter, order and columns. The last ones are kept in the browser, for
// an address that says nothing.

import { ask, go, href, place } from "../../../address";
import { termsOf, withoutTerm, withTerm } from "../../../state/list/filter";
import { sortOf } from "../../../state/list/filter_fields";
import { NEWEST_FIRST } from "../../../state/list/order";

/** A column that is shown: what of, and how wide where somebody has changed it. */
export interface ColumnChoice {
  id: string;
  width: number | null;
}

/** What the table shows. */
export interface Shown {
  filter: string;
  sort: string;
  columns: readonly ColumnChoice[];
}

const LAST = "flightline.jobs.last";
const NAMES = ["filter", "sort", "columns"] as const;

/** The columns for whoever has chosen none. */
export const USUAL_COLUMNS: readonly ColumnChoice[] = [
  "status",
  "name",
  "tags",
  "progress",
  "loss_curve",
  "val_loss",
  "accuracy",
  "best",
  "lr",
  "left",
  "device",
  "age",
].map((id) => ({ id, width: null }));

/** Read columns as an address has them: `status,name~240,lr`. */
export function readColumns(text: string): readonly ColumnChoice[] {
  const found = new Map<string, ColumnChoice>();
  for (const one of text.split(",")) {
    const [id = "", width = ""] = one.split("~");
    if (/^[a-z][\w.]*$/i.test(id)) found.set(id, { id, width: /^\d{2,4}$/.test(width) ? Number(width) : null });
  }
  return found.size ? [...found.values()] : USUAL_COLUMNS;
}

/** Write columns as an address has them. */
export function writeColumns(columns: readonly ColumnChoice[]): string {
  return columns.map(({ id, width }) => (width === null ? id : `${id}~${width}`)).join(",");
}

/** What an address shows. */
export function shownBy(query: URLSearchParams): Shown {
  return {
    filter: query.get("filter") ?? "",
    sort: sortOf(query.get("sort") || NEWEST_FIRST),
    columns: readColumns(query.get("columns") ?? ""),
  };
}

/** The part of an address that says what is shown. */
export function queryOf(query: URLSearchParams): string {
  return new URLSearchParams(
    NAMES.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? ""]] : [])),
  ).toString();
}

/** Show something else. */
export function show(changes: Partial<Shown>, options: { replace?: boolean } = {}): void {
  const asked: Record<string, string | null> = {};
  if (changes.filter !== undefined) asked["filter"] = changes.filter;
  if (changes.sort !== undefined) asked["sort"] = changes.sort === NEWEST_FIRST ? null : changes.sort;
  if (changes.columns !== undefined) {
    const written = writeColumns(changes.columns);
    asked["columns"] = written === writeColumns(USUAL_COLUMNS) ? null : written;
  }
  const next = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(asked)) value ? next.set(name, value) : next.delete(name);
  if (!queryOf(next)) keep(next); // somebody cleared it
  ask(asked, options);
}

/** Give an address that says nothing what was kept. */
export function restore(query: URLSearchParams): void {
  const last = localStorage.getItem(LAST) ?? "";
  if (last && !queryOf(query)) go(href(place.value.path, new URLSearchParams(last)), { replace: true });
}

/** Show what the part of an address says that was kept under a name. */
export function open(query: string): void {
  go(href("/", new URLSearchParams(query)));
}

/** Keep what an address shows for one that says nothing, once the service has answered it: no nonsense is kept. */
export function keep(query: URLSearchParams): void {
  localStorage.setItem(LAST, queryOf(query));
}

/** Let only jobs of one more condition through. */
export function narrow(term: string): void {
  const { filter } = shownBy(place.value.query);
  show({ filter: withTerm(filter, term) });
}

/** The order of a list where there are no headings to click on, in words. */
export const ORDERS: readonly (readonly [sort: string, text: string])[] = [
  [NEWEST_FIRST, "Newest"],
  ["-best_val_accuracy", "Best"],
  ["-finished_at", "Last finished"],
];

const RUNS = "running";

/** Whether a filter lets only jobs through that run. */
export function onlyRunning(filter: string): boolean {
  return termsOf(filter).some((term) => term.text === RUNS);
}

/** A filter that lets only jobs through that run if this one does not, else those of other states too. */
export function withRunningToggled(filter: string): string {
  const term = termsOf(filter).find((one) => one.text === RUNS);
  return term ? withoutTerm(filter, term) : withTerm(filter, RUNS);
}

const ENDED_BADLY = ["-failed", "-cancelled"];

/** Whether a filter hides failed and cancelled jobs. */
export function hidesFailed(filter: string): boolean {
  return ENDED_BADLY.every((word) => termsOf(filter).some((term) => term.text === word));
}

/** A filter that hides failed and cancelled jobs if this one does not, else shows them. */
export function withFailedToggled(filter: string): string {
  if (!hidesFailed(filter)) return ENDED_BADLY.reduce(withTerm, filter);
  return ENDED_BADLY.reduce((text, word) => {
    const term = termsOf(text).find((one) => one.text === word);
    return term ? withoutTerm(text, term) : text;
  }, filter);
}
