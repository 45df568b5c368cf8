// The fields of a job's spec by their dotted paths, as the API's own description has them.

import { read } from "../../api/client";

/** A field of a spec: its path, what it is, and the values that it may have where they are few. */
export interface SpecPath {
  path: string;
  means: string;
  values: readonly string[];
}

interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  description?: string;
}

interface Description {
  components: { schemas: Record<string, Schema> };
}

const APART = new Set(["name", "tags", "preset"]);

let paths: Promise<readonly SpecPath[]> | null = null;

/** Every field of a spec, read once. Raises `Problem`. */
export function specPaths(): Promise<readonly SpecPath[]> {
  paths ??= read<Description>("/openapi.json").then(pathsIn);
  paths.catch(() => {
    paths = null; // asked for again the next time
  });
  return paths;
}

/** The fields of a submission in a description; lists of layers and augmentations are left out. */
export function pathsIn(description: Description): readonly SpecPath[] {
  const { schemas } = description.components;
  const found = new Map<string, SpecPath>();

  function resolved(schema: Schema): Schema[] {
    const name = schema.$ref?.split("/").at(-1);
    if (name !== undefined) return resolved(schemas[name] ?? {});
    const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
    return schema.properties ? [schema] : choices.length ? choices.flatMap(resolved) : [schema];
  }
  function walk(schema: Schema, path: string): void {
    const all = resolved(schema);
    const parts = all.filter((one) => one.properties);
    for (const part of parts) {
      for (const [name, inner] of Object.entries(part.properties ?? {})) {
        if (path || !APART.has(name)) walk(inner, path ? `${path}.${name}` : name);
      }
    }
    if (parts.length || !path || all.some((one) => one.items && resolved(one.items).some((item) => item.properties)))
      return;
    const values = all.flatMap((one) => one.enum ?? (one.const === undefined ? [] : [one.const])).map(String);
    const known = found.get(path)?.values ?? [];
    found.set(path, { path, means: schema.description ?? "", values: [...new Set([...known, ...values])] });
  }

  walk(schemas["Submission"] ?? {}, "");
  return [...found.values()];
}
