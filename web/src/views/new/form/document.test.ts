import { describe, expect, it } from "vitest";
import { inherited, pathOf, pointerOf, valueAt, without, withValue } from "./document";

describe("paths and JSON pointers", () => {
  it("go into each other, with the two characters that pointers escape", () => {
    const path = ["architecture", "layers", 2, "a/b~c"];
    expect(pointerOf(path)).toBe("/architecture/layers/2/a~1b~0c");
    expect(pathOf(pointerOf(path))).toEqual(path);
    expect([pointerOf([]), pathOf("")]).toEqual(["", []]);
  });
});

describe("a document", () => {
  const document = { training: { epochs: 5, optimizer: { lr: 0.1 } }, tags: ["a", "b"] };

  it("is read and changed at any depth, without touching the one before", () => {
    expect(valueAt(document, ["training", "optimizer", "lr"])).toBe(0.1);
    expect(valueAt(document, ["training", "nothing", "lr"])).toBeUndefined();
    expect(withValue(document, ["tags", 1], "c")).toEqual({ ...document, tags: ["a", "c"] });
    expect(withValue({}, ["training", "optimizer", "lr"], 1)).toEqual({ training: { optimizer: { lr: 1 } } });
    expect(document.tags).toEqual(["a", "b"]);
  });

  it("loses the objects that a field leaves empty, but no item of a list", () => {
    expect(without({ training: { optimizer: { lr: 1 } }, name: "x" }, ["training", "optimizer", "lr"])).toEqual({
      name: "x",
    });
    expect(without({ layers: [{ p: 1 }, { p: 2 }] }, ["layers", 0, "p"])).toEqual({ layers: [{}, { p: 2 }] });
    expect(without({ layers: [1, 2] }, ["layers", 0])).toEqual({ layers: [2] });
    expect(without(document, ["limits", "timeout_seconds"])).toBe(document);
  });
});

describe("what a preset says", () => {
  const preset = {
    training: { optimizer: { kind: "sgd", lr: 0.1 } },
    architecture: { kind: "layers", layers: [{ kind: "relu" }] },
  };

  it("holds until it is written over, and ends where another kind or a list is written", () => {
    const lr = ["training", "optimizer", "lr"];
    expect(inherited({}, preset, lr)).toBe(0.1);
    expect(inherited({ training: { optimizer: { momentum: 0.9 } } }, preset, lr)).toBe(0.1);
    expect(inherited({ training: { optimizer: { kind: "adam" } } }, preset, lr)).toBeUndefined();
    expect(
      inherited({ architecture: { layers: [{ kind: "relu" }] } }, preset, ["architecture", "layers", 0, "kind"]),
    ).toBeUndefined();
    expect(inherited({}, preset, ["architecture", "layers", 0, "kind"])).toBe("relu");
  });
});
