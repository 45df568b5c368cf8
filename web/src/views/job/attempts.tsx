// Who tried to run a job, from which epoch, and how it ended: on one axis of time.

import type { Attempt, AttemptPage, Job } from "../../api/schema";
import { duration } from "../../format";
import { ProblemNote } from "../../parts/messages/problem";
import { now as present } from "../../state/clock";
import { useLive } from "../../state/live";

const ENDS: Record<string, [mark: string, words: string]> = {
  succeeded: ["✓", "succeeded"],
  failed: ["✗", "failed"],
  lost: ["?", "lost: the worker fell silent"],
  released: ["↩", "released: the worker stopped, another one goes on"],
  paused: ["‖", "paused: its sweep may let it go on"],
  cancelled: ["■", "cancelled"],
  timed_out: ["⧖", "took longer than its limit"],
};

/** The attempts as a table whose last column is a time line, waiting included. */
export function Attempts({ job }: { job: Job }) {
  const known = useLive<AttemptPage>(`/v1/jobs/${job.id}/attempts`, { job: job.id });
  const now = present.value;
  const attempts = known.value.value?.items;
  if (!attempts) return <ProblemNote problem={known.problem.value} />;
  if (!attempts.length) return <p class="soft">No worker has tried it yet.</p>;
  const from = Date.parse(job.created_at);
  const to = Math.max(from + 1, job.finished_at ? Date.parse(job.finished_at) : now);
  return (
    <div class="scroll-x">
      <table class="plain attempts">
        <thead>
          <tr>
            <th scope="col">Attempt</th>
            <th scope="col">Worker</th>
            <th scope="col">Device</th>
            <th scope="col">From epoch</th>
            <th scope="col">Took</th>
            <th scope="col">Ended</th>
            <th scope="col" class="axis">
              <span>{new Date(from).toLocaleTimeString()}</span>
              <span>{job.finished_at ? new Date(to).toLocaleTimeString() : "now"}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt) => (
            <Row key={attempt.attempt} attempt={attempt} from={from} to={to} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ attempt, from, to }: { attempt: Attempt; from: number; to: number }) {
  const start = Date.parse(attempt.started_at);
  const end = attempt.finished_at ? Date.parse(attempt.finished_at) : to;
  const [mark, words] = attempt.outcome === null ? ["▶", "running"] : (ENDS[attempt.outcome] ?? ["", attempt.outcome]);
  const share = (instant: number) => (100 * (instant - from)) / (to - from);
  return (
    <tr>
      <th scope="row">{attempt.attempt}</th>
      <td>
        <code>{attempt.worker}</code>
      </td>
      <td>{attempt.device}</td>
      <td>{attempt.resumed_from_epoch ?? 1}</td>
      <td>{duration((end - start) / 1000)}</td>
      <td>
        <span class={`ended ${attempt.outcome ?? "running"}`}>
          <span aria-hidden="true">{mark}</span> {words}
        </span>
        {attempt.error && (
          <div class="soft">
            {attempt.error.detail} <code>{attempt.error.code}</code>
          </div>
        )}
      </td>
      <td class="track" aria-hidden="true">
        <div
          class={`span ${attempt.outcome ?? "running"}`}
          style={{ marginLeft: `${share(start)}%`, width: `${Math.max(0.5, share(end) - share(start))}%` }}
        />
      </td>
    </tr>
  );
}
