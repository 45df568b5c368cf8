// The unfinished job: what is written of it, as JSON text and as a document in step, kept in the browser.

import { computed, signal } from "@preact/signals";
import {
  equal,
  inherited,
  isObject,
  type Json,
  type JsonObject,
  type Path,
  valueAt,
  without,
  withValue,
} from "./document";
import { type Fault, faultOf } from "./syntax";

const KEPT = "flightline.new";
const MOST_KEPT = 10; // unfinished jobs that the browser remembers, one for each address
const MOST_UNDONE = 100;

interface Kept {
  origin: string;
  text: string;
}

/** One unfinished job. Its text and its document change together; a text with a fault leaves the document as it was. */
export class Draft {
  readonly text = signal("{}");
  readonly document = signal<JsonObject>({});
  readonly fault = signal<Fault | null>(null);
  /** What each preset sets, by its name. */
  readonly presets = signal<ReadonlyMap<string, JsonObject>>(new Map());
  readonly preset = computed(() => this.presets.value.get(String(this.document.value["preset"])) ?? {});
  private readonly past = signal<readonly JsonObject[]>([]);
  readonly undoable = computed(() => this.past.value.length > 0);
  private touched = "";

  /** `origin` is the address that the job was begun at: its own text comes back there. */
  constructor(private origin: string) {
    const kept = remembered().find((one) => one.origin === origin);
    if (kept) this.write(kept.text);
  }

  /** Whether nothing is written yet. */
  get blank(): boolean {
    return equal(this.document.value, {}) && this.fault.value === null;
  }

  /** Begin anew with a document. */
  begin(document: JsonObject): void {
    this.change(document, "");
  }

  /** The value that is written at a path; undefined where none is. */
  at(path: Path): Json | undefined {
    return valueAt(this.document.value, path);
  }

  /** The value that holds at a path without being written: that of the preset, or of the network that is named. */
  inherited(path: Path): Json | undefined {
    const named = this.document.value["architecture"];
    if (path[0] === "architecture" && typeof named === "string") return valueAt(this.presets.value.get(named), path);
    return inherited(this.document.value, this.preset.value, path);
  }

  /** Write a value; a run of letters that are typed at one path is undone together. */
  set(path: Path, value: Json, typing = false): void {
    const next = withValue(this.document.value, path, value);
    if (isObject(next)) this.change(next, typing ? path.join("/") : "");
  }

  /** Take away what is written at a path, so that it has its default again. */
  reset(path: Path): void {
    const next = without(this.document.value, path);
    if (isObject(next)) this.change(next, "");
  }

  /** Take in what somebody typed as JSON. */
  write(text: string): void {
    this.text.value = text;
    this.fault.value = faultOf(text);
    if (!this.fault.value) {
      const parsed: Json = JSON.parse(text);
      if (isObject(parsed)) this.note(parsed, "json");
      else
        this.fault.value = {
          line: 1,
          column: 1,
          offset: 0,
          message: "a job is an object: it begins with { and ends with }",
        };
    }
    this.keep();
  }

  /** Take the last change back. */
  undo(): void {
    const last = this.past.value.at(-1);
    if (!last) return;
    this.past.value = this.past.value.slice(0, -1);
    this.touched = "";
    this.document.value = last;
    this.print();
  }

  /** Forget the text that the browser keeps: the job was submitted. */
  forget(): void {
    store(remembered().filter((one) => one.origin !== this.origin));
  }

  private change(document: JsonObject, path: string): void {
    this.note(document, path);
    this.print();
  }

  private note(document: JsonObject, path: string): void {
    if (equal(document, this.document.value)) return;
    if (!path || path !== this.touched) this.past.value = [...this.past.value, this.document.value].slice(-MOST_UNDONE);
    this.touched = path;
    this.document.value = document;
  }

  private print(): void {
    this.text.value = printed(this.document.value);
    this.fault.value = null;
    this.keep();
  }

  private keep(): void {
    const others = remembered().filter((one) => one.origin !== this.origin);
    store([{ origin: this.origin, text: this.text.value }, ...others].slice(0, MOST_KEPT));
  }
}

/** A document as people read it: an object or list that fits on a line stays on one. */
export function printed(value: Json, indent = ""): string {
  const flat = JSON.stringify(value).replaceAll(/("(?:[^"\\]|\\.)*")|([:,])/g, (_, text, mark) => text ?? `${mark} `);
  if (typeof value !== "object" || value === null) return flat;
  const small = isObject(value) ? Object.keys(value).length > 0 && indent !== "" : true;
  if (small && flat.length + indent.length <= 64) return flat;
  const inner = `${indent}  `;
  const items = isObject(value)
    ? Object.entries(value).map(([name, item]) => `${inner}${JSON.stringify(name)}: ${printed(item, inner)}`)
    : value.map((item) => inner + printed(item, inner));
  if (!items.length) return flat;
  return isObject(value) ? `{\n${items.join(",\n")}\n${indent}}` : `[\n${items.join(",\n")}\n${indent}]`;
}

function remembered(): readonly Kept[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found.filter(isKept) : [];
  } catch {
    return []; // no storage, or another's text in it
  }
}

function isKept(value: unknown): value is Kept {
  return (
    typeof value === "object" &&
    value !== null &&
    "origin" in value &&
    "text" in value &&
    typeof value.text === "string"
  );
}

function store(kept: readonly Kept[]): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // a browser that keeps nothing: the form works until it is closed
  }
}
