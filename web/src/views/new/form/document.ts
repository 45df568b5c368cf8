// What is asked for, as JSON: read and changed by the path of a field, and what a preset fills in below it.

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: Json;
}
/** Where a field is: names of objects' members and places in lists, from the outside in. */
export type Path = readonly (string | number)[];

/** Whether a JSON value is an object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of a JSON list; none for any other value. */
export function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** The JSON pointer (RFC 6901) of a path. */
export function pointerOf(path: Path): string {
  return path.map((token) => `/${String(token).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The path of a JSON pointer; a token of digits alone is a place in a list. */
export function pathOf(pointer: string): Path {
  const tokens = pointer.split("/").slice(1);
  return tokens.map((token) => {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    return /^\d+$/.test(name) ? Number(name) : name;
  });
}

function member(value: Json | undefined, token: string | number): Json | undefined {
  if (typeof token === "number") return itemsOf(value)[token];
  return isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
}

/** The value at a path; undefined where nothing is written. */
export function valueAt(document: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(member, document);
}

/** The document with `value` at a path. Objects that are missing on the way are made. */
export function withValue(document: Json | undefined, path: Path, value: Json): Json {
  const [token, ...rest] = path;
  if (token === undefined) return value;
  const inner = withValue(member(document, token), rest, value);
  if (typeof token === "number") {
    const items = [...itemsOf(document)];
    items[token] = inner;
    return items;
  }
  return { ...(isObject(document) ? document : {}), [token]: inner };
}

/** The document without what is at a path, nor the objects that this leaves empty. */
export function without(document: Json, path: Path): Json {
  const [token, ...rest] = path;
  const held = token === undefined ? undefined : member(document, token);
  if (token === undefined || held === undefined) return document;
  const inner = rest.length ? without(held, rest) : undefined;
  const empty = inner === undefined || (isObject(inner) && Object.keys(inner).length === 0);
  if (Array.isArray(document)) {
    return rest.length ? withValue(document, [token], inner ?? {}) : document.filter((_, index) => index !== token);
  }
  if (!isObject(document)) return document;
  return Object.fromEntries(
    Object.entries(document).flatMap(([name, value]): [string, Json][] => {
      if (name !== token) return [[name, value]];
      return empty || inner === undefined ? [] : [[name, inner]];
    }),
  );
}

/** What a preset says at a path of a document that starts from it. An object of another kind, or a data set of another
 * name, takes nothing from the preset's; a list neither. */
export function inherited(document: JsonObject, preset: JsonObject, path: Path): Json | undefined {
  let written: Json | undefined = document;
  let base: Json | undefined = preset;
  for (const token of path) {
    written = member(written, token);
    base = Array.isArray(written) ? undefined : member(base, token);
    if (isObject(written) && isObject(base) && !merges(written, base)) base = undefined;
    if (typeof written === "string" && isObject(base)) base = undefined;
  }
  return base;
}

/** Whether an object that is written is merged with the preset's, field by field, or stands in its place. */
export function merges(written: JsonObject, base: JsonObject): boolean {
  return ["kind", "name"].every((tag) => written[tag] === undefined || written[tag] === base[tag]);
}

/** Whether two JSON values are the same, whatever the order of their fields. */
export function equal(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => equal(item, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    const names = Object.keys(one);
    return names.length === Object.keys(other).length && names.every((name) => equal(one[name], other[name]));
  }
  return one === other;
}
