import { expect, test } from "vitest";
import { moved } from "./parallel";

test("an axis moves to a place among the others, and not beyond them", () => {
  const axes = [{ id: "a" }, { id: "b" }, { id: "c" }];
  expect(moved(axes, "a", 1)).toEqual(["b", "a", "c"]);
  expect(moved(axes, "c", 0)).toEqual(["c", "a", "b"]);
  expect(moved(axes, "a", -1)).toEqual(["a", "b", "c"]);
  expect(moved(axes, "a", 9)).toEqual(["b", "c", "a"]);
});
