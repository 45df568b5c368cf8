// Filters as people type them, such as `lr > 0.01 tag:night failed`, and the API's parameters that they stand for.

import { type FilterField, fieldOf, RESULTS, STATE_GROUPS, STATES, similar } from "./filter_fields";

/** One condition of a filter, with where it stands in the text. */
export interface Term {
  from: number;
  to: number;
  /** As it is written, its spaces put straight. */
  text: string;
  name: string | null;
  sign: string | null;
  value: string;
  /** Whether a "-" before it says the contrary. */
  not: boolean;
}

/** What is wrong in a filter: where, and what to do. */
export interface FilterProblem {
  from: number;
  to: number;
  text: string;
}

/** A filter that was read: what the API is asked, the conditions, and what is wrong. */
export interface Filter {
  query: URLSearchParams;
  terms: readonly Term[];
  problems: readonly FilterProblem[];
}

const VALUE = String.raw`"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|[^\s"]+`;
const TERM = new RegExp(
  String.raw`(?<not>-?)(?<name>[A-Za-z][\w.]*)(?:(?<colon>:)|\s*(?<sign>!=|<=|>=|==|=|<|>)\s*)(?<value>${VALUE})?|(?<word>${VALUE})`,
  "g",
);

/** The conditions of a text, in its order. */
export function termsOf(text: string): Term[] {
  return [...text.matchAll(TERM)].map((match) => {
    const { not, name, colon, sign, value, word } = match.groups ?? {};
    const excluded = not === "-" || (word ?? "").startsWith("-");
    const plain = unquoted(value ?? (word ?? "").replace(/^-(?=.)/, ""));
    const written = (colon ?? sign ?? null)?.replace("==", "=") ?? null;
    return {
      from: match.index,
      to: match.index + match[0].length,
      text: name === undefined ? match[0] : `${not}${name}${spaced(written)}${value ?? ""}`,
      name: name ?? null,
      sign: written,
      value: plain,
      not: excluded,
    };
  });
}

/** Read a filter. What is wrong is left out of the query and said in `problems`. */
export function parseFilter(text: string): Filter {
  const reader = new Reader();
  const terms = termsOf(text);
  for (const term of terms) reader.take(term);
  return { query: reader.query(), terms, problems: reader.problems };
}

/** One condition as text, its value quoted where it has to be. */
export function condition(name: string, sign: string, value: string): string {
  return `${name}${spaced(sign)}${quoted(value)}`;
}

/** A filter with a condition more; nothing changes where it has it already. */
export function withTerm(text: string, term: string): string {
  const known = termsOf(text).some((one) => one.text === term);
  return known ? text : `${text.trim()} ${term}`.trim();
}

/** A filter without one of its conditions. */
export function withoutTerm(text: string, term: Term): string {
  return `${text.slice(0, term.from).trimEnd()} ${text.slice(term.to).trimStart()}`.trim();
}

/** The state, or several, that a word stands for. */
function statesOf(word: string): readonly string[] | undefined {
  return STATE_GROUPS[word] ?? (STATES.some((state) => state === word) ? [word] : undefined);
}

/** Gathers what terms say. */
class Reader {
  readonly problems: FilterProblem[] = [];
  private readonly single = new URLSearchParams();
  private readonly chosen = new Set<string>();
  private readonly excluded = new Set<string>();
  private readonly words: string[] = [];

  take(term: Term): void {
    if (term.name === null) this.takeWord(term);
    else this.takeCondition(term, term.name, term.sign ?? ":");
  }

  query(): URLSearchParams {
    const query = new URLSearchParams(this.single);
    const all = this.chosen.size ? [...this.chosen] : [...STATES];
    if (this.chosen.size || this.excluded.size) {
      for (const state of all) if (!this.excluded.has(state)) query.append("status", state);
    }
    if (this.words.length) query.set("text", this.words.join(" "));
    return query;
  }

  private takeWord(term: Term): void {
    const states = term.text.startsWith('"') ? undefined : statesOf(term.value);
    if (states) this.takeStates(term, states);
    else if (term.not) this.wrong(term, `Only states can be excluded, as in -failed. Leave out ${term.text}.`);
    else this.words.push(term.value);
  }

  private takeStates(term: Term, states: readonly string[]): void {
    for (const state of states) (term.not ? this.excluded : this.chosen).add(state);
    if (![...(this.chosen.size ? this.chosen : STATES)].some((state) => !this.excluded.has(state))) {
      this.wrong(term, "No state is left. Take one of the states away.");
    }
  }

  private takeCondition(term: Term, name: string, sign: string): void {
    const field = fieldOf(name);
    if (!field) this.wrong(term, unknown(name));
    else if (term.value === "") this.wrong(term, `What should ${name} be? Write a value after ${sign}.`);
    else if (field.name === "status") this.takeStatus(term, sign);
    else if (term.not) this.wrong(term, `Only states can be excluded. Write ${name}!=${term.value}, where it may be.`);
    else if (field.path) this.takeWhere(term, field, sign === ":" ? "=" : sign);
    else this.takeParameter(term, field, sign);
  }

  private takeStatus(term: Term, sign: string): void {
    const states = term.value.split(",").flatMap((word) => statesOf(word) ?? []);
    const not = term.not !== (sign === "!=");
    if (!["=", ":", "!="].includes(sign) || !states.length) {
      this.wrong(term, `A status is one of ${STATES.join(", ")}, as in status:failed.`);
    } else this.takeStates({ ...term, not }, states);
  }

  private takeWhere(term: Term, field: FilterField, sign: string): void {
    const ordered = sign !== "=" && sign !== "!=";
    const { name, path, holds } = field;
    const number = numberOf(term.value, path);
    if (ordered && (holds === "text" || holds === "boolean")) {
      this.wrong(term, `Only numbers are ordered: compare ${name} by = or !=.`);
    } else if (term.value === "null" && !ordered) this.single.append("where", `${path}${sign}null`);
    else if ((ordered || holds === "number") && !Number.isFinite(number)) {
      const share = "a share from 0 to 1, or per cent, as in";
      this.wrong(
        term,
        isShare(path) ? `${name} is ${share} ${name}>0.8.` : `${name} is a number; ${term.value} is none.`,
      );
    } else if (holds === "boolean" && !["true", "false"].includes(term.value)) {
      this.wrong(term, `${name} is true or false.`);
    } else this.single.append("where", `${path}${sign}${ordered || holds === "number" ? number : term.value}`);
  }

  private takeParameter(term: Term, field: FilterField, sign: string): void {
    const parameter = field.parameter ?? "";
    const { value } = term;
    if (sign !== ":" && sign !== "=") {
      this.wrong(term, `${field.name} takes : or =: write ${field.name}:${quoted(value)}.`);
    } else if (field.name === "tag") {
      if (!this.single.has(parameter, value)) this.single.append(parameter, value);
    } else if (this.single.has(parameter))
      this.wrong(term, `There can be one ${field.name} at a time. Take the other one away.`);
    else this.single.set(parameter, instant(value, field));
  }

  private wrong(term: Term, text: string): void {
    this.problems.push({ from: term.from, to: term.to, text });
  }
}

function unknown(name: string): string {
  const like = similar(name.toLowerCase());
  const hint = like
    ? `Did you mean ${like}?`
    : "Any field of a job's spec goes by its path, as in training.epochs>=10.";
  return `There is no field ${name}. ${hint}`;
}

/** A number as it is written; of an accuracy also in per cent. Not a number where it is none, or no share. */
function numberOf(value: string, path: string | undefined): number {
  const number = value.trim() === "" ? Number.NaN : Number(value.replace(/%$/, ""));
  if (!isShare(path)) return value.endsWith("%") ? Number.NaN : number;
  const part = number / (value.endsWith("%") || number > 1 ? 100 : 1);
  return part >= 0 && part <= 1 ? part : Number.NaN;
}

function isShare(path: string | undefined): boolean {
  return RESULTS.has(path) && path !== "val_loss";
}

/** An instant of a day alone is its first one. */
function instant(value: string, field: FilterField): string {
  const day = field.parameter?.startsWith("created_") && /^\d{4}-\d\d-\d\d$/.test(value);
  return day ? `${value}T00:00:00Z` : value;
}

function spaced(sign: string | null): string {
  return sign === null || sign === ":" ? (sign ?? "") : sign === "=" ? "=" : ` ${sign} `;
}

function quoted(value: string): string {
  const plain = /^[^\s"\\-][^\s"\\]*$/.test(value) || /^\[[^\]"]*\]$/.test(value) || /^-?\d[\d.e-]*$/.test(value);
  return plain ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1).replace(/"$/, "").replace(/\\(.)/g, "$1") : value;
}
