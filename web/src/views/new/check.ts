// The live check: what the service says of the job as it is written now.

import { signal } from "@preact/signals";
import { call, type FieldProblem, Problem } from "../../api/client";
import type { Verdict as Checked, DryRun } from "../../api/schema";
import type { JsonObject } from "./form/document";

const PAUSE_MS = 150; // between the last key and the question

/** What the service said last; `problems` is empty where it would take the job. */
export interface Verdict {
  document: JsonObject;
  answer: DryRun | null;
  problems: readonly FieldProblem[];
  /** What it said as a whole, where it refused for another reason than a field. */
  refusal: Problem | null;
}

/** A job that the service would take: as it was written, what the service said, and the spec with every default. */
export interface Sound {
  document: JsonObject;
  answer: DryRun;
  spec: JsonObject;
}

/** Asks the service about each document that it is shown, the latest alone: a question that is out of date is aborted. */
export class Check {
  readonly verdict = signal<Verdict | null>(null);
  readonly asking = signal(false);
  /** The last job that was sound, which stays on the screen while one types. */
  readonly sound = signal<Sound | null>(null);
  private stop = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Ask about a document in a moment, unless another comes before. */
  show(document: JsonObject): void {
    this.close();
    this.stop = new AbortController();
    this.asking.value = true;
    this.timer = setTimeout(() => void this.ask(document, this.stop.signal), this.verdict.value ? PAUSE_MS : 0);
  }

  /** Ask no more. */
  close(): void {
    clearTimeout(this.timer);
    this.stop.abort();
  }

  private async ask(document: JsonObject, stop: AbortSignal): Promise<void> {
    try {
      const { job, problems } = await call<Checked>("POST", "/v1/jobs/check", document, stop);
      this.say({ document, answer: job, problems, refusal: null }, stop);
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.say({ document, answer: null, problems: error.errors, refusal: error.errors.length ? null : error }, stop);
      if (error.status === 0) this.timer = setTimeout(() => void this.ask(document, stop), 2000);
    }
  }

  private say(verdict: Verdict, stop: AbortSignal): void {
    if (stop.aborted) return;
    this.verdict.value = verdict;
    this.asking.value = false;
    const { document, answer } = verdict;
    if (answer) this.sound.value = { document, answer, spec: specOf(answer) };
  }
}

/** A spec in an answer, which the API's description leaves open, as the JSON object that it is. */
export function specOf(answer: { spec: unknown }): JsonObject {
  return answer.spec as JsonObject;
}
