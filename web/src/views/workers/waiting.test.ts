import { describe, expect, it } from "vitest";
import { countWaiting, spansOf } from "./waiting";

describe("what waits", () => {
  it("is counted by priority and owner, the most urgent first", () => {
    const jobs = [
      { priority: 0, owner: "bob" },
      { priority: 5, owner: null },
      { priority: 0, owner: "alice" },
      { priority: 0, owner: "alice" },
    ];
    expect(countWaiting(jobs)).toEqual([
      { priority: 5, owner: null, jobs: 1 },
      { priority: 0, owner: "alice", jobs: 2 },
      { priority: 0, owner: "bob", jobs: 1 },
    ]);
  });
});

describe("what got done", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");

  it("is sorted into spans of time, the newest last, and what is older is left out", () => {
    const jobs = [
      { status: "succeeded" as const, finished_at: "2026-01-02T11:58:00Z" },
      { status: "failed" as const, finished_at: "2026-01-02T11:54:00Z" },
      { status: "cancelled" as const, finished_at: "2026-01-02T10:00:00Z" },
    ];
    expect(spansOf(jobs, now, 5, 2)).toEqual([
      { succeeded: 0, failed: 1, cancelled: 0 },
      { succeeded: 1, failed: 0, cancelled: 0 },
    ]);
  });

  it("counts what a faster clock says ended in the future as just now", () => {
    const jobs = [{ status: "succeeded" as const, finished_at: "2026-01-02T12:00:03Z" }];
    expect(spansOf(jobs, now, 5, 2).at(-1)).toEqual({ succeeded: 1, failed: 0, cancelled: 0 });
  });
});
