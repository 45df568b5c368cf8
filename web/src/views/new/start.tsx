// What to start from: a network of one's own, or a preset; and the labels of the job.

import type { PresetInfo } from "../../api/schema";
import { specOf } from "./check";
import type { JsonObject } from "./form/document";
import { AnyField, Wrong } from "./form/field";
import { useForm } from "./form/form";
import { NETWORKS } from "./starters";

const OWN: readonly { kind: string; title: string; note: string }[] = [
  { kind: "layers", title: "My own, layer by layer", note: "A small convolutional network to change as you like." },
  { kind: "mlp", title: "Fully connected", note: "Hidden layers of the widths that you say." },
  { kind: "torchvision", title: "One of torchvision's", note: "ResNet, DenseNet, VGG and others, untrained." },
];

/** The group that everything begins with. */
export function Start() {
  const form = useForm();
  return (
    <section class="panel" aria-labelledby="group-start">
      <h2 id="group-start">Start from</h2>
      <div class="cards" id="field/preset" tabIndex={-1}>
        {OWN.map((one) => (
          <OwnCard key={one.kind} {...one} />
        ))}
        {form.presets.map((preset) => (
          <PresetCard key={preset.name} preset={preset} />
        ))}
      </div>
      <Wrong path={["preset"]} />
      <AnyField path={["name"]} field={form.field("name")} />
      <AnyField path={["tags"]} field={form.field("tags")} />
    </section>
  );
}

function OwnCard({ kind, title, note }: { kind: string; title: string; note: string }) {
  const { draft } = useForm();
  const chosen = draft.at(["preset"]) === undefined && draft.at(["architecture", "kind"]) === kind;
  return (
    <button
      type="button"
      class="card"
      aria-pressed={chosen}
      onClick={() => begin(draft.document.value, { architecture: NETWORKS[kind] ?? {} }, (next) => draft.begin(next))}
    >
      <b>{title}</b>
      <span class="soft">{note}</span>
    </button>
  );
}

function PresetCard({ preset }: { preset: PresetInfo }) {
  const { draft } = useForm();
  return (
    <button
      type="button"
      class="card"
      aria-pressed={draft.at(["preset"]) === preset.name}
      onClick={() => begin(draft.document.value, { preset: preset.name }, (next) => draft.begin(next))}
    >
      <b>{preset.name}</b>
      <span class="soft">{preset.title}</span>
      <span class="soft">{preset.note}</span>
    </button>
  );
}

/** Start from another network: what is written stays, but the network itself. */
function begin(document: JsonObject, from: JsonObject, change: (next: JsonObject) => void): void {
  const rest = Object.entries(document).filter(([name]) => name !== "preset" && name !== "architecture");
  change({ ...from, ...Object.fromEntries(rest) });
}

/** What each preset sets, by its name. */
export function specsOf(presets: readonly PresetInfo[]): ReadonlyMap<string, JsonObject> {
  return new Map(presets.map((preset) => [preset.name, specOf(preset)]));
}
