// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { service } from "../api/client";
import { listen } from "./bell";

/** What the tabs of a browser share: whether it is this one's turn, and what it says to the others. */
const tabs = vi.hoisted(() => ({
  turn: true,
  begin: (): void => undefined,
  hear: (_: unknown): void => undefined,
  said: [] as unknown[],
}));

vi.mock("./tabs", () => ({
  others: () => {
    const channel = {
      postMessage: (news: unknown) => tabs.said.push(news),
      close: () => undefined,
      onmessage: (_: { data: unknown }): void => undefined,
    };
    tabs.hear = (data) => channel.onmessage({ data });
    return channel;
  },
  inTurn: (_: string, begin: () => void) => {
    tabs.begin = begin;
    if (tabs.turn) begin();
    return () => undefined;
  },
}));

/** Streams of a service, as the test has them open and break. */
class Stream extends EventTarget {
  static opened: Stream[] = [];
  open = true;

  constructor() {
    super();
    Stream.opened.push(this);
  }

  close(): void {
    this.open = false;
  }
}

const streams = () => Stream.opened.filter((one) => one.open).length;
const settled = () => vi.advanceTimersByTimeAsync(0);

describe("the bell", () => {
  let deaf: () => void = () => undefined;
  let heard: (ReadonlySet<string> | null)[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    tabs.turn = true;
    tabs.said = [];
    heard = [];
    Stream.opened = [];
    vi.stubGlobal("EventSource", Stream);
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("away")));
    service.value = "open";
    deaf = listen((ids) => heard.push(ids));
  });

  afterEach(() => {
    deaf();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function lose(): Promise<void> {
    Stream.opened.at(-1)?.dispatchEvent(new Event("error"));
    await settled();
    expect(streams()).toBe(0);
  }

  it("has one stream after an outage, whoever learns of its end first", async () => {
    await lose();
    service.value = "open"; // an answer that somebody else got
    expect(streams()).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(streams()).toBe(1);
  });

  it("has one stream after an outage in which another view began to listen", async () => {
    await lose();
    const other = listen(() => undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(streams()).toBe(1);
    other();
    expect(streams()).toBe(1);
  });

  it("tells the other tabs what it hears, and that it hears no more", async () => {
    Stream.opened[0]?.dispatchEvent(new Event("reset"));
    Stream.opened[0]?.dispatchEvent(new MessageEvent("jobs", { data: '{"ids": ["one"]}' }));
    expect(heard).toEqual([null, new Set(["one"])]);
    await lose();
    expect(tabs.said).toEqual([{ kind: null, ids: null }, { kind: "jobs", ids: ["one"] }, "broken"]);
  });

  it("hears another tab while that has the stream, and has it once it is its turn", async () => {
    deaf();
    tabs.turn = false;
    heard = [];
    deaf = listen((ids) => heard.push(ids));
    expect(streams()).toBe(0);
    tabs.hear({ kind: "jobs", ids: ["one"] });
    tabs.hear({ kind: "sweeps", ids: ["another"] });
    tabs.hear({ kind: null, ids: null });
    expect(heard).toEqual([new Set(["one"]), null]);
    tabs.hear("broken");
    await settled();
    expect([service.value, streams()]).toEqual(["lost", 0]);
    tabs.begin();
    expect(streams()).toBe(1);
  });

  it("has everything read again in a tab that comes back into sight, whoever has the stream", () => {
    deaf();
    tabs.turn = false;
    heard = [];
    deaf = listen((ids) => heard.push(ids));
    const sight = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(heard).toEqual([]);
    sight.mockReturnValue(false);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(heard).toEqual([null]);
    sight.mockRestore();
  });

  it("has none once nobody listens", async () => {
    await lose();
    deaf();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(streams()).toBe(0);
  });
});
