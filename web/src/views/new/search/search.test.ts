import { describe, expect, it } from "vitest";
import type { Field } from "../form/schema";
import { against, clash, dimensionOf, FIRST, remaining, requestOf, type Searched, searchable } from "./search";

describe("a dimension of a space", () => {
  it("is a range, by logarithm or in steps, of whole numbers where its ends are", () => {
    expect(dimensionOf("1e-3 to 0.1 log")).toEqual({ kind: "float", low: 0.001, high: 0.1, log: true });
    expect(dimensionOf(" 16 to 256 ")).toEqual({ kind: "int", low: 16, high: 256 });
    expect(dimensionOf("0 to 1 step 0.25")).toEqual({ kind: "float", low: 0, high: 1, step: 0.25 });
    expect(dimensionOf("0.0 to 1")).toEqual({ kind: "float", low: 0, high: 1 });
    expect(dimensionOf("-1 TO 5 step 2")).toEqual({ kind: "int", low: -1, high: 5, step: 2 });
  });

  it("is values in their order, or a choice", () => {
    expect(dimensionOf("16, 64, 256")).toEqual({ kind: "values", values: [16, 64, 256] });
    expect(dimensionOf("adam, sgd")).toEqual({ kind: "choice", values: ["adam", "sgd"] });
    expect(dimensionOf("true, false")).toEqual({ kind: "choice", values: [true, false] });
    expect(dimensionOf("[64], [128, 64]")).toEqual({ kind: "choice", values: [[64], [128, 64]] });
    expect(dimensionOf("  ")).toBeNull();
  });
});

describe("the fields that a search may vary", () => {
  const number: Field["kind"] = { type: "number", whole: true, bounds: "" };
  const field = (name: string, kind: Field["kind"]): Field => {
    return { name, kind, help: "", required: false, nullable: false, fallback: undefined };
  };
  const kinds = (...names: string[]): Field["kind"] => {
    const lists = [field("lr", number), field("hidden", { type: "list", item: "number" })];
    return { type: "union", variants: names.map((kind) => ({ kind, help: "", fields: lists })) };
  };

  it("are those of what is trained, kinds and lists of numbers among them", () => {
    const fields = [
      field("name", { type: "text" }),
      field("priority", number),
      field("resources", { type: "object", fields: [field("threads", number)] }),
      field("architecture", kinds("mlp", "layers")),
      field("training", { type: "object", fields: [field("optimizer", kinds("sgd", "adam")), field("seed", number)] }),
    ];
    const job = { architecture: { kind: "mlp" }, training: { optimizer: { kind: "sgd" } } };
    expect(searchable(fields, job, FIRST).map((path) => path.join("."))).toEqual([
      "architecture.lr",
      "architecture.hidden",
      "training.optimizer.kind",
      "training.optimizer.lr",
      "training.optimizer.hidden",
      "training.seed",
    ]);
  });

  it("are no longer those that go badly with the rest of the search, which says why", () => {
    const epochs = ["training", "epochs"];
    const seed = ["training", "seed"];
    const fields = [field("training", { type: "object", fields: [field("epochs", number), field("seed", number)] })];
    const offered = (changes: Partial<Searched>) => searchable(fields, { training: {} }, { ...FIRST, ...changes });
    expect(offered({ early: false })).toEqual([epochs, seed]);
    expect(offered({ early: true })).toEqual([seed]);
    expect(offered({ early: false, repeats: 3 })).toEqual([epochs]);
    expect(clash(epochs, FIRST)).toContain("stop none early");
    expect(clash(seed, { ...FIRST, repeats: 3 })).toContain("several seeds already");
    expect(clash(seed, FIRST)).toBeNull();
  });
});

describe("what the service says against a search", () => {
  const [rate, size] = [
    { path: ["training", "lr"], text: "1 to 2" },
    { path: ["training", "lr_size"], text: "3" },
  ];
  const problems = [
    { pointer: "/space/training.lr", detail: "too large" },
    { pointer: "/space/training.lr_size/values", detail: "too few" },
    { pointer: "/max_trials", detail: "too many" },
  ];

  it("stands at the dimension that it is about", () => {
    expect(against(rate, problems).map(({ detail }) => detail)).toEqual(["too large"]);
    expect(against(size, problems).map(({ detail }) => detail)).toEqual(["too few"]);
  });

  it("goes as the dimension is changed or taken out; of the others it stays", () => {
    expect(remaining(problems, [rate, size], [{ ...rate, text: "" }, size])).toEqual([problems[1]]);
    expect(remaining(problems, [rate, size], [rate])).toEqual([problems[0]]);
  });
});

describe("the request for a search", () => {
  it("has the job without its name, which is the sweep's, and only what varies", () => {
    const job = { name: "rates", preset: "convnet", training: { epochs: 9 } };
    const searched = { ...FIRST, varied: [...FIRST.varied, { path: ["training", "batch_size"], text: "" }] };
    expect(requestOf(job, searched)).toEqual({
      name: "rates",
      base: { preset: "convnet", training: { epochs: 9 } },
      space: { "training.optimizer.lr": { kind: "float", low: 0.001, high: 0.5, log: true } },
      algorithm: { kind: "random", seed: 0 },
      objective: { metric: "val_accuracy", at: "best" },
      asha: { min_epochs: 1, eta: 4 },
      max_trials: 32,
      max_parallel: 8,
      repeats: 1,
    });
    expect(requestOf({}, { ...FIRST, early: false })).toMatchObject({ base: {}, asha: null });
    const more = requestOf({}, { ...FIRST, seed: 7, at: "last", least: 2, eta: 3 });
    expect(more).toMatchObject({ algorithm: { seed: 7 }, objective: { at: "last" }, asha: { min_epochs: 2, eta: 3 } });
  });
});
