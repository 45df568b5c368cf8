// A job's spec, which has every default, made short: only what differs from its preset and from the defaults.

import {
  equal,
  isObject,
  itemsOf,
  type Json,
  type JsonObject,
  merges,
  valueAt,
  without,
  withValue,
} from "./form/document";
import type { Field, Kind } from "./form/schema";

// What a data set of another name has when these are left out is up to the data set, not to the schema.
const USUAL_OF_THE_DATA_SET = ["classes", "channels", "normalize"];

/** The fields of `spec` whose values are neither those of `preset` nor, where it has none, the defaults. */
export function differing(spec: JsonObject, fields: readonly Field[], preset: JsonObject): JsonObject {
  return Object.fromEntries(
    fields.flatMap((field): [string, Json][] => {
      const value = spec[field.name];
      const short = value === undefined ? undefined : shortened(value, field, preset[field.name]);
      return short === undefined ? [] : [[field.name, short]];
    }),
  );
}

/** A value as it needs to be written over the preset's; undefined where it need not be. */
function shortened(value: Json, field: Field, base: Json | undefined): Json | undefined {
  if (equal(value, base === undefined ? field.fallback : base)) return undefined;
  if (field.kind.type === "variants") {
    const items = variants(value, field.kind);
    return base !== undefined && equal(items, variants(base, field.kind)) ? undefined : items;
  }
  if (!isObject(value)) return value;
  const merged = isObject(base) && merges(value, base);
  const short = differing(value, membersOf(value, field.kind), merged ? base : {});
  if (merged) return Object.keys(short).length ? short : undefined;
  const whole = { ...tags(value, field), ...short };
  const missing = base === undefined && isObject(field.fallback);
  return missing && equal(whole, tags(field.fallback, field)) ? undefined : whole;
}

/** What says which kind of thing an object is, and what follows from that rather than from the schema. */
function tags(value: Json | undefined, { name, fallback }: Field): JsonObject {
  if (!isObject(value)) return {};
  if (value["kind"] !== undefined) return { kind: value["kind"] };
  if (name !== "dataset" || !isObject(fallback) || value["name"] === fallback["name"]) return {};
  const usual = Object.entries(value).filter(([member]) => USUAL_OF_THE_DATA_SET.includes(member));
  return { name: value["name"] ?? null, ...Object.fromEntries(usual) };
}

function variants(value: Json, kind: Kind): Json {
  return itemsOf(value).map((item) => {
    if (!isObject(item)) return item;
    return { kind: item["kind"] ?? null, ...differing(item, membersOf(item, kind), {}) };
  });
}

/** The job at a point of a sweep: its base with the point's values, which are by dotted paths. */
export function atPoint(base: JsonObject, params: JsonObject): JsonObject {
  return Object.entries(params).reduce((job: JsonObject, [path, value]) => {
    const made = withValue(job, path.split("."), value);
    return isObject(made) ? made : job;
  }, base);
}

const RATE = ["training", "optimizer", "lr"];
const DIGITS = 12; // of a product, so that a tenth of 0.3 is 0.03

/** A spec with its learning rate this many times as high. */
export function withRate(spec: JsonObject, times: number): JsonObject {
  const rate = valueAt(spec, RATE);
  if (typeof rate !== "number" || !(times > 0) || times === 1) return spec;
  const changed = withValue(spec, RATE, Number((rate * times).toPrecision(DIGITS)));
  return isObject(changed) ? changed : spec;
}

/** A spec whose last linear layer has one feature per class without saying how many: it follows the classes then. */
export function withOpenEnd(spec: JsonObject): JsonObject {
  const path = ["architecture", "layers"];
  const layers = itemsOf(valueAt(spec, path));
  const last = layers.findLastIndex((layer) => isObject(layer) && layer["kind"] === "linear");
  const features = [...path, last, "out_features"];
  const classes = itemsOf(valueAt(spec, ["dataset", "classes"])).length;
  if (last === -1 || valueAt(spec, features) !== classes) return spec;
  const open = without(spec, features);
  return isObject(open) ? open : spec;
}

/** The fields of an object of this kind, or of its variant. */
export function membersOf(value: JsonObject, kind: Kind): readonly Field[] {
  if (kind.type === "object") return kind.fields;
  if (kind.type !== "union" && kind.type !== "variants") return [];
  return kind.variants.find((variant) => variant.kind === value["kind"])?.fields ?? [];
}
