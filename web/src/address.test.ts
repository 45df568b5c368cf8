// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { decoded } from "./address";

it("takes a part of a path that escapes nothing as it is", () => {
  expect(decoded("a%20b")).toBe("a b");
  expect(decoded("%E0%A4%A")).toBe("%E0%A4%A");
  expect(decoded("100%")).toBe("100%");
});
