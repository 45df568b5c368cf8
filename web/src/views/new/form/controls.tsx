// Controls for single values: numbers, texts, lists of either, choices, yes or no.

import { useState } from "preact/hooks";
import { shown } from "../../../parts/words";
import { equal, itemsOf, type Json, type Path } from "./document";
import { idOf, useForm } from "./form";
import type { Field } from "./schema";

/** What every control is given: where its value is, and the field that it is of. */
export interface ControlProps {
  path: Path;
  field: Field;
}

const PLAIN_NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * A number as it is typed; any other text stays one, for the service to say what is wrong with it. So does a number
 * that is too large for any computer, such as 1e400: JSON would make null of its infinity.
 */
export function numberOf(text: string): Json {
  const number = PLAIN_NUMBER.test(text.trim()) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : text;
}

/** A list as it is typed, its items between commas. */
export function listOf(text: string, item: "number" | "text"): readonly Json[] {
  const items = text.split(",").map((one) => one.trim());
  return items.filter(Boolean).map((one) => (item === "number" ? numberOf(one) : one));
}

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A line of text for a number, a text or a list; empty means the default, which is shown in its place. */
export function Line({ path, field }: ControlProps) {
  const form = useForm();
  const [typed, setTyped] = useState("");
  const written = form.draft.at(path);
  const parse = (text: string): Json => {
    if (field.kind.type === "list") return listOf(text, field.kind.item);
    return field.kind.type === "number" ? numberOf(text) : text;
  };
  const text = written !== undefined && equal(parse(typed), written) ? typed : textOf(written);
  const list = field.kind.type === "list";

  function change(next: string): void {
    setTyped(next);
    if (next.trim() || (list && field.required)) form.write(path, parse(next), true);
    else form.draft.reset(path);
  }

  return (
    <input
      {...described({ path, field })}
      class={field.kind.type === "number" ? "number" : undefined}
      inputMode={field.kind.type === "number" ? "decimal" : undefined}
      placeholder={field.required && form.usual(path, field) === undefined ? "" : shown(form.usual(path, field))}
      value={text}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => change(event.currentTarget.value)}
    />
  );
}

/** One of a few values. */
export function Choice({ path, field }: ControlProps) {
  const form = useForm();
  const options: readonly Json[] = field.kind.type === "choice" ? field.kind.options : [];
  const usual = form.usual(path, field);
  const value = form.value(path, field);
  const known = options.some((option) => equal(option, value));
  return (
    <select
      {...described({ path, field })}
      value={textOf(value)}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        form.assign(path, options.find((option) => String(option) === chosen) ?? null, field);
      }}
    >
      {!known && <option value={textOf(value)}>{textOf(value) || "choose"}</option>}
      {options.map((option) => (
        <option key={String(option)} value={String(option)}>
          {String(option)}
          {equal(option, usual) ? " (default)" : ""}
        </option>
      ))}
    </select>
  );
}

/** Yes or no. */
export function Flag({ path, field }: ControlProps) {
  const form = useForm();
  return (
    <input
      {...described({ path, field })}
      type="checkbox"
      checked={form.value(path, field) === true}
      onChange={(event) => form.assign(path, event.currentTarget.checked, field)}
    />
  );
}

/** What ties a control to its label, its help and what is wrong with it. */
export function described({ path }: ControlProps) {
  const form = useForm();
  const id = idOf(path);
  const wrong = form.problems(path, itemsOf(form.draft.at(path)).length > 0).length > 0;
  return { id, "aria-describedby": `${id}-help ${id}-wrong`, "aria-invalid": wrong };
}
