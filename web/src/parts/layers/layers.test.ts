import { describe, expect, it } from "vitest";
import type { LayerCost } from "../../api/schema";
import { nested } from "./layers";

function layer(kind: string, pointer: string): LayerCost {
  const costs = { parameters: 0, weight_bytes: 0, flops: 0, activations: 0 };
  return { kind, pointer, input_shape: [1], output_shape: [1], ...costs };
}

describe("a network as it is drawn", () => {
  it("has a block's layers inside the block, which the service lists after them", () => {
    const layers = [
      layer("conv2d", "/architecture/layers/0"),
      layer("relu", "/architecture/layers/1/layers/0"),
      layer("residual", "/architecture/layers/1"),
      layer("linear", "/architecture/layers/2"),
    ];
    expect(nested(layers).map((one) => [one.layer.kind, one.inside.map((inner) => inner.layer.kind)])).toEqual([
      ["conv2d", []],
      ["residual", ["relu"]],
      ["linear", []],
    ]);
  });

  it("keeps the added layers of a fully connected network, which share a pointer, beside each other", () => {
    const layers = [
      layer("flatten", "/architecture"),
      layer("linear", "/architecture/hidden/0"),
      layer("linear", "/architecture"),
    ];
    expect(nested(layers)).toHaveLength(3);
  });
});
