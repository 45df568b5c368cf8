// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../../api/client";
import { RunStore } from "./runs";
import { aRun } from "./testing";

const api = vi.hoisted(() => ({ read: vi.fn(), said: vi.fn() }));

vi.mock("../../../api/client", async (original) => ({ ...(await original<object>()), read: api.read }));
vi.mock("../../../parts/messages/notices", () => ({ notify: api.said }));
vi.mock("../../../state/bell", () => ({ listen: () => () => undefined }));

const JOBS = [1, 2, 3, 4, 12].map((number) => aRun(number).job);
const IDS = JOBS.map(({ id }) => id);

/** Answer as the service does that has only these jobs left. */
function serve(left: readonly string[]): void {
  api.read.mockImplementation(async (path: string) => {
    const query = new URLSearchParams(path.split("?")[1]);
    const texts = query.has("job") ? query.getAll("job") : [path.split("/").at(-1) ?? ""];
    const gone = texts.filter((text) => !left.some((id) => id.endsWith(text)));
    if (gone.length) throw new Problem(404, "job_not_found", `There are no jobs ${gone}.`, [], gone);
    const jobs = texts.map((text) => JOBS.find(({ id }) => id.endsWith(text)));
    const columns = (query.get("columns") ?? "").split(",").filter((name) => name !== "epoch");
    return {
      ...(query.has("job") ? {} : jobs[0]),
      jobs,
      differing: {},
      curves: { epoch: [1, 2], ...Object.fromEntries(columns.map((name) => [name, jobs.map(() => [0.5, 0.6])])) },
    };
  });
}

const compared = (store: RunStore) => store.compared.value.runs.map(({ job }) => job.id);

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.clearAllMocks();
});

describe("jobs that are compared", () => {
  it("are left out together once they are gone, with one more request", async () => {
    serve([IDS[1] ?? "", IDS[4] ?? ""]);
    const store = new RunStore();
    store.open(IDS);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(compared(store)).toEqual([IDS[1], IDS[4]]);
    expect(api.read).toHaveBeenCalledTimes(2);
    expect(api.said).toHaveBeenCalledTimes(1);
    store.close();
  });

  it("stay where only the end of another's id is in what is gone", async () => {
    serve(IDS.slice(1));
    const store = new RunStore();
    store.open(["00000001", "0000000012", "00000004"]); // "2" and "12" are ends of other ids too
    await vi.advanceTimersByTimeAsync(20_000);
    expect(compared(store)).toEqual([IDS[4], IDS[3]]);
    store.close();
  });

  it("are read again after a service that had too much to do", async () => {
    api.read.mockRejectedValueOnce(new Problem(429, "too_many_requests", "Slower."));
    const store = new RunStore();
    store.open(IDS);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.problem.value?.status).toBe(429);
    serve(IDS);
    await vi.advanceTimersByTimeAsync(5000);
    expect([compared(store), store.problem.value]).toEqual([IDS, null]);
    store.close();
  });

  it("are read with the figures that are shown, and with another one once that is wanted", async () => {
    serve(IDS);
    const store = new RunStore();
    store.want(["val_loss"]);
    store.open(IDS);
    await vi.advanceTimersByTimeAsync(0);
    expect(Object.keys(store.compared.value.runs[0]?.figures ?? {})).toEqual(["val_loss"]);
    store.want(["val_loss"]);
    store.open(IDS);
    await vi.advanceTimersByTimeAsync(5000);
    expect(api.read).toHaveBeenCalledTimes(1);
    store.want(["lr"]);
    store.open(IDS);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.compared.value.runs[0]).toMatchObject({
      epochs: [1, 2],
      figures: { val_loss: [0.5, 0.6], lr: [0.5, 0.6] },
    });
    store.close();
  });
});
