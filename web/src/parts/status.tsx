// The status of a job.

import type { Job } from "../api/schema";

/** A job's status, as a word with a mark of its own: no status is told by colour alone. */
export function Status({ job }: { job: Pick<Job, "status" | "cancel_requested"> }) {
  const word = job.cancel_requested && job.status === "running" ? "stopping" : job.status;
  return <span class={`status ${word}`}>{word}</span>;
}
