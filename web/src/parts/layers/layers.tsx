// A network layer by layer: blocks with the shapes between them, and each layer's share of parameters and computation.

import type { LayerCost } from "../../api/schema";
import "./layers.css";

/** A layer as it is drawn: `inside` are the layers of a block, such as a residual one. */
interface Drawn {
  layer: LayerCost;
  inside: readonly Drawn[];
}

/** The network, first layer to last. */
export function Layers({ layers }: { layers: readonly LayerCost[] }) {
  const all = {
    parameters: sum(layers.map((layer) => layer.parameters)),
    flops: sum(layers.map((layer) => layer.flops)),
  };
  const first = layers[0]?.input_shape;
  return (
    <figure class="layers">
      {first && <p class="shape">{shapeOf(first, "input")}</p>}
      <Row drawn={nested(layers)} all={all} />
      <figcaption class="soft">
        <span class="swatch parameters" aria-hidden="true" /> share of {all.parameters.toLocaleString("en")} parameters
        <span class="swatch flops" aria-hidden="true" /> share of computation
      </figcaption>
    </figure>
  );
}

interface Totals {
  parameters: number;
  flops: number;
}

function Row({ drawn, all }: { drawn: readonly Drawn[]; all: Totals }) {
  return (
    <ol>
      {drawn.map(({ layer, inside }, index) => (
        <li key={`${layer.pointer} ${index}`}>
          <div class={`block ${family(layer)}`}>
            <b>{layer.kind}</b>
            <Bar name="parameters" part={layer.parameters} whole={all.parameters} figure={count(layer.parameters)} />
            <Bar name="flops" part={layer.flops} whole={all.flops} figure={share(layer.flops, all.flops)} />
            {inside.length > 0 && <Row drawn={inside} all={all} />}
          </div>
          <p class="shape">{shapeOf(layer.output_shape, "output")}</p>
        </li>
      ))}
    </ol>
  );
}

function Bar({ name, part, whole, figure }: { name: keyof Totals; part: number; whole: number; figure: string }) {
  const what = name === "flops" ? "of the computation" : "parameters";
  return (
    <span class="share">
      <span class="track" aria-hidden="true">
        <span class={name} style={{ width: `${whole ? (100 * part) / whole : 0}%` }} />
      </span>
      <span class="figure">
        {figure}
        <span class="sr"> {what}</span>
      </span>
    </span>
  );
}

/** Blocks with their layers inside: a layer is inside the nearest block whose pointer its own begins with. */
export function nested(layers: readonly LayerCost[]): readonly Drawn[] {
  const drawn = layers.map((layer): Drawn & { inside: Drawn[] } => ({ layer, inside: [] }));
  const roots: Drawn[] = [];
  for (const one of drawn) {
    const parents = drawn.filter(
      ({ layer }) => layer.kind === "residual" && one.layer.pointer.startsWith(`${layer.pointer}/`),
    );
    const parent = parents.toSorted((a, b) => b.layer.pointer.length - a.layer.pointer.length)[0];
    (parent?.inside ?? roots).push(one);
  }
  return roots;
}

// The families that are told apart at the block's edge, beside the name that says more.
function family(layer: LayerCost): string {
  if (/^(linear|conv2d|whitening)$/.test(layer.kind)) return "weighs";
  if (/norm|scale/.test(layer.kind)) return "norms";
  if (/pool|flatten/.test(layer.kind)) return "shapes";
  return "acts";
}

function shapeOf(shape: readonly number[], role: string) {
  return (
    <>
      <span class="sr">{role} shape </span>
      {shape.map((size) => size.toLocaleString("en")).join(" × ")}
      {shape.length === 1 && " features"}
    </>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  return value >= 1e4 ? `${(value / 1e3).toPrecision(3)} k` : value.toLocaleString("en");
}

function share(part: number, whole: number): string {
  const percent = whole ? (100 * part) / whole : 0;
  return percent > 0 && percent < 1 ? "< 1 %" : `${Math.round(percent)} %`;
}
