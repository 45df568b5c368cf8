// Why a job failed: in words, what to do, and what its log said last.

import type { Job, LogPage, Failure as Reason } from "../../../api/schema";
import { useLive } from "../../../state/live";
import { linkTo } from "../tabs";

const LINES = 8;
const ADVICE: Record<string, string> = {
  non_finite_loss: "Clone it with a tenth of the learning rate, or let it clip its gradients.",
  out_of_device_memory: "Clone it with smaller batches, or with a smaller network.",
  dataset_unavailable: "See under Workers who holds which data, and retry it once a worker holds these.",
};

/** The reason, and beside it the end of the log. */
export function Failure({ job, error }: { job: Job; error: Reason }) {
  const log = useLive<LogPage>(`/v1/jobs/${job.id}/log?limit=10000`, { job: job.id });
  const lines = log.value.value?.items.slice(-LINES) ?? [];
  return (
    <section class="failure" aria-label="Why it failed">
      <div class="problem">
        <h2>Why it failed</h2>
        <p>{error.detail ?? "The worker gave no reason."}</p>
        {ADVICE[error.code] && <p>{ADVICE[error.code]}</p>}
        <p class="soft">
          Code <code>{error.code}</code>
        </p>
      </div>
      {lines.length > 0 && (
        <div>
          <div class="row-of">
            <h2>Last lines of its log</h2>
            <a href={linkTo("log")}>All of it</a>
          </div>
          <pre class="lines">{lines.map((line) => `${line.message}\n`)}</pre>
        </div>
      )}
    </section>
  );
}
