// The form's state, which its parts share: the draft, the check of it, and what there is to choose from.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { FieldProblem } from "../../../api/client";
import type { DatasetInfo, PresetInfo } from "../../../api/schema";
import type { Check } from "../check";
import { differing } from "../clone";
import { equal, isObject, type Json, type JsonObject, type Path, pointerOf } from "./document";
import type { Draft } from "./draft";
import type { Field } from "./schema";

/** What the form's parts share. */
export class Form {
  constructor(
    readonly draft: Draft,
    readonly check: Check,
    readonly fields: readonly Field[],
    readonly presets: readonly PresetInfo[],
    readonly datasets: readonly DatasetInfo[],
  ) {}

  /** The last spec that was sound, with every default; empty before there was one. */
  get spec(): JsonObject {
    return this.check.sound.value?.spec ?? {};
  }

  /** The field of this name among the job's own. */
  field(name: string): Field {
    const found = this.fields.find((field) => field.name === name);
    if (!found) throw new Error(`The API describes no field ${name} of a job.`);
    return found;
  }

  /** The fields of one of the job's objects, such as `training`. */
  inside(name: string): readonly Field[] {
    const { kind } = this.field(name);
    return kind.type === "object" ? kind.fields : [];
  }

  /** What a field is while nothing is written: the preset's value, what the data set usually has, or the default. */
  usual(path: Path, field: Field): Json | undefined {
    const base = this.draft.inherited(path);
    if (base !== undefined) return base;
    const spec = this.spec;
    const data = path[0] === "dataset" ? spec["dataset"] : undefined;
    const told = isObject(data) && data["name"] === this.dataset() ? data[String(path[1])] : undefined;
    return this.draft.at(path) === undefined && told !== undefined ? told : field.fallback;
  }

  /** What a field is: what is written, or else what is usual. */
  value(path: Path, field: Field): Json | undefined {
    const written = this.draft.at(path);
    return written === undefined ? this.usual(path, field) : written;
  }

  /** Write a field; a value that it has anyway is not written. */
  assign(path: Path, value: Json, field: Field): void {
    this.spell(path);
    if (this.draft.at(path) !== undefined) this.draft.reset(path);
    if (!equal(this.usual(path, field), value) || field.required) this.draft.set(path, value);
  }

  /** Write a field as it is typed, even if it has that value anyway. */
  write(path: Path, value: Json, typing = false): void {
    this.spell(path);
    this.draft.set(path, value, typing);
  }

  /** What the service says against a field, itself or as a part of it. */
  problems(path: Path, within = false): readonly FieldProblem[] {
    const pointer = pointerOf(path);
    const all = this.check.verdict.value?.problems ?? [];
    return all.filter((one) => one.pointer === pointer || (within && one.pointer.startsWith(`${pointer}/`)));
  }

  /** The name of the data set that is chosen. */
  dataset(): string {
    const written = this.draft.at(["dataset"]);
    const known = this.spec["dataset"];
    if (typeof written === "string") return isObject(known) ? String(known["name"]) : written;
    const chosen = this.draft.at(["dataset", "name"]) ?? this.draft.inherited(["dataset", "name"]);
    return String(chosen ?? this.inside("dataset").find((field) => field.name === "name")?.fallback ?? "");
  }

  /** Before something within a short form, or within a preset's list, is changed, write out the whole of it. */
  private spell(path: Path): void {
    const place = path.findIndex((token) => typeof token === "number");
    const list = path.slice(0, place);
    const base = place > 0 && this.draft.at(list) === undefined ? this.draft.inherited(list) : undefined;
    if (base !== undefined) this.draft.set(list, base);
    const [name, ...rest] = path;
    if (typeof name !== "string" || !rest.length || typeof this.draft.at([name]) !== "string") return;
    const whole = this.spec[name];
    const short = isObject(whole) ? differing({ [name]: whole }, [this.field(name)], {})[name] : undefined;
    this.draft.set([name], short ?? {});
  }
}

const Shared = createContext<Form | null>(null);
/** Gives the form's parts its state. */
export const FormProvider = Shared.Provider;

/** The state of the form that a part belongs to. */
export function useForm(): Form {
  const form = useContext(Shared);
  if (!form) throw new Error("This part belongs into a form.");
  return form;
}

/** The id of a field's control in the page. */
export function idOf(path: Path): string {
  return `field${pointerOf(path)}`;
}

/** Show a field, unfolding what hides it, and give it the focus; of one that is not there, what holds it. */
export function lead(path: Path): void {
  const control = document.getElementById(idOf(path));
  if (!control) {
    if (path.length) lead(path.slice(0, -1));
    return;
  }
  for (let at: Element | null = control; at; at = at.parentElement)
    if (at instanceof HTMLDetailsElement) at.open = true;
  control.scrollIntoView({ block: "center" });
  control.focus();
}
