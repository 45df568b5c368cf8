// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { live } from "./live";

const api = vi.hoisted(() => ({
  read: vi.fn(),
  ring: (_: ReadonlySet<string> | null): void => undefined,
}));

vi.mock("../api/client", async (original) => ({ ...(await original<object>()), read: api.read }));
vi.mock("./bell", () => ({
  listen: (listener: typeof api.ring) => {
    api.ring = listener;
    return () => undefined;
  },
}));

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

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
