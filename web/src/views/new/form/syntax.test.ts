import { describe, expect, it } from "vitest";
import { faultOf } from "./syntax";

describe("the place of a fault in JSON", () => {
  it("is where it gets too deep to be read", () => {
    expect(faultOf("[".repeat(100_000))?.message).toContain("300 deep");
    expect(faultOf(`${"[[],".repeat(200)}[]${"]".repeat(200)}`)).toBeNull();
  });

  it.each([
    ['{"a": 1,}', 1, 9, "one too many"],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, "a comma or }"],
    ['{"a": }', 1, 7, "a value"],
    ['{"a": 1', 1, 8, "the text ends"],
    ["{a: 1}", 1, 2, "name in"],
    ['{"a": "b}', 1, 7, "closing quote"],
    ['{"a": 01}', 1, 8, "a comma or }"],
    ['{"a": nul}', 1, 7, "a value"],
    ['{"a" 1}', 1, 6, "a colon"],
    ["{} {}", 1, 4, "more after"],
    ["", 1, 1, "the text ends"],
  ])("is found in %s", (text, line, column, message) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(faultOf(text)).toMatchObject({ line, column });
    expect(faultOf(text)?.message).toContain(message);
  });

  it("is a number that no computer holds, of which JSON would make null", () => {
    expect(faultOf('{"a": [1, -1e400]}')).toMatchObject({ column: 11, message: "-1e400 is too large a number" });
    expect(faultOf("1e308")).toBeNull();
  });

  it.each(['{"a": [1, -2.5e-3, "x\\u00e9\\n", true, null, {}], "b": []}', " 1 ", '"text"', "[]"])(
    "is not in %s",
    (text) => {
      expect(() => JSON.parse(text)).not.toThrow();
      expect(faultOf(text)).toBeNull();
    },
  );
});
