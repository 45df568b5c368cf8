// The network: layer by layer, as widths of hidden layers, or one of torchvision's.

import { useRef } from "preact/hooks";
import type { LayerCost } from "../../api/schema";
import { isObject, type Json, type JsonObject } from "./form/document";
import { Fields, Fold, Wrong } from "./form/field";
import { useForm } from "./form/form";
import { NETWORKS } from "./starters";

const NAMES: Record<string, string> = {
  layers: "Layer by layer",
  mlp: "Fully connected",
  torchvision: "torchvision's",
};

/** The group about the network. */
export function Network() {
  const form = useForm();
  const { kind } = form.field("architecture");
  const variants = kind.type === "union" ? kind.variants : [];
  const now = form.draft.at(["architecture", "kind"]) ?? form.draft.inherited(["architecture", "kind"]);
  const chosen = variants.find((one) => one.kind === now);
  const before = useRef<Record<string, Json>>({});

  /** Change to another kind of network; one that stood here before comes back. */
  function choose(next: string): void {
    const written = form.draft.at(["architecture"]);
    if (chosen && written !== undefined) before.current[chosen.kind] = written;
    const spelled =
      chosen?.kind === "mlp" && next === "layers" ? layersOf(form.check.sound.value?.answer.cost.layers ?? []) : null;
    const base = form.draft.preset.value["architecture"];
    if (before.current[next] === undefined && isObject(base) && base["kind"] === next)
      form.draft.reset(["architecture"]);
    else form.draft.set(["architecture"], before.current[next] ?? spelled ?? NETWORKS[next] ?? { kind: next });
  }

  const main = chosen?.fields.filter((field) => field.name !== "output") ?? [];
  const late = chosen?.fields.filter((field) => field.name === "output") ?? [];
  return (
    <section class="panel" aria-labelledby="group-network">
      <h2 id="group-network">Network</h2>
      <div class="group" role="group" aria-label="Kind of network" id="field/architecture" tabIndex={-1}>
        {variants.map((one) => (
          <button
            key={one.kind}
            type="button"
            aria-pressed={one === chosen}
            title={one.help}
            onClick={() => choose(one.kind)}
          >
            {NAMES[one.kind] ?? one.kind}
          </button>
        ))}
      </div>
      <Wrong path={["architecture"]} />
      {chosen ? <p class="soft">{chosen.help}</p> : <p>Choose what to start from above, or a kind of network here.</p>}
      <Fields path={["architecture"]} fields={main} />
      {late.length > 0 && (
        <Fold title="Output" paths={late.map((field) => ["architecture", field.name])}>
          <Fields path={["architecture"]} fields={late} />
        </Fold>
      )}
    </section>
  );
}

/** A fully connected network spelled out layer by layer; null where it is not known. */
function layersOf(costs: readonly LayerCost[]): JsonObject | null {
  const last = costs.findLastIndex((one) => one.kind === "linear");
  const layers = costs.map((one, index): Json => {
    if (one.kind !== "linear" || index === last) return { kind: one.kind };
    return { kind: "linear", out_features: one.output_shape[0] ?? 1 };
  });
  return layers.length ? { kind: "layers", layers } : null;
}
