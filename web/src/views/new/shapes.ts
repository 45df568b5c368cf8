// The shapes of layers, from the last sound job, for as much of the network as is still as it was then.

import type { LayerCost } from "../../api/schema";
import { equal, itemsOf, type Path, pointerOf, valueAt } from "./form/document";
import type { Form } from "./form/form";

/** What the service said of a layer; undefined where the layer, or one before it, has changed since. */
export function costAt(form: Form, path: Path): LayerCost | undefined {
  const sound = form.check.sound.value;
  if (!sound) return undefined;
  const refused = form.check.verdict.value?.answer === null;
  if (refused && !unchanged(form, path)) return undefined;
  const pointer = pointerOf(path);
  return sound.answer.cost.layers.find((layer) => layer.pointer === pointer);
}

function unchanged(form: Form, path: Path): boolean {
  const { document } = form.check.sound.value ?? {};
  if (!equal(document?.["dataset"], form.draft.at(["dataset"]))) return false;
  return path.every((token, depth) => {
    if (typeof token !== "number") return true;
    const list = path.slice(0, depth);
    const last = depth === path.length - 1 ? token + 1 : token;
    const before = itemsOf(valueAt(document, list)).slice(0, last);
    return equal(before, itemsOf(form.draft.at(list)).slice(0, last));
  });
}

/** A shape as people write it: "32 × 16 × 16", or "128" features. */
export function shapeText(shape: readonly number[]): string {
  return shape.map((size) => size.toLocaleString("en")).join(" × ");
}
