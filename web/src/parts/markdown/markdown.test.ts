import { describe, expect, it } from "vitest";
import { type Inline, inlines, parse, safeAddress } from "./markdown_tree";

function text(text: string): Inline {
  return { kind: "text", text };
}

describe("parse", () => {
  it("knows headings, paragraphs and rules", () => {
    expect(parse("# One\ntwo\nthree\n\n---\nfour")).toEqual([
      { kind: "heading", level: 1, inside: [text("One")] },
      { kind: "paragraph", inside: [text("two\nthree")] },
      { kind: "rule" },
      { kind: "paragraph", inside: [text("four")] },
    ]);
  });

  it("leaves code as it is", () => {
    expect(parse("```python\n# no *heading*\n<b>\n```\nafter")).toEqual([
      { kind: "code", text: "# no *heading*\n<b>" },
      { kind: "paragraph", inside: [text("after")] },
    ]);
    expect(parse("```\nnever closed")).toEqual([{ kind: "code", text: "never closed" }]);
  });

  it("nests lists by their indent", () => {
    const item = (words: string) => ({ kind: "paragraph" as const, inside: [text(words)] });
    expect(parse("- a\n  1. b\n- c")).toEqual([
      {
        kind: "list",
        ordered: false,
        items: [[item("a"), { kind: "list", ordered: true, items: [[item("b")]] }], [item("c")]],
      },
    ]);
  });

  it("quotes", () => {
    expect(parse("> said\n> again")).toEqual([
      { kind: "quote", inside: [{ kind: "paragraph", inside: [text("said\nagain")] }] },
    ]);
  });

  it("takes HTML as text", () => {
    const hostile = '<script>alert(1)</script><img src=x onerror="alert(2)">';
    expect(parse(hostile)).toEqual([{ kind: "paragraph", inside: [text(hostile)] }]);
  });

  it("ends on every text, however deep", () => {
    expect(parse(`${"> ".repeat(200)}x`)).toHaveLength(1);
    expect(parse(`${"*".repeat(10_000)}`)).toHaveLength(1);
    expect(parse("[".repeat(5000) + "(".repeat(5000))).toHaveLength(1);
    expect(parse(Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}- x`).join("\n"))).toHaveLength(1);
  });
});

describe("inlines", () => {
  it("knows emphasis, code and links", () => {
    expect(inlines("**a *b*** `c*d*` [e](https://example.org/f)")).toEqual([
      { kind: "strong", inside: [text("a "), { kind: "em", inside: [text("b")] }] },
      text(" "),
      { kind: "code", text: "c*d*" },
      text(" "),
      { kind: "link", address: "https://example.org/f", inside: [text("e")] },
    ]);
  });

  it("leaves names with underlines and single stars alone", () => {
    expect(inlines("val_accuracy_max 2 * 3 * 4")).toEqual([text("val_accuracy_max 2 * 3 * 4")]);
  });

  it("links a bare address, without the full stop behind it", () => {
    expect(inlines("see https://example.org/a.")).toEqual([
      text("see "),
      { kind: "link", address: "https://example.org/a", inside: [text("https://example.org/a")] },
      text("."),
    ]);
  });

  it("takes a star that is escaped as one", () => {
    expect(inlines("\\*a\\*")).toEqual([text("*"), text("a"), text("*")]);
  });

  it("makes no link of an unsafe address", () => {
    expect(inlines("[x](javascript:alert%281%29)")).toEqual([text("[x](javascript:alert%281%29)")]);
  });
});

describe("safeAddress", () => {
  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "//a",
    "/b",
  ])("refuses %s", (address) => {
    expect(safeAddress(address)).toBeNull();
  });

  it.each(["https://a.example/", "http://a.example/", "mailto:a@b.example"])("accepts %s", (address) => {
    expect(safeAddress(address)).toBe(address);
  });
});
