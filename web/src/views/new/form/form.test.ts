// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { Problem } from "../../../api/client";
import { ofOneJob } from "../submit";
import { sized } from "../verdict";
import { listOf, numberOf } from "./controls";
import { suggestionOf, summary } from "./kinds/kind_item";

describe("what is typed", () => {
  it("is a number where it is one, and else the text, for the service to refuse", () => {
    expect(["1e-3", " 64 ", "-.5", "1e", "", "0x10"].map(numberOf)).toEqual([0.001, 64, -0.5, "1e", "", "0x10"]);
    expect(["1e400", "-1e400", "1e308"].map(numberOf)).toEqual(["1e400", "-1e400", 1e308]);
  });

  it("is a list between commas", () => {
    expect(listOf("1024, 512,,", "number")).toEqual([1024, 512]);
    expect(listOf("night, 2", "text")).toEqual(["night", "2"]);
  });
});

describe("a layer in a line", () => {
  it("says its values, and how many layers a block has", () => {
    expect(summary({ kind: "conv2d", out_channels: 8, bias: false })).toBe("output channels 8, no bias");
    expect(summary({ kind: "residual", layers: [{ kind: "relu" }], shortcut: [] })).toBe("1 layers, shortcut none");
  });
});

describe("a message", () => {
  it("suggests what to put before a layer", () => {
    expect(suggestionOf('its input is an image: put {"kind": "flatten"} before it, which makes 10')).toEqual({
      kind: "flatten",
    });
    expect(suggestionOf('a shortcut of {"kind": "conv2d"} would fit')).toBeNull();
  });

  it("of a batch is one of a single job's fields, each once", () => {
    const errors = [0, 1].map((at) => ({ pointer: `/jobs/${at}/training/epochs`, detail: "too small" }));
    const { errors: found } = ofOneJob(new Problem(422, "invalid_spec", "No.", errors));
    expect(found).toEqual([{ pointer: "/training/epochs", detail: "too small" }]);
  });
});

describe("large figures", () => {
  it("have three digits and a prefix", () => {
    expect([sized(999, "B"), sized(69600, "B"), sized(1.18e12, "FLOP"), sized(0, "B")]).toEqual([
      "999 B",
      "69.6 kB",
      "1.18 TFLOP",
      "0 B",
    ]);
  });
});
