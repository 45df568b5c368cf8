// The points of a sweep: all pages of them, read again at a bounded rate while the sweep changes.

import { type Signal, signal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { Problem, read } from "../../api/client";
import type { Trial, TrialPage } from "../../api/schema";
import { listen } from "../../state/bell";
import { passes } from "../../state/live";

const PAGE = 500;
const LEAST_MS = 1000;
const RETRY_MS = 2000;
/** Reading takes at most this share of the time. */
const SHARE = 0.2;

/** Reads a sweep's points, as they were made. */
export class TrialStore {
  /** Null until all have been read once. */
  readonly trials: Signal<readonly Trial[] | null> = signal(null);
  readonly problem = signal<Problem | null>(null);
  private readonly stop = new AbortController();
  private readonly deafen: () => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reading = false;
  private stale = false;
  private pause = 0;

  /** Follow the sweep with this whole id. */
  constructor(private readonly id: string) {
    this.deafen = listen((ids) => {
      if (ids === null || ids.has(id)) this.soon();
    }, "sweeps");
    void this.readAll();
  }

  /** Read no more. */
  close(): void {
    this.stop.abort();
    this.deafen();
    clearTimeout(this.timer);
  }

  private soon(): void {
    this.stale = this.reading;
    if (this.reading || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.readAll();
    }, this.pause);
  }

  private async readAll(): Promise<void> {
    const start = performance.now();
    this.reading = true;
    try {
      const found: Trial[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const query = new URLSearchParams({ sort: "number", limit: String(PAGE), ...(cursor ? { cursor } : {}) });
        const page: TrialPage = await read<TrialPage>(`/v1/sweeps/${this.id}/trials?${query}`, this.stop.signal);
        found.push(...page.items);
        cursor = page.next_cursor;
      }
      this.trials.value = found;
      this.problem.value = null;
    } catch (error) {
      if (this.stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.problem.value = error;
      if (passes(error)) this.stale = true;
    }
    this.reading = false;
    this.pause = Math.max(this.problem.value ? RETRY_MS : LEAST_MS, (performance.now() - start) / SHARE);
    if (this.stale) this.soon();
  }
}

/** The points of a sweep for as long as a component is shown. */
export function useTrials(id: string): TrialStore {
  const store = useMemo(() => new TrialStore(id), [id]);
  useLayoutEffect(() => () => store.close(), [store]);
  return store;
}
