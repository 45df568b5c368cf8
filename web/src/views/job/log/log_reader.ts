// The lines of a job's log, read as they are written.

import { signal } from "@preact/signals";
import { Problem, read } from "../../../api/client";
import type { LogLine, LogPage } from "../../../api/schema";

const POLL_SECONDS = 1;
const PAGE = 2000;

/** All lines of a job's log so far; it goes on behind the last one while the job may write more. */
export class LogReader {
  readonly lines = signal<readonly LogLine[]>([]);
  readonly problem = signal<Problem | null>(null);
  readonly asked = signal(false);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stop = new AbortController();

  constructor(
    private readonly id: string,
    private readonly ended: () => boolean,
  ) {
    void this.read();
  }

  /** Read no more. */
  close(): void {
    this.stop.abort();
    clearTimeout(this.timer);
  }

  private async read(): Promise<void> {
    const ended = this.ended(); // asked before: what is written until then is in this answer
    let more = false;
    try {
      if (!document.hidden) more = await this.page();
      this.problem.value = null;
    } catch (error) {
      if (this.stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.problem.value = error;
    }
    const lasting = this.problem.value !== null && this.problem.value.status === 404;
    if (this.stop.signal.aborted || lasting || (ended && !more && !this.problem.value && !document.hidden)) return;
    this.timer = setTimeout(() => void this.read(), more ? 0 : POLL_SECONDS * 1000);
  }

  private async page(): Promise<boolean> {
    const after = this.lines.value.at(-1)?.line ?? 0;
    const page = await read<LogPage>(`/v1/jobs/${this.id}/log?after=${after}&limit=${PAGE}`, this.stop.signal);
    this.asked.value = true;
    if (page.items.length) this.lines.value = [...this.lines.value, ...page.items];
    return page.next_cursor !== null;
  }
}
