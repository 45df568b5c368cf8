import { describe, expect, it } from "vitest";
import type { Row } from "../../../state/list/jobs";
import { accept, settled, suggestionsFor } from "./suggestions";

const ROWS = [
  { tags: ["night", "my tag"], owner: "ann", spec: { training: { optimizer: { kind: "lion" } } } },
  { tags: ["night"], owner: null },
] as unknown as Row[];
const PATHS = [
  { path: "training.optimizer.kind", means: "", values: ["sgd", "adam"] },
  { path: "training.schedule.gamma", means: "Factor of the learning rate", values: [] },
];
const offered = (text: string, caret = text.length) =>
  suggestionsFor(text, caret, { rows: ROWS, paths: PATHS }).map((one) => one.text);

describe("suggestions while a filter is typed", () => {
  it("are fields and states by how they begin, then by what they mean", () => {
    expect(offered("op")).toContain("optimizer");
    expect(offered("fai")[0]).toBe("failed");
    expect(offered("-fai")).toEqual(["-failed"]);
    expect(offered("learning")).toEqual(["lr", "schedule", "training.schedule.gamma"]);
    expect(offered("").length).toBeGreaterThan(5);
  });

  it("are values from the jobs at hand and from the service", () => {
    expect(offered("tag:")).toEqual(["tag:night", 'tag:"my tag"']);
    expect(offered("owner:a")).toEqual(["owner:ann"]);
    expect(offered("optimizer=")).toEqual(["optimizer=sgd", "optimizer=adam", "optimizer=lion"]);
    expect(offered("lr > 0.1")).toEqual([]);
  });

  it("take the place of what is at the caret", () => {
    const [first] = suggestionsFor("lr>0.1 ta failed", 9, { rows: ROWS, paths: PATHS });
    expect(first && accept("lr>0.1 ta failed", first)).toEqual({ text: "lr>0.1 tag: failed", caret: 11 });
    const [night] = suggestionsFor("tag:ni", 6, { rows: ROWS, paths: PATHS });
    expect(night && accept("tag:ni", night)).toEqual({ text: "tag:night ", caret: 10 });
  });

  it("let a word wait that may become a field's name", () => {
    expect([settled("failed se"), settled("failed seed=1"), settled("night"), settled("lr ")]).toEqual([
      "failed",
      "failed seed=1",
      "night",
      "lr ",
    ]);
  });
});
