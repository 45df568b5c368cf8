import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { differing, withOpenEnd, withRate } from "../clone";
import { Schema } from "./schema";

// what the build wrote beside the types: the API's own description
const schema = new Schema(JSON.parse(readFileSync("node_modules/.openapi.json", "utf-8")));
const fields = schema.fields("Submission");

function field(...names: readonly string[]) {
  let inside = fields;
  let found = fields[0];
  for (const name of names) {
    found = inside.find((one) => one.name === name);
    inside = found?.kind.type === "object" ? found.kind.fields : [];
  }
  return found;
}

describe("fields of the API's description", () => {
  it("are numbers with their bounds, texts, choices and flags, with help and default", () => {
    expect(field("training", "epochs")).toMatchObject({
      kind: { type: "number", whole: true, bounds: "from 1" },
      fallback: 100,
    });
    expect(field("training", "label_smoothing")?.kind).toMatchObject({ bounds: "from 0, below 1" });
    expect(field("training", "precision")?.kind).toMatchObject({ type: "choice", options: ["fp32", "tf32", "bf16"] });
    expect(field("training", "shuffle")).toMatchObject({ kind: { type: "flag" }, fallback: true });
    expect(field("training", "epochs")?.help).toBe("Passes over the training split.");
    expect(field("name")).toMatchObject({ kind: { type: "text" }, nullable: true, fallback: null });
    expect(field("tags")?.kind).toMatchObject({ type: "list", item: "text" });
  });

  it("are several kinds of thing, each with its own fields", () => {
    const optimizer = field("training", "optimizer")?.kind;
    expect(optimizer?.type).toBe("union");
    const kinds = optimizer?.type === "union" ? optimizer.variants : [];
    expect(kinds.map((one) => one.kind)).toEqual(["sgd", "adam", "adamw", "rmsprop", "nadam"]);
    expect(kinds[1]?.fields.map((one) => one.name)).toEqual(["lr", "betas", "eps", "weight_decay"]);
  });

  it("are lists of such things: of layers, each activation a kind of its own", () => {
    const architecture = field("architecture")?.kind;
    const own = architecture?.type === "union" ? architecture.variants.find((one) => one.kind === "layers") : undefined;
    const layers = own?.fields.find((one) => one.name === "layers")?.kind;
    const kinds = layers?.type === "variants" ? layers.variants.map((one) => one.kind) : [];
    expect(kinds).toEqual(expect.arrayContaining(["linear", "conv2d", "relu", "tanh", "residual", "whitening"]));
  });

  it("may be left out as a whole, and then need no kind where there is one alone", () => {
    expect(field("training", "early_stopping")).toMatchObject({ kind: { type: "object" }, nullable: true });
    const average = field("training", "weight_average");
    expect(average).toMatchObject({ nullable: true, kind: { type: "union", variants: [{ kind: "ema" }] } });
  });
});

describe("a clone", () => {
  const training = { epochs: 100, batch_size: 64, seed: 3, early_stopping: null };

  it("says only what differs from the defaults, and the kind of what is of a kind", () => {
    const spec = {
      name: "a",
      tags: [],
      architecture: { kind: "mlp", hidden: [8], activation: "tanh", output: "log_softmax" },
      training: {
        ...training,
        optimizer: { kind: "adam", lr: 0.001, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.1 },
      },
    };
    expect(differing(spec, fields, {})).toEqual({
      name: "a",
      architecture: { kind: "mlp", hidden: [8] },
      training: { seed: 3, optimizer: { kind: "adam", weight_decay: 0.1 } },
    });
  });

  it("says of a preset's job only what differs from the preset, also where that is a default", () => {
    const preset = {
      training: { epochs: 32, optimizer: { kind: "sgd", lr: 0.1, momentum: 0.9 }, early_stopping: { patience: 3 } },
    };
    const optimizer = { kind: "sgd", lr: 0.1, momentum: 0, nesterov: false, weight_decay: 0 };
    expect(differing({ training: { ...training, optimizer } }, fields, preset)).toEqual({
      training: { epochs: 100, seed: 3, optimizer: { momentum: 0 }, early_stopping: null },
    });
  });

  it("keeps what another data set's defaults would change", () => {
    const dataset = { name: "mnist", classes: ["0", "1"], normalize: "published", channels: 3, val_per_class: null };
    expect(differing({ dataset }, fields, {})).toEqual({
      dataset: { name: "mnist", classes: ["0", "1"], normalize: "published", channels: 3 },
    });
    const usual = { name: "cifar10", classes: ["airplane", "bird"], normalize: "published", channels: 3 };
    expect(differing({ dataset: usual }, fields, {})).toEqual({});
  });

  it("says no layer of the preset's again, and leaves the last linear layer to follow the classes", () => {
    const preset = { architecture: { kind: "layers", layers: [{ kind: "dropout", p: 0.5 }, { kind: "linear" }] } };
    const layers = [
      { kind: "dropout", p: 0.5 },
      { kind: "linear", out_features: 2, bias: true },
    ];
    const spec = { dataset: { classes: ["a", "b"] }, architecture: { kind: "layers", layers, output: "log_softmax" } };
    const architecture = withOpenEnd(spec)["architecture"] ?? null;
    expect(differing({ architecture }, fields, preset)).toEqual({});
    expect(withOpenEnd({ ...spec, dataset: { classes: ["a"] } })).toMatchObject({ architecture: { layers } });
  });

  it("may learn at another rate, without the noise of a product", () => {
    const spec = { training: { optimizer: { kind: "adam", lr: 0.3 } } };
    expect(withRate(spec, 0.1)).toEqual({ training: { optimizer: { kind: "adam", lr: 0.03 } } });
    expect([withRate(spec, Number.NaN), withRate({ training: {} }, 10)]).toEqual([spec, { training: {} }]);
  });

  it("turns what a job may have or not on, even with its defaults alone", () => {
    const stopping = { monitor: "val_loss", patience: 10, min_delta: 0 };
    expect(differing({ training: { ...training, early_stopping: stopping } }, fields, {})).toEqual({
      training: { seed: 3, early_stopping: {} },
    });
  });
});
