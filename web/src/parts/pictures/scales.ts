// Scales of a picture's axes: where a value lies between 0 and 1, and which values the marks along the axis tell.

import { figure } from "../../format";

/** What is shown along an axis: a number, a category by its name, or nothing. */
export type Value = number | string | null;

/** How a number is said. */
export type Said = (value: number | null | undefined) => string;

/** A mark on an axis: its place from 0 to 1, and what it says. */
export interface Tick {
  at: number;
  label: string;
}

/** An axis' scale: numbers as they are or by their logarithm, or categories at equal distances. */
export interface Scale {
  kind: "linear" | "log" | "category";
  /** The place of a value, from 0 at the axis' start to 1; null for a value that has none. */
  at: (value: Value) => number | null;
  /** The value at a place; of categories the nearest one. */
  value: (at: number) => Value;
  ticks: readonly Tick[];
  /** The categories, in their order; none of numbers. */
  categories: readonly string[];
}

/** A factor between the largest and the smallest value from which a logarithmic axis shows more. */
const DECADES = 20;
/** From here on a number is too long to stand beside an axis. */
const LARGE = 1e6;
const STEPS = [1, 2, 2.5, 5, 10];

/** A number as a mark says it: a large one, of which a mark has few digits, by its power of ten. */
function markText(value: number | null | undefined): string {
  return typeof value === "number" && Math.abs(value) >= LARGE ? value.toExponential() : figure(value);
}

/** The scale that suits values: categories where there is a text, a logarithm where positive numbers span decades. */
export function scaleOf(values: readonly Value[], mark: Said = markText, ticks = 6): Scale {
  if (values.some((value) => typeof value === "string")) return categories(values);
  const known = finite(values);
  return spansDecades(known) ? logarithmic(known, mark, ticks) : linear(known, mark, ticks);
}

/** Whether numbers are all above zero and lie further apart than one picture shows by their distance. */
export function spansDecades(known: readonly number[]): boolean {
  const [low, high] = extent(known);
  return low > 0 && high / low >= DECADES;
}

/** A scale of numbers as they are, a little wider than they reach; between whole ones no mark is. */
export function linear(values: readonly Value[], mark: Said = markText, ticks = 6): Scale {
  const known = finite(values);
  const [low, high] = widened(extent(known));
  const rough = stepOf((high - low) / Math.max(1, ticks));
  const step = known.length && known.every(Number.isInteger) ? Math.ceil(rough) : rough;
  const marks = steps(low, high, step).map((value) => ({ at: (value - low) / (high - low), label: mark(value) }));
  return {
    kind: "linear",
    at: (value) => (isNumber(value) ? (value - low) / (high - low) : null),
    value: (at) => low + at * (high - low),
    ticks: marks,
    categories: [],
  };
}

/** A scale of numbers by their logarithm; those of zero and less have no place on it. */
export function logarithmic(values: readonly Value[], mark: Said = markText, ticks = 6): Scale {
  const positive = finite(values).filter((value) => value > 0);
  const [low, high] = widened(extent(positive.map(Math.log10)));
  const place = (value: number) => (Math.log10(value) - low) / (high - low);
  return {
    kind: "log",
    at: (value) => (isNumber(value) && value > 0 ? place(value) : null),
    value: (at) => 10 ** (low + at * (high - low)),
    ticks: logarithmicMarks(10 ** low, 10 ** high, ticks).map((value) => ({ at: place(value), label: mark(value) })),
    categories: [],
  };
}

/** A scale of categories, numbers among them by their size, at equal distances. */
export function categories(values: readonly Value[]): Scale {
  const names = [...new Set(values.flatMap((value) => (value === null ? [] : [String(value)])))];
  names.sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  const places = new Map(names.map((name, index) => [name, (index + 0.5) / names.length]));
  return {
    kind: "category",
    at: (value) => (value === null ? null : (places.get(String(value)) ?? null)),
    value: (at) => names[Math.min(names.length - 1, Math.max(0, Math.floor(at * names.length)))] ?? null,
    ticks: names.map((name) => ({ at: places.get(name) ?? 0, label: name })),
    categories: names,
  };
}

function isNumber(value: Value): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function finite(values: readonly Value[]): number[] {
  return values.filter(isNumber);
}

function extent(known: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of known) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** Room on both sides, also where all values are the same. */
function widened([low, high]: [number, number]): [number, number] {
  const room = high > low ? (high - low) * 0.04 : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
}

function stepOf(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return (STEPS.find((step) => step * power >= rough * (1 - 1e-9)) ?? 10) * power;
}

function rounded(value: number, step: number): number {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(step)));
  return digits > 15 ? value : Number(value.toFixed(digits));
}

/** The fewest marks by which one can read an axis. */
const LEAST_MARKS = 3;

/** What a logarithmic axis may mark of every decade, the densest first. */
const OF_A_DECADE = [[1, 2, 5], [1, 3], [1]];

/**
 * The values that a logarithmic axis marks: powers of ten and as many between them as there is room for, or only some of
 * the powers; where the axis spans too little for those, round numbers as a linear one has them.
 */
export function logarithmicMarks(low: number, high: number, ticks = 6): number[] {
  const every = Math.ceil(Math.log10(high / low) / ticks);
  const choices = OF_A_DECADE.map((factors) => decades(low, high, factors, 1));
  if (every > 1) choices.push(decades(low, high, [1], every));
  const readable = choices.filter((marks) => marks.length >= LEAST_MARKS);
  return (
    readable.find((marks) => marks.length <= ticks + 1) ??
    readable.at(-1) ??
    steps(low, high, stepOf((high - low) / ticks))
  );
}

/** These factors of every so many powers of ten, from one number to another. */
function decades(low: number, high: number, factors: readonly number[], every: number): number[] {
  const marks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    if (power % every === 0) marks.push(...factors.map((factor) => Number((factor * 10 ** power).toPrecision(3))));
  return marks.filter((mark) => mark >= low && mark <= high);
}

/** The multiples of a step from one number to another. */
function steps(low: number, high: number, step: number): number[] {
  const marks: number[] = [];
  for (let count = Math.ceil(low / step); count * step <= high + step * 1e-9; count++)
    marks.push(rounded(count * step, step));
  return marks;
}
