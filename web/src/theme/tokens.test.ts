import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const CSS = readFileSync(new URL("./tokens.css", import.meta.url), "utf-8");

/** The colour of a token, as red, green and blue from 0 to 1. */
function colour(name: string, scheme: "light" | "dark"): number[] {
  const value = new RegExp(`--${name}: ([^;]+);`).exec(CSS)?.[1] ?? "";
  const found = [...value.matchAll(/#([0-9a-f]{6})/g)].map((match) => match[1] ?? "");
  const hex = scheme === "dark" ? found.at(-1) : found[0];
  if (!hex) throw new Error(`tokens.css has no colour ${name}`);
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
}

function luminance(rgb: number[]): number {
  const [red = 0, green = 0, blue = 0] = rgb.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two tokens, as WCAG has it. */
function contrast(text: string, ground: string, scheme: "light" | "dark"): number {
  const [one, other] = [luminance(colour(text, scheme)), luminance(colour(ground, scheme))];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

const GROUNDS = ["canvas", "paper", "raised", "chosen"];
const TINTED = ["good", "bad", "warn", "busy"];

describe.each(["light", "dark"] as const)("in the %s scheme", (scheme) => {
  it.each(["ink", "ink-soft", "link", ...TINTED])("%s can be read on every ground", (text) => {
    const weak = GROUNDS.filter((ground) => contrast(text, ground, scheme) < 4.5);
    expect(weak).toEqual([]);
  });

  it.each(TINTED)("%s, links and plain text can be read on its tint", (text) => {
    const weak = [text, "ink", "ink-soft", "link"].filter((one) => contrast(one, `${text}-tint`, scheme) < 4.5);
    expect(weak).toEqual([]);
  });

  it("a filled button can be read, and the edges of what one uses are seen", () => {
    expect(contrast("on-accent", "accent", scheme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("line-strong", "paper", scheme)).toBeGreaterThanOrEqual(3);
    expect(contrast("line-strong", "canvas", scheme)).toBeGreaterThanOrEqual(3);
  });
});
