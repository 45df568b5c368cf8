import { expect, test } from "vitest";
import { shortest } from "./values";

test("a path is called by the shortest end that says what it is of", () => {
  const layers = ["0.kind", "0.bias", "1.bias", "1.out_features"].map((end) => `architecture.layers.${end}`);
  const all = ["training.optimizer.lr", "architecture.kind", ...layers];
  expect(all.map((path) => shortest(path, all))).toEqual([
    "lr",
    "architecture.kind",
    "layers.0.kind",
    "layers.0.bias",
    "layers.1.bias",
    "out_features",
  ]);
});
