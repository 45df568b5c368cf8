// What may come next while a filter is typed: names of fields, then their values, from the jobs at hand and the API.

import { condition, type Term, termsOf } from "../../../state/list/filter";
import { FIELDS, fieldOf, STATE_GROUPS, STATES } from "../../../state/list/filter_fields";
import type { Row } from "../../../state/list/jobs";
import { valueAt } from "../../../state/list/order";
import type { SpecPath } from "../../../state/list/spec_paths";

/** Something to put in the place of what is being typed. */
export interface Suggestion {
  /** What is put there. */
  text: string;
  means: string;
  /** Where in the filter. */
  from: number;
  to: number;
  /** Whether a value is still to be typed. */
  open: boolean;
}

/** What suggestions are made from. */
export interface Known {
  rows: readonly Row[];
  paths: readonly SpecPath[];
}

const MOST = 10;

/** What may stand at the caret of a filter. */
export function suggestionsFor(text: string, caret: number, known: Known): readonly Suggestion[] {
  const term = termsOf(text).find((one) => one.from < caret && caret <= one.to);
  if (term && term.name !== null && term.sign !== null) return values(term, known);
  const typed = term?.value ?? "";
  const place = term ? { from: term.from, to: term.to } : { from: caret, to: caret };
  return names(typed.toLowerCase(), term?.not ?? false, known)
    .map((one) => ({ ...one, ...place }))
    .slice(0, MOST);
}

type Free = Omit<Suggestion, "from" | "to">;

function names(typed: string, not: boolean, known: Known): Free[] {
  const sign = not ? "-" : "";
  const states = [...STATES, ...Object.keys(STATE_GROUPS)];
  const words = states.map((state) => ({
    text: `${sign}${state}`,
    means: not ? "not of this state" : "state",
    open: false,
  }));
  const fields = FIELDS.map(({ name, means, path }) => ({
    text: `${name}${path ? "" : ":"}`,
    means,
    open: true,
  }));
  const short = new Set(FIELDS.map((field) => field.path));
  const paths = known.paths
    .filter(({ path }) => path.includes(".") && !short.has(path))
    .map(({ path, means }) => ({ text: path, means, open: true }));
  if (not) return best(words, typed, sign);
  const common = typed
    ? [...words, ...fields, ...paths]
    : [...fields.slice(0, 2), ...words.slice(0, 4), ...fields.slice(2)];
  return best(common, typed, "");
}

/** Those that begin with what is typed, then those that have it within their words. */
function best(all: readonly Free[], typed: string, sign: string): Free[] {
  const starts = all.filter(({ text }) => text.slice(sign.length).startsWith(typed));
  const within = all.filter(({ text, means }) => typed.length > 1 && `${text} ${means}`.toLowerCase().includes(typed));
  return [...new Set([...starts, ...within])];
}

function values(term: Term, known: Known): readonly Suggestion[] {
  const name = term.name ?? "";
  const field = fieldOf(name);
  const sign = term.sign ?? ":";
  if (!field || !["=", ":", "!="].includes(sign)) return [];
  const typed = term.value.toLowerCase();
  const found = field.path ? valuesOfPath(field.path, known) : valuesOfParameter(field.name, known);
  return found
    .filter((value) => value.toLowerCase().includes(typed) && value !== term.value)
    .sort((one, other) => Number(other.toLowerCase().startsWith(typed)) - Number(one.toLowerCase().startsWith(typed)))
    .slice(0, MOST)
    .map((value) => ({
      text: condition(name, sign, value).trim(),
      means: "",
      open: false,
      from: term.from,
      to: term.to,
    }));
}

function valuesOfPath(path: string, known: Known): string[] {
  const seen = known.rows.map((row) => valueAt(row, `spec.${path}`)).filter((value) => value != null);
  const listed = known.paths.find((one) => one.path === path)?.values ?? [];
  const written = seen.map((value) => (typeof value === "object" ? JSON.stringify(value) : String(value)));
  return [...new Set([...listed, ...written])];
}

function valuesOfParameter(name: string, { rows, paths }: Known): string[] {
  const seen: Record<string, () => readonly (string | null | undefined)[]> = {
    status: () => [...STATES, ...Object.keys(STATE_GROUPS)],
    tag: () => rows.flatMap((row) => row.tags),
    name: () => rows.map((row) => row.name),
    owner: () => rows.map((row) => row.owner),
    preset: () => [...rows.map((row) => row.preset)],
    kind: () => ["train", "evaluate", "imported"],
    device: () => ["cpu", "cuda", ...rows.map((row) => row.device)],
    architecture: () =>
      paths.find(({ path }) => path === "architecture.kind")?.values ?? ["mlp", "layers", "torchvision"],
  };
  return [...new Set(seen[name]?.() ?? [])].filter((value): value is string => typeof value === "string");
}

/** A filter and its caret after a suggestion was taken. */
export function accept(text: string, suggestion: Suggestion): { text: string; caret: number } {
  const after = suggestion.open ? "" : " ";
  const rest = text.slice(suggestion.to);
  const before = text.slice(0, suggestion.from) + suggestion.text + (rest.startsWith(" ") ? "" : after);
  return { text: before + rest, caret: before.length + (rest.startsWith(" ") && after ? 1 : 0) };
}

/** A filter to be applied while it is typed: a last word that may become a field's name is not yet a word to find. */
export function settled(text: string): string {
  const last = termsOf(text).at(-1);
  if (!last || last.to !== text.length || last.name !== null || last.text.startsWith('"')) return text;
  const becoming = last.value && FIELDS.some(({ name }) => name.startsWith(last.value));
  return becoming ? text.slice(0, last.from).trimEnd() : text;
}
