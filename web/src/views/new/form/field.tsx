// A field of the form: its label, its control by the kind of its value, its help, and what is wrong with it.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { labelOf, unitOf } from "../../../parts/words";
import { Choice, type ControlProps, Flag, Line } from "./controls";
import { isObject, type Path } from "./document";
import { idOf, useForm } from "./form";
import { KindList } from "./kinds/kind_list";
import type { Field, Variant } from "./schema";

/** Any field, by the kind of its value. */
export function AnyField({ path, field }: ControlProps) {
  const { kind, nullable } = field;
  if (kind.type === "variants") return <ListField path={path} field={field} />;
  if ((kind.type === "object" || kind.type === "union") && nullable) return <OptionalField path={path} field={field} />;
  if (kind.type === "union") return <UnionField path={path} field={field} />;
  if (kind.type === "object") return <Fields path={path} fields={kind.fields} />;
  return (
    <Labelled path={path} field={field}>
      {kind.type === "choice" ? (
        <Choice path={path} field={field} />
      ) : kind.type === "flag" ? (
        <Flag path={path} field={field} />
      ) : (
        <Line path={path} field={field} />
      )}
    </Labelled>
  );
}

/** Several fields of one object. */
export function Fields({ path, fields }: { path: Path; fields: readonly Field[] }) {
  return fields.map((field) => <AnyField key={field.name} path={[...path, field.name]} field={field} />);
}

/** A control with its label, unit, help, reset and problems around it. */
export function Labelled(props: ControlProps & { children: ComponentChildren; help?: string }) {
  const { path, field, children } = props;
  const form = useForm();
  const id = idOf(path);
  const changed = form.draft.at(path) !== undefined;
  const label = labelOf(field.name);
  const wide = field.kind.type === "list" || field.kind.type === "text";
  return (
    <div class={`field${changed ? " changed" : ""}${wide ? " wide" : ""}`}>
      <label for={id}>
        {label}
        {changed && <span class="sr"> (changed)</span>}
      </label>
      <div class="control">
        {children}
        {unitOf(field.name) && <span class="soft unit">{unitOf(field.name)}</span>}
        {changed && !field.required && (
          <button
            type="button"
            class="quiet reset"
            aria-label={`Reset ${label}`}
            title="Reset to the default"
            onClick={() => form.draft.reset(path)}
          >
            ↺
          </button>
        )}
      </div>
      <Help id={id} text={props.help ?? field.help} field={field} />
      <Wrong path={path} within={field.kind.type === "list"} />
    </div>
  );
}

/** A description, with what it has between backticks as code. */
export function Prose({ text }: { text: string }) {
  return text.split("`").map((part, index) => (index % 2 ? <code key={part}>{part}</code> : part));
}

function Help({ id, text, field }: { id: string; text: string; field: Field }) {
  const bounds = field.kind.type === "number" ? field.kind.bounds : "";
  return (
    <p class="help" id={`${id}-help`}>
      <Prose text={text} />
      {bounds && <span class="bounds"> {bounds.charAt(0).toUpperCase() + bounds.slice(1)}.</span>}
    </p>
  );
}

/** What the service says against a field. */
export function Wrong({ path, within = false }: { path: Path; within?: boolean }) {
  const problems = useForm().problems(path, within);
  return (
    <div class="wrong" id={`${idOf(path)}-wrong`}>
      {problems.map((one) => (
        <p key={one.detail}>{one.detail}</p>
      ))}
    </div>
  );
}

/** One of several kinds of thing, such as an optimizer, with the fields of the kind that is chosen. */
export function UnionField({ path, field, first = [] }: ControlProps & { first?: readonly string[] }) {
  const variants = field.kind.type === "union" ? field.kind.variants : [];
  const form = useForm();
  const value = form.value(path, field);
  const chosen =
    variants.find((one) => isObject(value) && one.kind === value["kind"]) ??
    usualVariant(form.usual(path, field), variants);
  const shownFields = chosen?.fields ?? [];
  const early = shownFields.filter((one) => !first.length || first.includes(one.name));
  const late = shownFields.filter((one) => !early.includes(one));
  return (
    <div class="union">
      {variants.length > 1 && (
        <Labelled path={path} field={field} help={chosen?.help || field.help}>
          <KindChoice path={path} field={field} variants={variants} kind={chosen?.kind ?? ""} />
        </Labelled>
      )}
      <Fields path={path} fields={early} />
      {late.length > 0 && (
        <Fold title={`More of ${chosen?.kind ?? labelOf(field.name)}`} paths={late.map((one) => [...path, one.name])}>
          <Fields path={path} fields={late} />
        </Fold>
      )}
    </div>
  );
}

function usualVariant(usual: unknown, variants: readonly Variant[]): Variant | undefined {
  const kind = typeof usual === "object" && usual !== null && "kind" in usual ? usual.kind : undefined;
  return variants.find((one) => one.kind === kind) ?? (variants.length === 1 ? variants[0] : undefined);
}

function KindChoice({ path, field, variants, kind }: ControlProps & { variants: readonly Variant[]; kind: string }) {
  const form = useForm();
  const usual = usualVariant(form.draft.inherited(path) ?? field.fallback, variants)?.kind;
  return (
    <select
      id={idOf(path)}
      aria-describedby={`${idOf(path)}-help ${idOf(path)}-wrong`}
      value={kind}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        if (chosen === usual) form.draft.reset(path);
        else form.write(path, { kind: chosen });
      }}
    >
      {variants.map((one) => (
        <option key={one.kind} value={one.kind}>
          {one.kind}
          {one.kind === usual ? " (default)" : ""}
        </option>
      ))}
    </select>
  );
}

/** Something that a job may have or not, such as early stopping, with its fields while it has it. */
function OptionalField({ path, field }: ControlProps) {
  const form = useForm();
  const value = form.value(path, field);
  const on = value !== null && value !== undefined;
  const kind = field.kind;

  function change(next: boolean): void {
    const usual = form.draft.inherited(path);
    const none = usual === undefined ? field.fallback === null : usual === null;
    const first = kind.type === "union" && kind.variants[0] ? { kind: kind.variants[0].kind } : {};
    if (next === !none) form.draft.reset(path);
    else form.write(path, next ? first : null);
  }

  return (
    <div class="union">
      <Labelled path={path} field={field}>
        <input
          type="checkbox"
          id={idOf(path)}
          aria-describedby={`${idOf(path)}-help ${idOf(path)}-wrong`}
          checked={on}
          onChange={(event) => change(event.currentTarget.checked)}
        />
      </Labelled>
      {on && kind.type === "union" && <UnionField path={path} field={field} />}
      {on && kind.type === "object" && <Fields path={path} fields={kind.fields} />}
    </div>
  );
}

function ListField({ path, field }: ControlProps) {
  return (
    <div class="list-field">
      <p class="list-label" id={`${idOf(path)}-label`}>
        {labelOf(field.name)}{" "}
        <span class="soft">
          <Prose text={field.help} />
        </span>
      </p>
      <Wrong path={path} />
      <KindList path={path} field={field} />
    </div>
  );
}

/** Fields that few people need, folded; it says how many of them are changed, and unfolds for a problem. */
export function Fold({
  title,
  paths,
  children,
}: {
  title: string;
  paths: readonly Path[];
  children: ComponentChildren;
}) {
  const form = useForm();
  const changed = paths.filter((path) => form.draft.at(path) !== undefined).length;
  const wrong = paths.some((path) => form.problems(path, true).length > 0);
  const element = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (wrong && element.current) element.current.open = true; // it stays open when the problem is gone
  }, [wrong]);
  return (
    <details class="fold" ref={element}>
      <summary>
        {title}
        {changed > 0 && <span class="count">{changed} changed</span>}
      </summary>
      {children}
    </details>
  );
}
