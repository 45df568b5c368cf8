// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { pathsIn } from "./spec_paths";

const SCHEMAS = {
  Submission: {
    properties: {
      name: {},
      preset: {},
      training: { $ref: "#/components/schemas/Training", description: "How it is trained." },
      priority: { description: "0 to 9" },
    },
  },
  Training: {
    properties: {
      optimizer: { oneOf: [{ $ref: "#/components/schemas/Sgd" }, { $ref: "#/components/schemas/Adam" }] },
      augment: { items: { $ref: "#/components/schemas/Flip" } },
      classes: { items: {} },
    },
  },
  Sgd: { properties: { kind: { const: "sgd" }, lr: { description: "Learning rate" } } },
  Adam: { properties: { kind: { enum: ["adam"] }, lr: {}, eps: {} } },
  Flip: { properties: { kind: {} } },
};

describe("the fields of a spec", () => {
  it("are those of all its parts, but for lists of parts and what lists of jobs know by other names", () => {
    const found = pathsIn({ components: { schemas: SCHEMAS } });
    expect(found.map(({ path }) => path)).toEqual([
      "training.optimizer.kind",
      "training.optimizer.lr",
      "training.optimizer.eps",
      "training.classes",
      "priority",
    ]);
    expect(found[0]?.values).toEqual(["sgd", "adam"]);
  });
});
