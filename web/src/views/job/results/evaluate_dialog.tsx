// Asks for the data on which a finished job's network is to be scored.

import { useState } from "preact/hooks";
import { go, href } from "../../../address";
import { call, Problem } from "../../../api/client";
import type { DatasetPage, Job } from "../../../api/schema";
import { ProblemNote } from "../../../parts/messages/problem";
import { Dialog } from "../../../parts/popups/dialog";
import { useLive } from "../../../state/live";
import { datasetOf, fieldOf } from "../job";

/** The dialog; it leads to the new job. */
export function EvaluateDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const known = useLive<DatasetPage>("/v1/datasets", {});
  const [problem, setProblem] = useState<Problem | null>(null);
  const wanted = fieldOf(job, "dataset.classes");
  const classes = Array.isArray(wanted) ? wanted : [];
  const sets = (known.value.value?.items ?? []).filter((set) => classes.every((name) => set.classes.includes(name)));
  const [chosen, choose] = useState<string | null>(null);
  const name = chosen ?? sets.find((set) => set.name !== datasetOf(job))?.name ?? sets[0]?.name;

  async function evaluate(event: Event): Promise<void> {
    event.preventDefault();
    try {
      const made = await call<Job>("POST", `/v1/jobs/${job.id}/evaluate`, { dataset: name });
      go(href(`/jobs/${made.id}`));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  }
  return (
    <Dialog title="Evaluate on other data" onClose={onClose}>
      <form onSubmit={(event) => void evaluate(event)}>
        <label class="field">
          <span>Data set</span>
          <select value={name ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
            {sets.map((set) => (
              <option key={set.name} value={set.name}>
                {set.title} ({set.name})
              </option>
            ))}
          </select>
          <span class="hint">
            Its validation images are scored by the weights of the best epoch, as a job of its own. Data sets with all
            of the job's classes: {classes.join(", ")}.
          </span>
        </label>
        <ProblemNote problem={problem ?? known.problem.value} />
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!name}>
            Evaluate
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
