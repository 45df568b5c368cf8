import { describe, expect, it } from "vitest";
import { inserted, moved, removed } from "./moves";

describe("a list", () => {
  const list = ["a", "b", "c", "d"];

  it("takes an item at any place", () => {
    expect([inserted(list, 0, "x").join(""), inserted(list, 4, "x").join("")]).toEqual(["xabcd", "abcdx"]);
  });

  it("loses one item", () => {
    expect(removed(list, 1)).toEqual(["a", "c", "d"]);
  });

  it("has an item stand where it was moved to, and no further than the ends", () => {
    expect(moved(list, 0, 2).join("")).toBe("bcad");
    expect(moved(list, 3, 0).join("")).toBe("dabc");
    expect(moved(list, 1, 9).join("")).toBe("acdb");
    expect(moved(list, 1, -1).join("")).toBe("bacd");
    expect(moved(list, 7, 0)).toEqual(list);
  });
});
