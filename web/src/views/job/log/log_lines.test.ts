import { describe, expect, it } from "vitest";
import type { LogLine } from "../../../api/schema";
import { asText, rowsOf, shownText } from "./log_lines";

function line(number: number, message: string, more: Partial<LogLine> = {}): LogLine {
  return { line: number, attempt: 1, level: "INFO", message, created_at: "2026-01-02T03:04:05Z", ...more };
}

const LINES = [
  line(1, "Loaded 64 images"),
  line(2, "slow disk", { level: "WARNING" }),
  line(3, "Traceback\n  in step", { level: "ERROR", attempt: 2 }),
];
const ALL = { text: "", level: null, attempt: null };

describe("a line as it is shown", () => {
  it("has nothing in it that is meant for terminals, and stays text", () => {
    expect(
      shownText("\u001b[1;31mred\u001b[0m \u001b]8;;https://example.org\u0007link\u001b]8;;\u0007 \u001b[2K"),
    ).toBe("red link ");
    expect(shownText("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
  });

  it("is cut where it is too long to be laid out", () => {
    const shown = shownText("x".repeat(1_000_000));
    expect(shown.length).toBeLessThan(5100);
    expect(shown).toContain("(1,000,000 characters in all)");
    expect(shownText("x".repeat(5000))).toHaveLength(5000);
  });
});

describe("rowsOf", () => {
  it("has a row for each line of a message", () => {
    expect(rowsOf(LINES, ALL).map((row) => [row.text, row.first])).toEqual([
      ["Loaded 64 images", true],
      ["slow disk", true],
      ["Traceback", true],
      ["  in step", false],
    ]);
  });

  it("shows a level and what is worse", () => {
    expect(rowsOf(LINES, { ...ALL, level: "WARNING" }).map((row) => row.line.line)).toEqual([2, 3, 3]);
  });

  it("shows one attempt", () => {
    expect(rowsOf(LINES, { ...ALL, attempt: 1 })).toHaveLength(2);
  });

  it("finds text whatever its case", () => {
    expect(rowsOf(LINES, { ...ALL, text: "LOADED" }).map((row) => row.line.line)).toEqual([1]);
  });
});

describe("asText", () => {
  it("says when, which attempt and which level", () => {
    expect(asText([line(7, "hello")])).toBe("2026-01-02T03:04:05Z 1 INFO hello\n");
  });
});
