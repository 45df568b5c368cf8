// What workers say of their copies of a data set. The API passes their reports on as JSON, so they are read here once.

import type { DatasetInfo } from "../../api/schema";

/** A copy of a data set, and the workers that hold it. */
export interface Copy {
  workers: string[];
  source: string;
  /** Where it lies; null in the report of a loading. */
  place: string | null;
  classes: string[];
  counts: Record<string, [number, number]>;
  /** Whether a job can have it at once; a copy that has been loaded can. */
  ready: boolean;
  /** What lies beside the images and is passed over, by kind. */
  ignored: [string, number][];
  mean: number[] | null;
  std: number[] | null;
}

/** The two splits of every set, with the words for them. */
export const SPLITS = [
  ["train", "Training"],
  ["val", "Validation"],
] as const;

export type SplitName = (typeof SPLITS)[number][0];

const SOURCES: Record<string, string> = {
  folder: "class folders",
  torchvision: "torchvision's files",
  download: "to be downloaded",
  drawn: "drawn by the worker",
};

/** Where a copy comes from, in words. */
export function sourceOf(copy: Copy): string {
  return SOURCES[copy.source] ?? copy.source;
}

/** The copies that live workers hold. */
export function copiesOf(info: Pick<DatasetInfo, "held">): Copy[] {
  return info.held.map((report) => ({
    workers: words(report["workers"]),
    source: String(report["source"] ?? ""),
    place: typeof report["place"] === "string" ? report["place"] : null,
    classes: words(report["classes"]),
    counts: pairs(report["counts"]),
    ready: report["ready"] !== false,
    ignored: Object.entries(pairsOf(report["ignored"])).map(([kind, count]) => [kind, Number(count)]),
    mean: figures(report["mean"]),
    std: figures(report["std"]),
  }));
}

/** The classes that live workers hold, in the set's order; all of its classes where nobody holds any. */
export function heldClasses(info: Pick<DatasetInfo, "classes" | "held">): string[] {
  const held = new Set(copiesOf(info).flatMap((copy) => copy.classes));
  return held.size ? info.classes.filter((one) => held.has(one)) : info.classes;
}

/** How many images of a split there are: in the copy that a worker holds, or else in the whole set. */
export function sizeOf(info: DatasetInfo, split: SplitName): number {
  const copy = copiesOf(info).find((one) => one.place !== null);
  const at = split === "train" ? 0 : 1;
  return Object.values(copy?.counts ?? pairs(info.counts)).reduce((sum, pair) => sum + pair[at], 0);
}

/** Where each class begins in a split, for copies whose images are in the order of the classes; else nothing. */
export function beginnings(info: DatasetInfo, split: SplitName): [string, number][] {
  const copies = copiesOf(info).filter((one) => one.place !== null);
  const [copy] = copies;
  if (!copy || copies.length > 1 || copy.source !== "folder") return [];
  const at = split === "train" ? 0 : 1;
  let sum = 0;
  return copy.classes.map((name) => {
    const begin = sum;
    sum += copy.counts[name]?.[at] ?? 0;
    return [name, begin];
  });
}

/** The shape of a set's images, as people write it. */
export function shapeOf(info: DatasetInfo): string {
  const shape = info.input_shape;
  if (!shape) return "several sizes";
  const [channels, height, width] = shape;
  return `${height} × ${width}, ${channels === 1 ? "grey" : "colour"}`;
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function figures(value: unknown): number[] | null {
  return Array.isArray(value) ? value.map(Number) : null;
}

function pairsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function pairs(value: unknown): Record<string, [number, number]> {
  const entries = Object.entries(pairsOf(value)).map(([name, pair]): [string, [number, number]] => {
    const [train = 0, val = 0] = Array.isArray(pair) ? pair.map(Number) : [];
    return [name, [train, val]];
  });
  return Object.fromEntries(entries);
}
