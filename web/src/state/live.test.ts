// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { live } from "./live";

const api = vi.hoisted(() => ({
  read: vi.fn(),
  kinds: [] as string[],
  ring: (_: ReadonlySet<string> | null): void => undefined,
}));

vi.mock("../api/client", async (original) => ({ ...(await original<object>()), read: api.read }));
vi.mock("./bell", () => ({
  listen: (listener: typeof api.ring, kind: string) => {
    api.ring = listener;
    api.kinds.push(kind);
    return () => undefined;
  },
}));

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("hears that a sweep was deleted, which rings as a job does", async () => {
  api.read.mockReset().mockImplementation(async () => api.read.mock.calls.length);
  const known = live<number>("/v1/sweeps/gone", { sweep: "gone" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(api.kinds.slice(-2)).toEqual(["sweeps", "jobs"]);
  api.ring(new Set(["a job"]));
  await vi.advanceTimersByTimeAsync(5000);
  expect(known.value.value).toBe(1);
  api.ring(new Set(["gone"]));
  await vi.advanceTimersByTimeAsync(5000);
  expect(known.value.value).toBe(2);
  known.close();
});

it("reads at once after a quiet time, and once a second however often the bell rings", async () => {
  api.read.mockReset().mockImplementation(async () => api.read.mock.calls.length);
  const known = live<number>("/v1/workers", { job: "any" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(known.value.value).toBe(1);
  api.ring(new Set(["quick"]));
  await vi.advanceTimersByTimeAsync(0);
  expect(known.value.value).toBe(2);
  for (let ring = 0; ring < 40; ring++) {
    api.ring(new Set(["quick"]));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(known.value.value).toBe(6);
  api.ring(new Set(["quick"]));
  await vi.advanceTimersByTimeAsync(5000);
  expect(known.value.value).toBe(7); // what rang last is seen
  known.close();
});
