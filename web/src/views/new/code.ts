// The job as it is written, for programs: in Python, and in curl.

import type { Json, JsonObject } from "./form/document";
import { printed } from "./form/draft";

/** The job in Python, with the service's client. */
export function pythonOf(document: JsonObject, service: string): string {
  const url = JSON.stringify(service);
  return `from flightline import Client

with Client(${url}) as client:
    job = client.submit(${literal(document, "    ")})
    print(job.id)`;
}

/** The job in curl. */
export function curlOf(document: JsonObject, service: string): string {
  const body = printed(document).replaceAll("'", "'\\''");
  return `curl -s '${service}/v1/jobs' -H 'Content-Type: application/json' -d '${body}'`;
}

/** A JSON value as Python writes it. */
function literal(value: Json, indent = ""): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const list = Array.isArray(value);
  const items = list
    ? value.map((item: Json) => literal(item, inner))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${literal(item, inner)}`);
  const [open, close] = list ? ["[", "]"] : ["{", "}"];
  const flat = open + items.join(", ") + close;
  if (flat.length + indent.length <= 80 && !flat.includes("\n")) return flat;
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join("")}${indent}${close}`;
}
