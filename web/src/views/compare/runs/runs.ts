// The jobs that are compared, with their curves: read together, and those that ring read again at a bounded rate.

import { signal } from "@preact/signals";
import { Problem, read } from "../../../api/client";
import type { Comparison, Curves, Job } from "../../../api/schema";
import { notify } from "../../../parts/messages/notices";
import { listen } from "../../../state/bell";
import { passes } from "../../../state/live";
import { Slots } from "../selection/slots";

/** A figure of the epochs. */
export type Metric = Exclude<keyof Curves, "epoch">;

/** The figures of the epochs, in the order in which one looks at them. */
export const METRICS: readonly { id: Metric; name: string }[] = [
  { id: "val_accuracy", name: "Validation accuracy" },
  { id: "val_loss", name: "Validation loss" },
  { id: "train_loss", name: "Training loss" },
  { id: "train_accuracy", name: "Training accuracy" },
  { id: "last_batch_loss", name: "Loss of the last batch" },
  { id: "lr", name: "Learning rate" },
  { id: "seconds", name: "Seconds per epoch" },
  { id: "samples_per_second", name: "Images per second" },
];

/** What a comparison knows of a job. */
const FIELDS = [
  "id",
  "kind",
  "name",
  "preset",
  "status",
  "cancel_requested",
  "config_hash",
  "spec_hash",
  "cost",
  "progress",
  "result",
  "device",
  "started_at",
  "finished_at",
] as const;

/** A job as far as a comparison reads it. */
export type ComparedJob = Pick<Job, (typeof FIELDS)[number]>;

/** A job of a comparison. */
export interface Run {
  job: ComparedJob;
  /** The number of its colour. */
  colour: number;
  epochs: readonly number[];
  /** The figures of these epochs that have been asked for. */
  figures: Readonly<Partial<Record<Metric, readonly (number | null)[]>>>;
}

/** The jobs of a comparison, and in what their specs differ: by the field's path and the job's id. */
export interface Compared {
  runs: readonly Run[];
  differing: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}

/** An answer of the API, with the curves that were asked for. */
interface Answer {
  jobs: ComparedJob[];
  curves: Pick<Curves, "epoch"> & Partial<Curves>;
  differing: Comparison["differing"];
}

const LEAST_MS = 500;
const RETRY_MS = 2000;
const ENDED: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);
/** Reading takes at most this share of the time. */
const SHARE = 0.2;

/** Reads what is compared. */
export class RunStore {
  readonly compared = signal<Compared>({ runs: [], differing: new Map() });
  readonly problem = signal<Problem | null>(null);
  /** The texts that `compared` is the answer to, joined by commas; null before the first answer. */
  readonly answered = signal<string | null>(null);
  private readonly slots = new Slots();
  private readonly metrics = new Set<Metric>();
  private asked = "";
  private texts: readonly string[] = [];
  private stop = new AbortController();
  private rung = new Set<string>();
  private all = false;
  /** Whether any job may have changed; those that have ended do not. */
  private unsure = false;
  private reading = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pause = LEAST_MS;
  private deaf: () => void = () => undefined;

  /** Compare jobs by ids or ends of ids. Fewer of those that are there are shown at once; for others all are read. */
  open(texts: readonly string[]): void {
    const missed = this.all || this.reading;
    const deaf = this.deaf;
    this.deaf = texts.length ? listen((ids) => this.hear(ids)) : () => undefined;
    deaf(); // only now: the bell's stream stays open
    this.halt();
    this.stop = new AbortController();
    this.texts = texts;
    this.asked = texts.join();
    this.problem.value = null;
    const known = texts.map((text) => this.compared.value.runs.find((run) => run.job.id.endsWith(text)));
    const runs = known.filter((run) => run !== undefined);
    const fewer = runs.length === texts.length && (runs.length !== 1 || this.compared.value.runs.length === 1);
    if (fewer) this.show(runs, this.compared.value.differing);
    this.all = texts.length > 0 && (missed || !fewer);
    if (this.all) void this.read();
  }

  /** Read these figures too, from the next `open` on. */
  want(metrics: readonly Metric[]): void {
    if (metrics.some((metric) => !this.metrics.has(metric))) this.all = true;
    for (const metric of metrics) this.metrics.add(metric);
  }

  /** Read no more. */
  close(): void {
    this.halt();
    this.deaf();
    this.deaf = () => undefined;
  }

  private halt(): void {
    this.stop.abort();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.reading = false;
  }

  private hear(ids: ReadonlySet<string> | null): void {
    if (ids === null) this.unsure = true;
    for (const { job } of this.compared.value.runs) if (ids?.has(job.id)) this.rung.add(job.id);
    this.soon();
  }

  private soon(): void {
    if (this.unsure && !this.reading) {
      this.unsure = false;
      for (const { job } of this.compared.value.runs) if (!ENDED.has(job.status)) this.rung.add(job.id);
    }
    if (this.reading || this.timer !== undefined || !(this.all || this.rung.size)) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.read();
    }, this.pause);
  }

  private async read(): Promise<void> {
    const { signal: stop } = this.stop;
    const start = performance.now();
    const some = this.all ? null : this.padded();
    this.reading = true;
    this.all = false;
    this.rung.clear();
    try {
      const answered = await answer(some ?? this.texts, [...this.metrics], stop);
      if (some) this.merge(answered);
      else this.take(answered);
      this.problem.value = null;
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.refused(error);
    }
    this.reading = false;
    const least = this.problem.value ? RETRY_MS : LEAST_MS;
    this.pause = Math.max(least, (performance.now() - start) / SHARE);
    this.soon();
  }

  /** The jobs that rang; the API compares no fewer than two. */
  private padded(): string[] {
    const ids = [...this.rung];
    const other = this.compared.value.runs.find(({ job }) => !this.rung.has(job.id));
    return ids.length < 2 && other ? [...ids, other.job.id] : ids;
  }

  private take({ jobs, curves, differing }: Answer): void {
    const runs = new Map(jobs.map((job, index) => [job.id, runOf(job, curves, index)]));
    const fields = Object.entries(differing).map(
      ([path, values]) => [path, new Map(jobs.map((job, index) => [job.id, values[index]]))] as const,
    );
    this.show([...runs.values()], new Map(fields));
  }

  private merge({ jobs, curves }: Answer): void {
    const fresh = new Map(jobs.map((job, index) => [job.id, runOf(job, curves, index)]));
    const { runs, differing } = this.compared.value;
    this.show(
      runs.map((run) => fresh.get(run.job.id) ?? run),
      differing,
    );
  }

  private show(runs: readonly Run[], differing: Compared["differing"]): void {
    const colours = this.slots.assign(runs.map((run) => run.job.id));
    this.compared.value = { runs: runs.map((run, index) => ({ ...run, colour: colours[index] ?? 0 })), differing };
    this.answered.value = this.asked;
  }

  /** Jobs that are no longer there are left out; an outage is said, and tried again; anything else is only said. */
  private refused(problem: Problem): void {
    this.all = passes(problem);
    if (problem.code !== "job_not_found" || !problem.jobs.length) {
      this.problem.value = problem;
      return;
    }
    const gone = new Set(problem.jobs);
    const { runs, differing } = this.compared.value;
    const left = runs.filter((run) => !gone.has(run.job.id));
    // A text is an id, or an end of the one id that the service has found for it.
    const isGone = (text: string) =>
      gone.has(text.toLowerCase()) || runs.some(({ job }) => gone.has(job.id) && job.id.endsWith(text));
    this.texts = this.texts.filter((text) => !isGone(text));
    notify(leftOut(problem.jobs));
    this.all = this.texts.length > 0;
    if (!this.all) this.show(left, differing);
  }
}

function leftOut([first = "", ...others]: readonly string[]): string {
  const [count, left] = [others.length, "left out of the comparison."];
  if (!count) return `There is no job ${first} any more: it is ${left}`;
  return `There are no jobs ${first} and ${count === 1 ? others[0] : `${count} more`} any more: they are ${left}`;
}

/** The answer about jobs; of one job, which the API does not compare, the job alone. */
async function answer(texts: readonly string[], metrics: readonly Metric[], stop: AbortSignal): Promise<Answer> {
  const [first] = texts;
  if (texts.length > 1) {
    const query = new URLSearchParams(texts.map((text) => ["job", text]));
    query.set("fields", FIELDS.join());
    query.set("columns", ["epoch", ...metrics].join());
    return read<Answer>(`/v1/compare?${query}`, stop);
  }
  const job = await read<Job>(`/v1/jobs/${encodeURIComponent(first ?? "")}`, stop);
  return { jobs: [job], differing: {}, curves: { epoch: [] } };
}

/** A job with its own epochs, out of columns that are common to all jobs. */
export function runOf(job: ComparedJob, curves: Answer["curves"], index: number): Run {
  const read = METRICS.flatMap(({ id }) => {
    const values = curves[id];
    return values ? [{ id, values: values[index] ?? [] }] : [];
  });
  const here = curves.epoch.flatMap((_, at) => (read.some(({ values }) => known(values[at])) ? [at] : []));
  return {
    job,
    colour: index,
    epochs: here.map((at) => curves.epoch[at] ?? 0),
    figures: Object.fromEntries(read.map(({ id, values }) => [id, here.map((at) => values[at] ?? null)])),
  };
}

function known(value: number | null | undefined): boolean {
  return value !== null && value !== undefined;
}
