// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Course } from "./course";
import { type Epoch, NO_EPOCHS } from "./epochs";

type Rung = (ids: ReadonlySet<string> | null) => void;

const bell = vi.hoisted(() => ({ ring: (() => undefined) as Rung }));
const tabs = vi.hoisted(() => ({ place: null as (() => void) | null }));
const statuses = vi.hoisted(() => ({ next: [] as ((status: string) => void)[] }));

vi.mock("./tabs", () => ({ takePlace: () => Promise.resolve(tabs.place) }));
vi.mock("./bell", () => ({
  listen: (rung: Rung) => {
    bell.ring = rung;
    return () => undefined;
  },
}));
vi.mock("../api/client", () => ({
  Problem: class extends Error {},
  read: (path: string) =>
    path.endsWith("/epochs")
      ? Promise.resolve(NO_EPOCHS)
      : new Promise((resolve) => statuses.next.push((status) => resolve({ items: [{ status }] }))),
}));

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  tabs.place = null;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("looks again at a job that changes while it is read", async () => {
  const course = new Course("x", false, () => undefined);
  await vi.advanceTimersByTimeAsync(0);
  expect(course.following.value).toBe("live");

  bell.ring(new Set(["x"]));
  await vi.advanceTimersByTimeAsync(1000);
  bell.ring(new Set(["x"]));
  statuses.next.shift()?.("running");
  await vi.advanceTimersByTimeAsync(1000);
  statuses.next.shift()?.("cancelled");
  await vi.advanceTimersByTimeAsync(0);

  expect(course.following.value).toBe("ended");
  course.close();
});

it("hears of a job that ended between the reading of its epochs and the first bell", async () => {
  const course = new Course("x", false, () => undefined);
  await vi.advanceTimersByTimeAsync(1000);
  statuses.next.shift()?.("succeeded");
  await vi.advanceTimersByTimeAsync(0);

  expect(course.following.value).toBe("ended");
  course.close();
});

/** The stream of a job whose epochs end as the test says. */
class Stream extends EventTarget {
  static newest = new Stream();
  private seq = 0;

  constructor() {
    super();
    Stream.newest = this;
  }

  epoch(): void {
    this.seq += 1;
    const names = Object.keys(NO_EPOCHS) as (keyof Epoch)[];
    const epoch = { ...Object.fromEntries(names.map((name) => [name, 0])), epoch: this.seq, seq: this.seq };
    this.dispatchEvent(new MessageEvent("epoch", { data: JSON.stringify(epoch) }));
  }

  close(): void {}
}

it("draws an epoch at once, and those that follow quickly together", async () => {
  tabs.place = () => undefined;
  vi.stubGlobal("EventSource", Stream);
  const course = new Course("x", false, () => undefined);
  await vi.advanceTimersByTimeAsync(0);
  const drawn: number[] = [];
  course.epochs.subscribe(({ epoch }) => drawn.push(epoch.length));

  Stream.newest.epoch();
  await vi.advanceTimersByTimeAsync(20);
  expect(drawn).toEqual([0, 1]);
  for (let time = 0; time < 6; time++) {
    Stream.newest.epoch();
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(drawn).toEqual([0, 1]);
  await vi.advanceTimersByTimeAsync(100);
  expect(drawn).toEqual([0, 1, 7]);
  course.close();
});
