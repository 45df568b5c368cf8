// Fields of the form from the API's own description of a job: OpenAPI 3.1, as pydantic writes it.

import { isObject, itemsOf, type Json, type JsonObject } from "./document";

/** What kind of value a field takes, and between which bounds. */
export type Kind =
  | { type: "number"; whole: boolean; bounds: string }
  | { type: "text" }
  | { type: "flag" }
  | { type: "choice"; options: readonly (string | number)[] }
  | { type: "list"; item: "number" | "text" }
  | { type: "object"; fields: readonly Field[] }
  | { type: "union"; variants: readonly Variant[] }
  | { type: "variants"; variants: readonly Variant[] };

/** One of several objects that a field may hold, told apart by its `kind`. */
export interface Variant {
  kind: string;
  help: string;
  fields: readonly Field[];
}

/** A field: its name in JSON, what it means, and what it is when left out. */
export interface Field {
  name: string;
  help: string;
  kind: Kind;
  required: boolean;
  /** Whether null is a value of its own, "none". */
  nullable: boolean;
  fallback: Json | undefined;
}

/** Reads fields out of an OpenAPI document. */
export class Schema {
  constructor(private readonly document: JsonObject) {}

  /** The fields of a named schema, such as `Submission`. */
  fields(name: string): readonly Field[] {
    return this.fieldsOf(this.resolve({ $ref: `#/components/schemas/${name}` }));
  }

  private resolve(node: JsonObject): JsonObject {
    const reference = node["$ref"];
    if (typeof reference !== "string") return node;
    const found = reference
      .split("/")
      .slice(1)
      .reduce<Json | undefined>((at, name) => (isObject(at) ? at[name] : undefined), this.document);
    return { ...(isObject(found) ? found : {}), ...omit(node, "$ref") };
  }

  private fieldsOf(node: JsonObject): readonly Field[] {
    const properties = isObject(node["properties"]) ? node["properties"] : {};
    const required = new Set(itemsOf(node["required"]));
    return Object.entries(properties).flatMap(([name, property]) =>
      isObject(property) && property["const"] === undefined ? [this.field(name, property, required.has(name))] : [],
    );
  }

  private field(name: string, property: JsonObject, required: boolean): Field {
    const options = itemsOf(property["anyOf"]).filter(isObject);
    const nullable = options.some((option) => option["type"] === "null");
    const solid = options.filter((option) => option["type"] !== "null");
    const whole = solid.find((option) => option["$ref"] !== undefined || option["oneOf"] !== undefined) ?? solid[0];
    const node = this.resolve(whole ? { ...whole, ...omit(property, "anyOf") } : property);
    return {
      name,
      help: text(property["description"]).replaceAll("\n", " "),
      kind: this.kind(node),
      required,
      nullable,
      fallback: property["default"],
    };
  }

  private kind(node: JsonObject): Kind {
    const options = itemsOf(node["enum"]).filter((one) => typeof one === "string" || typeof one === "number");
    if (options.length) return { type: "choice", options };
    if (node["oneOf"] !== undefined) return { type: "union", variants: this.variants(node) };
    if (node["properties"] !== undefined) {
      const kind = isObject(node["properties"]) ? node["properties"]["kind"] : undefined;
      if (isObject(kind) && typeof kind["const"] === "string") return { type: "union", variants: this.variants(node) };
      return { type: "object", fields: this.fieldsOf(node) };
    }
    if (node["type"] === "array") return this.list(node);
    if (node["type"] === "boolean") return { type: "flag" };
    if (node["type"] === "integer" || node["type"] === "number") {
      return { type: "number", whole: node["type"] === "integer", bounds: bounds(node) };
    }
    return { type: "text" };
  }

  private list(node: JsonObject): Kind {
    const first = itemsOf(node["prefixItems"])[0] ?? node["items"];
    const item = isObject(first) ? this.resolve(first) : {};
    if (item["oneOf"] !== undefined) return { type: "variants", variants: this.variants(item) };
    return { type: "list", item: item["type"] === "string" ? "text" : "number" };
  }

  /** The variants of a discriminated union in the order of the description; one schema may stand for several kinds. */
  private variants(node: JsonObject): readonly Variant[] {
    const several = itemsOf(node["oneOf"]).filter(isObject);
    return (several.length ? several : [node]).flatMap((reference) => {
      const variant = this.resolve(reference);
      const kind = isObject(variant["properties"]) ? variant["properties"]["kind"] : undefined;
      const kinds = isObject(kind) ? (kind["const"] !== undefined ? [kind["const"]] : itemsOf(kind["enum"])) : [];
      const fields = this.fieldsOf(variant).filter((field) => field.name !== "kind");
      return kinds.map((one) => ({
        kind: text(one),
        help: text(variant["description"]).replaceAll("\n", " "),
        fields,
      }));
    });
  }
}

function bounds(node: JsonObject): string {
  const [above, least] = [node["exclusiveMinimum"], node["minimum"]];
  const [below, most] = [node["exclusiveMaximum"], node["maximum"]];
  const low = above !== undefined ? `above ${above}` : least !== undefined ? `from ${least}` : "";
  const high = below !== undefined ? `below ${below}` : most !== undefined ? `up to ${most}` : "";
  return [low, high].filter(Boolean).join(", ");
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function omit(node: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(node).filter(([key]) => key !== name));
}
