// The end of the form: one job or several at once, and submitting them.

import { useComputed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { go, href } from "../../address";
import { Problem } from "../../api/client";
import type { Job } from "../../api/schema";
import { nameOf, shortId } from "../../format";
import { notify } from "../../parts/messages/notices";
import { ProblemNote } from "../../parts/messages/problem";
import { may, viewer } from "../../state/session";
import { pathOf } from "./form/document";
import { lead, useForm } from "./form/form";
import { Search } from "./search/search_fields";
import { Submitter } from "./submit";
import { combinations, countOf, MOST_JOBS, type Varied } from "./vary/vary";
import { Vary } from "./vary/vary_fields";
import { whyNot } from "./verdict";

const MOST_COMPARED = 200;

/** The bar with which a job is submitted. */
export function Launch() {
  const form = useForm();
  const varied = useSignal<readonly Varied[]>([]);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const submitter = useMemo(() => new Submitter(), []);
  const count = useComputed(() => countOf(varied.value)).value;
  const wrong = whyNot(form);
  const why = wrong ?? (count > MOST_JOBS ? `At most ${MOST_JOBS.toLocaleString("en")} jobs at once` : null);

  async function submit(watch: boolean): Promise<void> {
    if (busy.value) return;
    if (form.draft.fault.value) document.getElementById("json")?.focus();
    else if (wrong) lead(form.draft.blank ? ["preset"] : pathOf(form.check.verdict.value?.problems[0]?.pointer ?? ""));
    if (why) return;
    busy.value = true;
    problem.value = null;
    try {
      const jobs = await submitter.submit(combinations(form.draft.document.value, varied.value));
      done(jobs, watch);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  }

  function done(jobs: readonly Job[], watch: boolean): void {
    const [only] = jobs;
    notify(
      jobs.length === 1 && only ? `Submitted ${nameOf(only)} ${shortId(only.id)}.` : `Submitted ${jobs.length} jobs.`,
    );
    if (!watch) return;
    form.draft.forget();
    if (jobs.length === 1 && only) go(href(`/jobs/${only.id}`));
    else if (jobs.length <= MOST_COMPARED)
      go(href("/compare", new URLSearchParams(jobs.map((job) => ["job", job.id]))));
    else go(href("/"));
  }

  if (viewer.value && !may("submit")) return <Refused />;
  const what = count === 1 ? "" : ` ${count.toLocaleString("en")} jobs`;
  return (
    <section class="panel launch" aria-label="Submit">
      <Vary varied={varied.value} onChange={(next) => (varied.value = next)} />
      <ProblemNote problem={problem.value} />
      <div class="row-of">
        <button
          type="button"
          class="primary"
          aria-disabled={why !== null}
          aria-describedby="launch-why"
          onClick={() => void submit(true)}
        >
          Submit{what} and watch
        </button>
        <button
          type="button"
          aria-disabled={why !== null}
          aria-describedby="launch-why"
          onClick={() => void submit(false)}
        >
          Submit{what}, stay here
        </button>
        <span id="launch-why" class="soft">
          {why}
        </span>
      </div>
      <Search wrong={wrong} />
    </section>
  );
}

/** Beside the form's title: take back what was changed last, or all of it. */
export function Revise() {
  const { draft } = useForm();
  return (
    <>
      <button type="button" class="quiet small" disabled={!draft.undoable.value} onClick={() => draft.undo()}>
        Undo
      </button>
      <button type="button" class="quiet small" onClick={() => draft.begin({})}>
        Start over
      </button>
    </>
  );
}

function Refused() {
  return (
    <p class="panel launch">
      You may look, and write a job here, but not submit it: that takes a token with the scope <code>submit</code>.
      Whoever looks after the service makes one with <code>flightline token create --owner NAME --scope submit</code>.
    </p>
  );
}
