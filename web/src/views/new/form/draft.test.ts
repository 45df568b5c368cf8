// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import { Draft, printed } from "./draft";

beforeEach(() => localStorage.clear());

describe("an unfinished job", () => {
  it("has its JSON in step with its fields, both ways", () => {
    const draft = new Draft("");
    draft.set(["training", "epochs"], 5);
    expect(JSON.parse(draft.text.value)).toEqual({ training: { epochs: 5 } });
    draft.write('{"training": {"epochs": 7}, "name": "a"}');
    expect(draft.at(["training", "epochs"])).toBe(7);
    draft.reset(["training", "epochs"]);
    expect(JSON.parse(draft.text.value)).toEqual({ name: "a" });
  });

  it("keeps the last sound document while its JSON has a fault, and the text as it is typed", () => {
    const draft = new Draft("");
    draft.write('{"name": "a"}');
    draft.write('{"name": "a",');
    expect(draft.document.value).toEqual({ name: "a" });
    expect(draft.text.value).toBe('{"name": "a",');
    expect(draft.fault.value).toMatchObject({ line: 1, column: 14 });
    draft.write("[]");
    expect(draft.fault.value?.message).toContain("an object");
  });

  it("comes back after a reload at the address that it was begun at, until it is submitted", () => {
    new Draft("preset=convnet").set(["name"], "mine");
    expect(new Draft("preset=convnet").at(["name"])).toBe("mine");
    expect(new Draft("").blank).toBe(true);
    new Draft("preset=convnet").forget();
    expect(new Draft("preset=convnet").blank).toBe(true);
  });

  it("undoes a run of letters at one field together", () => {
    const draft = new Draft("");
    draft.set(["name"], "a", true);
    draft.set(["name"], "ab", true);
    draft.set(["training", "epochs"], 3);
    draft.undo();
    expect(draft.document.value).toEqual({ name: "ab" });
    draft.undo();
    expect([draft.document.value, draft.undoable.value]).toEqual([{}, false]);
  });
});

describe("printed JSON", () => {
  it("reads as what it prints, small objects and lists on a line", () => {
    const value = { a: [1, 2], layers: [{ kind: "conv2d", text: 'a "b": c,d' }], empty: {}, none: [] };
    expect(JSON.parse(printed(value))).toEqual(value);
    expect(printed(value)).toContain('{"kind": "conv2d", "text": "a \\"b\\": c,d"}');
  });
});
