// Answers that stay true: read at once, read again when something has changed, shown meanwhile.

import { effect, type Signal, signal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { Problem, read, service } from "../api/client";
import { listen } from "./bell";

const RETRY_SECONDS = 2;
/** Milliseconds between two looks, however often the bell rings. */
const LEAST_MS = 1000;

/** When to read an answer again: after a number of seconds, or when a job or a sweep has changed ("any", or its id). */
export interface Freshness {
  seconds?: number;
  job?: string;
  sweep?: string;
}

/** What is known of one address of the API: the last answer, and the problem of the last try. */
export interface Known<T> {
  value: Signal<T | null>;
  problem: Signal<Problem | null>;
  /** Read again now. */
  refresh: () => Promise<void>;
  /** Stop reading. */
  close: () => void;
}

/** Whether a problem may be gone if one only tries again: an outage, not a refusal. */
export function passes(problem: Problem): boolean {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

/** Read an address now and whenever `freshness` says, until closed; an outage keeps the last answer on the screen. */
export function live<T>(path: string, freshness: Freshness): Known<T> {
  const value = signal<T | null>(null);
  const problem = signal<Problem | null>(null);
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due: ReturnType<typeof setTimeout> | undefined;
  let began = Number.NEGATIVE_INFINITY;
  let reading = false;
  let stale = false;

  /** Read at once after a quiet time, else once that long has passed since the last look. */
  function soon(): void {
    if (due !== undefined) return;
    const wait = began + LEAST_MS - performance.now();
    if (wait <= 0) void refresh();
    else
      due = setTimeout(() => {
        due = undefined;
        void refresh();
      }, wait);
  }

  async function refresh(): Promise<void> {
    if (reading) {
      stale = true;
      return;
    }
    reading = true;
    began = performance.now();
    clearTimeout(timer);
    try {
      value.value = await read<T>(path, stop.signal);
      problem.value = null;
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      reading = false;
    }
    if (stop.signal.aborted) return;
    if (stale) {
      stale = false;
      void refresh();
      return;
    }
    if (problem.value && !passes(problem.value)) return; // whoever signs in is heard of below
    const seconds = problem.value ? RETRY_SECONDS : freshness.seconds;
    if (seconds !== undefined) timer = setTimeout(() => void refresh(), seconds * 1000);
  }

  const { job, sweep } = freshness;
  const wanted = job ?? sweep;
  const hear = (ids: ReadonlySet<string> | null) => {
    if (ids === null || wanted === "any" || ids.has(wanted ?? "")) soon();
  };
  const deafen = wanted === undefined ? undefined : listen(hear, job === undefined ? "sweeps" : "jobs");
  const unwatched = effect(() => {
    if (service.value === "open" && problem.peek()) void refresh();
  });
  void refresh();
  return {
    value,
    problem,
    refresh,
    close: () => {
      stop.abort();
      clearTimeout(timer);
      clearTimeout(due);
      deafen?.();
      unwatched();
    },
  };
}

/** `live` for as long as a component is shown, of the address that it asks for now. */
export function useLive<T>(path: string, freshness: Freshness): Known<T> {
  const known = useMemo(() => live<T>(path, freshness), [path]);
  useLayoutEffect(() => known.close, [known]); // useEffect is too late for a view that is left before it is painted
  return known;
}
