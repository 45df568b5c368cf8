// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../api/client";
import type { Row } from "../../state/list/jobs";
import { doToMany, jobs, readTags, tagMany } from "./many";
import { bestOf, compareAddress } from "./selection";

const api = vi.hoisted(() => ({ call: vi.fn() }));
vi.mock("../../api/client", async (original) => ({ ...(await original<object>()), call: api.call }));

it("of too many jobs the best can be compared, where it is known which they are", () => {
  const ids = Array.from({ length: 201 }, (_, number) => String(number));
  const rowOf = (id: string) => ({ id, result: { best_val_accuracy: Number(id) / 201 } }) as Row;
  expect(bestOf(ids, rowOf)).toEqual([...ids].reverse().slice(0, 200));
  expect([bestOf(ids, () => undefined), bestOf(ids.slice(1), rowOf)]).toEqual([null, null]);
});

describe("what is done to many jobs", () => {
  beforeEach(() => {
    api.call.mockReset();
  });

  it("is asked for a thousand at a time, and each reason is said once", async () => {
    api.call.mockImplementation((_method: string, _path: string, { ids }: { ids: string[] }) =>
      Promise.resolve({
        items: ids.map((id) =>
          id.endsWith("7")
            ? { id, outcome: null, error: { code: "illegal_transition", detail: `Job ${id} runs.` } }
            : { id, outcome: "deleted", error: null },
        ),
      }),
    );
    const ids = Array.from({ length: 1200 }, (_, index) => `job-${index}`);
    const became = await doToMany("delete", ids);
    expect(api.call.mock.calls.map(([, path, body]) => [path, body.ids.length])).toEqual([
      ["/v1/jobs/delete", 1000],
      ["/v1/jobs/delete", 200],
    ]);
    expect(became.done).toBe(1080);
    expect(became.refused).toMatchObject([{ reason: "Job runs." }]);
    expect(became.refused[0]?.ids).toHaveLength(120);
  });

  it("changes the tags of each job as they are now", async () => {
    api.call.mockImplementation((method: string, path: string) => {
      if (path.endsWith("mine")) return Promise.resolve({ tags: ["old", "kept"] });
      return method === "GET"
        ? Promise.resolve({ tags: [] })
        : Promise.reject(new Problem(403, "not_owner", "Not yours."));
    });
    const became = await tagMany(["mine", "theirs"], ["new"], ["old"]);
    expect(api.call).toHaveBeenCalledWith("PATCH", "/v1/jobs/mine", { tags: ["kept", "new"] });
    expect(became).toEqual({ done: 1, refused: [{ reason: "Not yours.", ids: ["theirs"] }] });
  });

  it("is said in words", () => {
    expect([jobs(1), jobs(1200)]).toEqual(["1 job", "1,200 jobs"]);
    expect(readTags(" night, my tag,,night ")).toEqual(["night", "my tag"]);
  });
});

it("the address that compares the best of many says of how many", () => {
  expect(compareAddress(["a", "b"], 500)).toBe("/compare?best_of=500&job=a&job=b");
  expect([compareAddress(["a", "b"]), compareAddress(["a"])]).toEqual(["/compare?job=a&job=b", null]);
});
