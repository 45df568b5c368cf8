// One item of a list of things of several kinds: its kind and values in a line, and its fields when unfolded.

import { Icon, type IconName } from "../../../../parts/icon";
import { labelOf, shown } from "../../../../parts/words";
import { costAt, shapeText } from "../../shapes";
import { isObject, type Json, type JsonObject, type Path } from "../document";
import { Fields, Wrong } from "../field";
import { idOf, useForm } from "../form";
import type { Variant } from "../schema";
import { faultOf } from "../syntax";

interface KindItemProps {
  path: Path;
  item: Json;
  variants: readonly Variant[];
  open: boolean;
  mark: string;
  onFold: (open: boolean) => void;
  onGrip: (event: PointerEvent) => void;
  onMove: (to: number) => void;
  onRemove: () => void;
  onDouble: () => void;
  onAdd: () => void;
  onMend: (item: Json) => void;
}

/** The item. Its title folds it; with Alt, arrows move it; Delete removes it. */
export function KindItem(props: KindItemProps) {
  const { path, item, open } = props;
  const form = useForm();
  const kind = isObject(item) ? String(item["kind"]) : "?";
  const variant = props.variants.find((one) => one.kind === kind);
  const index = Number(path.at(-1));
  const wrong = form.problems(path, true).length > 0;
  const id = idOf(path);

  function onKey(event: KeyboardEvent): void {
    const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
    if (step !== undefined) props.onMove(index + step);
    else if (event.key === "Delete") props.onRemove();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <li class={`kind-item ${props.mark}${wrong ? " invalid" : ""}`}>
      <div class="head">
        <span class="grip" aria-hidden="true" title="Drag to move" onPointerDown={props.onGrip}>
          ⠿
        </span>
        <button
          type="button"
          id={id}
          class="quiet title"
          aria-expanded={open}
          aria-describedby={`${id}-wrong`}
          aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown Delete"
          onClick={() => props.onFold(!open)}
          onKeyDown={onKey}
        >
          <span class="place">{index}</span> <b>{kind}</b> <span class="soft">{summary(item)}</span>
        </button>
        <Shapes path={path} />
        <span class="tools">
          <Tool icon="add" does="Add after" what={`${kind} ${index}`} run={props.onAdd} />
          <Tool icon="copy" does="Duplicate" what={`${kind} ${index}`} run={props.onDouble} />
          <Tool icon="close" does="Remove" what={`${kind} ${index}`} run={props.onRemove} />
        </span>
      </div>
      <Wrong path={path} />
      <Mend path={path} onMend={props.onMend} />
      {open && (
        <div class="inside">
          <p class="soft">{variant?.help}</p>
          <Fields path={path} fields={variant?.fields ?? []} />
        </div>
      )}
    </li>
  );
}

/** Does what the service suggests, where that is to put something before the item. */
function Mend({ path, onMend }: { path: Path; onMend: (item: Json) => void }) {
  const [suggested] = useForm()
    .problems(path)
    .map((one) => suggestionOf(one.detail))
    .filter((one) => one !== null);
  if (!suggested) return null;
  return (
    <button type="button" class="mend" onClick={() => onMend(suggested)}>
      Put {String(suggested["kind"])} before it
    </button>
  );
}

/** What a message suggests to put before an item, as in `put {"kind": "flatten"} before it`; null for another. */
export function suggestionOf(detail: string): JsonObject | null {
  const text = /put (\{[^{}]*\}) before it/.exec(detail)?.[1];
  const parsed: Json = text && !faultOf(text) ? JSON.parse(text) : null;
  return isObject(parsed) ? parsed : null;
}

function Shapes({ path }: { path: Path }) {
  const cost = costAt(useForm(), path);
  if (!cost) return <span class="shape soft" />;
  const [before, after] = [shapeText(cost.input_shape), shapeText(cost.output_shape)];
  return (
    <span class="shape soft">
      <span class="sr">from </span>
      {before} <span aria-hidden="true">→</span>
      <span class="sr">to</span> {after}
    </span>
  );
}

/** What an item says, in a line: its values by name, of the lists within it only how long they are. */
export function summary(item: Json): string {
  if (!isObject(item)) return "";
  return Object.entries(item)
    .filter(([name]) => name !== "kind")
    .map(([name, value]) => {
      if (Array.isArray(value) && value.some(isObject)) return `${value.length} ${name}`;
      if (typeof value === "boolean") return value ? name : `no ${name}`;
      return `${labelOf(name).toLowerCase()} ${shown(value)}`;
    })
    .join(", ");
}

function Tool({ icon, does, what, run }: { icon: IconName; does: string; what: string; run: () => void }) {
  return (
    <button type="button" class="quiet square small" aria-label={`${does} ${what}`} title={does} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}
