// What the parts of the view ask of a job.

import type { Job } from "../../api/schema";

/** Whether the job is a run of another tracker: it ran elsewhere, and only its figures are here. */
export function isImported(job: Job): boolean {
  return job.kind === "imported";
}

/** Whether the job has ended for good. */
export function isFinished(job: Job): boolean {
  return job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";
}

/** A field of the job's spec by its dotted path; undefined where there is none. */
export function fieldOf(job: Job, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => {
    return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  }, job.spec);
}

/** A field of the spec, where it is text. */
export function textOf(job: Job, path: string): string | null {
  const value = fieldOf(job, path);
  return typeof value === "string" ? value : null;
}

/** The name of the data set of the job. */
export function datasetOf(job: Job): string {
  return textOf(job, "dataset.name") ?? "";
}

/** How long the job has run, or ran, in seconds; null before its first attempt. */
export function elapsed(job: Job, now: number): number | null {
  if (!job.started_at) return null;
  const end = job.finished_at ? Date.parse(job.finished_at) : now;
  return Math.max(0, (end - Date.parse(job.started_at)) / 1000);
}
