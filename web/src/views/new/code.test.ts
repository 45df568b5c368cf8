// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { curlOf, pythonOf } from "./code";

describe("a job for programs", () => {
  it("has Python's own words for JSON's", () => {
    const code = pythonOf({ training: { shuffle: false, early_stopping: null } }, "http://here");
    expect(code).toContain('Client("http://here")');
    expect(code).toContain('client.submit({"training": {"shuffle": False, "early_stopping": None}})');
  });

  it("is one argument for a shell, whatever is in a name", () => {
    const code = curlOf({ name: "it's" }, "http://here");
    expect(code.startsWith("curl -s 'http://here/v1/jobs'")).toBe(true);
    expect(code).toContain("it'\\''s");
  });
});
