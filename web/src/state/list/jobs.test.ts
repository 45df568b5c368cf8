// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../api/client";
import { type Asked, JobList, type Row } from "./jobs";

const api = vi.hoisted(() => ({ read: vi.fn(), ring: (_: ReadonlySet<string> | null): void => undefined }));

vi.mock("../../api/client", async (original) => ({ ...(await original<object>()), read: api.read }));
vi.mock("../bell", () => ({
  listen: (listener: typeof api.ring) => {
    api.ring = listener;
    return () => undefined;
  },
}));

const asked = (changes: Partial<Asked> = {}): Asked => ({
  filter: new URLSearchParams(),
  sort: "-created_at",
  fields: [],
  ...changes,
});

/** A service's jobs, the newest first, which `GET /v1/jobs` answers by page, id and status. */
let there: Row[] = [];

function job(number: number, changes: Partial<Row> = {}): Row {
  const created = new Date(Date.UTC(2026, 0, 1) + number * 60_000).toISOString();
  return {
    id: `job-${String(number).padStart(6, "0")}`,
    status: "succeeded",
    cancel_requested: false,
    kind: "train",
    name: null,
    preset: null,
    owner: null,
    tags: [],
    progress: { epoch: 0, epochs: 1, eta_seconds: null },
    created_at: created,
    read_at: 0,
    ...changes,
  };
}

function answer(path: string): { items: Row[]; next_cursor: string | null } {
  const query = new URLSearchParams(path.split("?")[1]);
  const ids = query.getAll("id");
  const states = query.getAll("status");
  const fit = there.filter(
    ({ id, status }) => (!ids.length || ids.includes(id)) && (!states.length || states.includes(status)),
  );
  const after = query.get("cursor");
  const start = after === null ? 0 : fit.findIndex(({ id }) => id === after) + 1;
  const items = fit.slice(start, start + Number(query.get("limit")));
  const last = items.at(-1);
  return {
    items: items.map((one) => ({ ...one })),
    next_cursor: last && last !== fit.at(-1) && last.id !== fit.at(-1)?.id ? last.id : null,
  };
}

const shownIds = (list: JobList) => list.shown.value?.rows.ids() ?? [];
const inOrder = (list: JobList) => list.shown.value?.rows.slice(0, 10_000).map(({ id }) => id) ?? [];
const askedFor = () => api.read.mock.calls.map(([path]) => new URLSearchParams(String(path).split("?")[1]));

describe("the list of jobs", () => {
  let list: JobList;

  beforeEach(() => {
    there = Array.from({ length: 1700 }, (_, index) => job(1700 - index));
    api.read.mockReset().mockImplementation((path: string) => Promise.resolve(answer(path)));
    list = new JobList();
  });
  afterEach(() => list.close());

  it("reads a short page first, and longer ones ahead of what is in sight", async () => {
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    list.shown.value?.see(0, 20);
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(1100));
    list.shown.value?.see(700, 720);
    await vi.waitFor(() => expect(list.shown.value?.complete).toBe(true));
    expect(inOrder(list)).toEqual(there.map(({ id }) => id));
    expect(askedFor().map((query) => query.get("limit"))).toEqual(["100", "500", "500", "500", "500"]);
  });

  it("asks for the fields of the columns, and of the sort", async () => {
    list.open(asked({ sort: "-best_val_accuracy", fields: ["spec.training.optimizer.lr"] }));
    await vi.waitFor(() => expect(list.shown.value).not.toBeNull());
    const fields = askedFor()[0]?.get("fields")?.split(",");
    expect(fields).toContain("result.best_val_accuracy");
    expect(fields).toContain("spec.training.optimizer.lr");
    expect(fields).not.toContain("spec");
  });

  it("puts a new job on top, and reads nothing but what rang", async () => {
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    there = [job(1701), ...there];
    api.ring(new Set(["job-001701", "job-001650"]));
    await vi.waitFor(() => expect(inOrder(list)[0]).toBe("job-001701"));
    expect(askedFor().at(-1)?.getAll("id")).toEqual(["job-001701", "job-001650"]);
  });

  it("reads a job again that rings while it is read", async () => {
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    let arrive: () => void = () => undefined;
    api.read.mockImplementationOnce((path: string) => {
      const before = answer(path);
      return new Promise((resolve) => {
        arrive = () => resolve(before);
      });
    });
    const calls = api.read.mock.calls.length;
    api.ring(new Set(["job-001700"]));
    await vi.waitFor(() => expect(api.read.mock.calls.length).toBe(calls + 1));
    there = there.map((one) => (one.id === "job-001700" ? { ...one, status: "failed" } : one));
    api.ring(new Set(["job-001700"]));
    arrive();
    await vi.waitFor(() => expect(list.shown.value?.rows.of("job-001700")?.status).toBe("failed"));
    expect(api.read.mock.calls.length).toBe(calls + 2);
  });

  it("reads what rang before an outage with what rings after it", async () => {
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    there = there.map((one) => ({ ...one, status: "failed" }));
    api.read.mockRejectedValueOnce(new Problem(0, "no_answer", "The service does not answer."));
    api.ring(new Set(["job-001700"]));
    await vi.waitFor(() => expect(list.problem.value).not.toBeNull());
    api.ring(new Set(["job-001699"]));
    await vi.waitFor(() => expect(list.shown.value?.rows.of("job-001699")?.status).toBe("failed"));
    expect(list.shown.value?.rows.of("job-001700")?.status).toBe("failed");
  });

  it("lets a job go that no longer fits the filter, or is gone", async () => {
    list.open(asked({ filter: new URLSearchParams({ status: "succeeded" }) }));
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    there = there
      .filter(({ id }) => id !== "job-001690")
      .map((one) => (one.id === "job-001691" ? { ...one, status: "failed" } : one));
    api.ring(new Set(["job-001690", "job-001691"]));
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(98));
  });

  it("meets what is known again after a time in which it heard nothing", async () => {
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    const news = Array.from({ length: 700 }, (_, index) => job(2400 - index));
    there = [...news, ...there.filter(({ id }) => id !== "job-001695")];
    api.ring(null);
    await vi.waitFor(() => expect(shownIds(list).length).toBe(799));
    expect(inOrder(list)).toEqual(there.slice(0, 799).map(({ id }) => id));
  });

  it("keeps the rows of the question before until the next answer, and through an outage", async () => {
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toHaveLength(100));
    const lost = new Problem(0, "no_answer", "The service does not answer.");
    api.read.mockRejectedValueOnce(lost);
    list.open(asked({ filter: new URLSearchParams({ status: "failed" }) }));
    await vi.waitFor(() => expect(list.problem.value).toBe(lost));
    expect(shownIds(list)).toHaveLength(100);
    api.ring(null);
    await vi.waitFor(() => expect(shownIds(list)).toEqual([]));
    expect(list.problem.value).toBeNull();
  });

  it("goes on to read where a page is empty and others follow", async () => {
    const found = job(3);
    api.read
      .mockResolvedValueOnce({ items: [], next_cursor: "next" })
      .mockResolvedValueOnce({ items: [found], next_cursor: null });
    list.open(asked());
    await vi.waitFor(() => expect(shownIds(list)).toEqual([found.id]));
    expect(list.shown.value?.complete).toBe(true);
  });
});
