// The course of a job's training: its epochs as they end, from the job's own stream of events.

import { signal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { BASE } from "../address";
import { Problem, read } from "../api/client";
import type { JobPage } from "../api/schema";
import { listen } from "./bell";
import { type CourseEvent, current, type EpochColumns, fold, NO_EPOCHS } from "./epochs";
import { takePlace } from "./tabs";

const RETRY_SECONDS = 2;
/** The most streams of all tabs together; the bell has another, and two of the six connections are left for reading. */
const MOST_STREAMS = 3;
/** Where there is no place for a stream, the least time between two looks. */
const LOOK_SECONDS = 1;
/** The least time between two drawings of epochs that end quickly: each costs as much as there are epochs. */
const DRAW_MS = 100;
const FINISHED = new Set(["succeeded", "failed", "cancelled"]);
const CHANGES = ["status", "following", "cancel_requested", "priority", "edited"];

/** How a course is followed: as events come, by reading again and again, or no more, as nothing can follow. */
export type Following = "starting" | "live" | "trying" | "ended";

/**
 * A job's epochs, followed while the tab is visible: by a stream of the job's own, or where other tabs have all places
 * for those, read again when the bell says that the job has changed. Whatever breaks the stream, a restart of the
 * service or too many streams, the epochs are read anew and the stream goes on behind them: nothing is missed, and
 * nothing counts twice.
 */
export class Course {
  readonly epochs = signal<EpochColumns>(NO_EPOCHS);
  readonly following = signal<Following>("starting");
  private stream: EventSource | null = null;
  /** Ends the following, and gives back the place for a stream. */
  private leave: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stop = new AbortController();
  private waiting: CourseEvent[] = [];
  private drawn = Number.NEGATIVE_INFINITY;

  /** Follow the job with this whole id, unless it is finished; `changed` is called when more than epochs has changed. */
  constructor(
    private readonly id: string,
    private finished: boolean,
    private readonly changed: () => void,
  ) {
    document.addEventListener("visibilitychange", this.look);
    void this.start();
  }

  /** Follow no more. */
  close(): void {
    document.removeEventListener("visibilitychange", this.look);
    this.stop.abort();
    this.hangUp();
  }

  private readonly look = (): void => {
    if (document.hidden) this.hangUp();
    else if (!this.leave) {
      this.rest();
      void this.start();
    }
  };

  private async start(): Promise<void> {
    if (document.hidden || this.stop.signal.aborted) return;
    try {
      this.epochs.value = current(await read<EpochColumns>(`/v1/jobs/${this.id}/epochs`, this.stop.signal));
    } catch (error) {
      if (this.stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.following.value = error.status === 404 ? "ended" : "trying";
      if (error.status !== 404) this.again();
      return;
    }
    if (this.finished) this.following.value = "ended";
    else if (this.leave) this.following.value = "live";
    else await this.follow();
  }

  private async follow(): Promise<void> {
    const give = await takePlace("course", MOST_STREAMS);
    if (document.hidden || this.stop.signal.aborted || this.leave) give?.();
    else if (give) this.open(give);
    else this.listen();
  }

  /** Follow by the bell. */
  private listen(): void {
    const soon = () => {
      this.timer ??= setTimeout(() => void this.reread(), LOOK_SECONDS * 1000);
    };
    this.leave = listen((ids) => {
      if (ids?.has(this.id) !== false) soon();
    });
    soon(); // what has changed since the epochs were read rang nobody here
    this.following.value = "live";
  }

  private async reread(): Promise<void> {
    this.timer = undefined; // a change from here on is read by another look
    try {
      const { items } = await read<JobPage>(`/v1/jobs?id=${this.id}&fields=status`, this.stop.signal);
      this.hear(items[0] ?? { status: "cancelled" }); // one that is deleted has ended too
    } catch (error) {
      if (this.stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.again();
      return;
    }
    if (this.finished) this.hangUp();
    await this.start();
  }

  private open(give: () => void): void {
    this.leave = () => {
      give();
      this.stream?.close();
      this.stream = null;
    };
    const after = this.epochs.value.seq.at(-1) ?? 0;
    const stream = new EventSource(`${BASE}/v1/jobs/${this.id}/events?after=${after}`);
    this.stream = stream;
    stream.addEventListener("open", () => {
      this.following.value = "live";
    });
    stream.addEventListener("epoch", (event) => this.take({ kind: "epoch", data: dataOf(event) }));
    stream.addEventListener("resumed", (event) => {
      this.take({ kind: "resumed", data: dataOf(event) });
      this.changed();
    });
    for (const kind of CHANGES) stream.addEventListener(kind, (event) => this.hear(dataOf<{ status?: string }>(event)));
    stream.addEventListener("error", () => {
      this.hangUp();
      if (!this.finished) this.following.value = "trying";
      if (this.finished) void this.start();
      else this.again();
    });
  }

  private hear(change: { status?: string }): void {
    if (change.status !== undefined) this.finished = FINISHED.has(change.status);
    this.changed();
  }

  /** Take an event: shown in the next picture of the screen, or with those that follow soon after one was. */
  private take(event: CourseEvent): void {
    this.waiting.push(event);
    if (this.waiting.length > 1) return;
    const draw = () =>
      requestAnimationFrame(() => {
        this.drawn = performance.now();
        this.epochs.value = fold(this.epochs.value, this.waiting);
        this.waiting = [];
      });
    const pause = this.drawn + DRAW_MS - performance.now();
    if (pause > 0) setTimeout(draw, pause);
    else draw();
  }

  private again(): void {
    this.rest();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.changed();
      void (this.leave && !this.stream ? this.reread() : this.start());
    }, RETRY_SECONDS * 1000);
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private hangUp(): void {
    this.rest();
    this.leave?.();
    this.leave = null;
  }
}

function dataOf<T>(event: Event): T {
  return JSON.parse((event as MessageEvent<string>).data) as T;
}

/** The course of a job for as long as a component is shown. */
export function useCourse(id: string, finished: boolean, changed: () => void): Course {
  const course = useMemo(() => new Course(id, finished, changed), [id]);
  useLayoutEffect(() => () => course.close(), [course]);
  return course;
}
