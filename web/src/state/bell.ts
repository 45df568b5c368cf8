// The bell: which jobs and sweeps have changed, as the service says it. One stream for all tabs that are visible, one of which
// hears it and tells the others: a browser has six connections to a host, and hidden tabs need none.

import { effect } from "@preact/signals";
import { BASE } from "../address";
import { read, service } from "../api/client";
import type { WhoAmI } from "../api/schema";
import { inTurn, others } from "./tabs";

/** Hears the ids of jobs, or of sweeps, that have changed; null means that any may have. */
export type Listener = (ids: ReadonlySet<string> | null) => void;
/** What has changed: the names of the stream's events. */
export type Kind = "jobs" | "sweeps";

/** What the tab that hears the stream tells the others: what has changed, or that the stream is broken. */
type News = { kind: Kind | null; ids: readonly string[] | null } | "broken";

const KINDS: readonly Kind[] = ["jobs", "sweeps"];
const NAME = "bell";
const RETRY_SECONDS = 3;
const listeners = new Map<Listener, Kind>();
let stream: EventSource | null = null;
/** Ends this tab's part: it hears the stream, or those who do. */
let leave: (() => void) | null = null;
let channel: BroadcastChannel | null = null;
/** Whether it is this tab's turn to hear the stream. */
let hears = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Hear of changes until the function that is returned is called. Ring once for a start is up to the caller. */
export function listen(listener: Listener, kind: Kind = "jobs"): () => void {
  listeners.set(listener, kind);
  open();
  return () => {
    listeners.delete(listener);
    if (!listeners.size) close();
  };
}

/** Ring for those who listen for a kind; null for everybody. */
function ring(kind: Kind | null, ids: readonly string[] | null): void {
  const set = ids && new Set(ids);
  for (const [listener, wanted] of [...listeners]) if (kind === null || kind === wanted) listener(set);
}

function tell(kind: Kind | null, ids: readonly string[] | null): void {
  channel?.postMessage({ kind, ids } satisfies News);
  ring(kind, ids);
}

function open(): void {
  clearTimeout(timer);
  if (document.hidden || !listeners.size) return;
  if (leave) {
    if (hears && !stream) connect();
    return;
  }
  channel = others(NAME);
  if (channel) channel.onmessage = (event: MessageEvent<News>) => hear(event.data);
  leave = () => undefined;
  leave = inTurn(NAME, connect);
}

/** Hear what another tab has heard. */
function hear(news: News): void {
  if (news === "broken") void findOut();
  else ring(news.kind, news.ids);
}

function connect(): void {
  hears = true;
  const opened = new EventSource(`${BASE}/v1/events`);
  stream = opened;
  opened.addEventListener("reset", () => {
    service.value = "open";
    tell(null, null);
  });
  for (const kind of KINDS) {
    opened.addEventListener(kind, (event) => {
      const { ids } = JSON.parse((event as MessageEvent<string>).data) as { ids: string[] };
      tell(kind, ids);
    });
  }
  opened.addEventListener("error", () => void again());
}

/** After a broken stream: find out why, let everybody read meanwhile, and connect anew. */
async function again(): Promise<void> {
  stream?.close();
  stream = null;
  clearTimeout(timer);
  channel?.postMessage("broken" satisfies News);
  await findOut();
  if (service.value === "open") ring(null, null);
  clearTimeout(timer);
  if (service.value === "signed_out")
    close(); // another tab may be let in first
  else if (!stream) timer = setTimeout(open, RETRY_SECONDS * 1000);
}

/** Ask for anything: the answer, or that there is none, sets `service`. */
async function findOut(): Promise<void> {
  await read<WhoAmI>("/v1/whoami").catch(() => undefined);
}

function close(): void {
  clearTimeout(timer);
  stream?.close();
  stream = null;
  hears = false;
  leave?.();
  leave = null;
  channel?.close();
  channel = null;
}

effect(() => {
  if (service.value === "open") open(); // somebody has signed in, or the service came back
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else {
    open();
    ring(null, null); // what has changed meanwhile rang nobody here
  }
});
