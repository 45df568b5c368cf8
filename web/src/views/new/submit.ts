// Submitting: a key for each try, so that a double click or a lost answer makes one job.

import { ask, Problem } from "../../api/client";
import type { Batch, Job } from "../../api/schema";
import type { JsonObject } from "./form/document";

/** Submits jobs; what is sent again unchanged, after an answer that was lost, is the same submission. */
export class Submitter {
  private key = "";
  private sent = "";

  /** Submit one job, or several at once, all or none. Raises `Problem`; pointers are those of a single job. */
  async submit(jobs: readonly JsonObject[]): Promise<readonly Job[]> {
    const body = JSON.stringify(jobs);
    if (body !== this.sent) this.key = newKey();
    this.sent = body;
    const path = jobs.length === 1 ? "/v1/jobs" : "/v1/jobs/batch";
    const headers = { "Idempotency-Key": this.key };
    try {
      const response = await ask("POST", path, { body: jobs.length === 1 ? jobs[0] : { jobs }, headers });
      const answer: Job | Batch = await response.json();
      this.sent = "";
      return "items" in answer ? answer.items : [answer];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw jobs.length === 1 ? error : ofOneJob(error);
    }
  }
}

/** The problem of a batch, its pointers as those of a single job: each of the same field's problems once. */
export function ofOneJob(problem: Problem): Problem {
  const errors = problem.errors.map((one) => ({ ...one, pointer: one.pointer.replace(/^\/jobs\/\d+/, "") }));
  const once = errors.filter((one, index) => errors.findIndex((other) => other.detail === one.detail) === index);
  return new Problem(problem.status, problem.code, problem.message, once);
}

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
