// A list of things of several kinds, such as layers: added, removed, doubled, moved by mouse or keys, each foldable.

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { labelOf } from "../../../../parts/words";
import { costAt } from "../../shapes";
import { starter } from "../../starters";
import type { ControlProps } from "../controls";
import { isObject, itemsOf, type Json } from "../document";
import { idOf, useForm } from "../form";
import { useDrag } from "./drag";
import { KindItem } from "./kind_item";
import { KindMenu } from "./kind_menu";
import { inserted, moved, removed } from "./moves";

/** What goes along with an item of the list: a key that stays its own while it moves, and whether it is unfolded. */
interface Row {
  key: number;
  open: boolean;
}

let keys = 0;

/** The most items that have a row each: several times what the service takes, and no more than a browser bears. */
const MOST_ROWS = 1000;

/** The list at a path, as a column of foldable rows. */
export function KindList({ path, field }: ControlProps) {
  const form = useForm();
  const items = itemsOf(form.value(path, field));
  const rows = useRef<readonly Row[]>([]);
  const missing = Math.max(0, items.length - rows.current.length);
  const added = Array.from({ length: missing }, (): Row => ({ key: keys++, open: false }));
  rows.current = [...rows.current.slice(0, items.length), ...added];
  const menu = useSignal<number | null>(null);
  const said = useSignal("");
  const focused = useRef<number | null>(null);
  const fresh = useSignal(0);
  const variants = field.kind.type === "variants" ? field.kind.variants : [];
  const list = useRef<HTMLOListElement>(null);
  const drag = useDrag(list, (from, to) => change((all) => moved(all, from, to), to, "moved"));

  // In the layout effect of the very change: one that waits to be run could belong to the list as it was before.
  useLayoutEffect(() => {
    if (focused.current === null) return;
    document.getElementById(idOf([...path, focused.current]))?.focus();
    focused.current = null;
  });

  /** Change the items, and what goes along with them, in the same way; then give the focus to the item at `at`. */
  function change(how: <T>(all: readonly T[]) => readonly T[], at: number, done: string): void {
    const next = how<Json>(items);
    rows.current = how<Row>(rows.current);
    if (next.length || !field.required) form.write(path, next);
    else form.draft.reset(path);
    const place = Math.min(Math.max(0, at), next.length - 1);
    focused.current = place;
    said.value = next.length ? `${kindOf(next[place])} ${done}, now number ${place}` : "The list is empty";
    fresh.value++;
  }

  function insert(at: number, item: Json, open: boolean): void {
    const row: Row = { key: keys++, open };
    rows.current = inserted(rows.current, at, row);
    form.write(path, inserted(items, at, item));
    focused.current = at;
    said.value = `${kindOf(item)} added, now number ${at}`;
  }

  function add(kind: string): void {
    const at = menu.value ?? items.length;
    menu.value = null;
    const before = at > 0 ? costAt(form, [...path, at - 1])?.output_shape : costAt(form, [...path, 0])?.input_shape;
    insert(at, starter(kind, before?.[0]), true);
  }

  return (
    <div class="kind-list">
      <ol ref={list} aria-label={labelOf(field.name)}>
        {items.slice(0, MOST_ROWS).map((item, index) => (
          <KindItem
            key={rows.current[index]?.key}
            path={[...path, index]}
            item={item}
            variants={variants}
            open={rows.current[index]?.open ?? false}
            mark={drag.markOf(index)}
            onFold={(open) => {
              rows.current = rows.current.map((row, at) => (at === index ? { ...row, open } : row));
              fresh.value++;
            }}
            onGrip={(event) => drag.start(event, index)}
            onMove={(to) => change((all) => moved(all, index, to), to, "moved")}
            onRemove={() => change((all) => removed(all, index), index, "is next")}
            onDouble={() => insert(index + 1, item, false)}
            onMend={(before) => insert(index, before, false)}
            onAdd={() => {
              menu.value = index + 1;
            }}
          />
        ))}
      </ol>
      {items.length > MOST_ROWS && (
        <p class="soft">And {(items.length - MOST_ROWS).toLocaleString("en")} more, in the JSON.</p>
      )}
      <button type="button" id={idOf(path)} class="add" onClick={() => (menu.value = items.length)}>
        + Add {field.name === "augment" ? "an augmentation" : "a layer"}
      </button>
      <span class="sr" role="status">
        {said.value}
      </span>
      {fresh.value >= 0 && menu.value !== null && (
        <KindMenu
          title={menu.value < items.length ? `Add after ${kindOf(items[menu.value - 1])}` : "Add at the end"}
          variants={variants}
          onChoose={add}
          onClose={() => {
            menu.value = null;
          }}
        />
      )}
    </div>
  );
}

function kindOf(item: Json | undefined): string {
  return isObject(item) ? String(item["kind"]) : "This";
}
