// Workers and queues: who trains what, who is late, what waits, how much gets done.

import type { JobPage, WorkerPage } from "../../api/schema";
import { Empty } from "../../parts/messages/empty";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { AddWorker } from "./add_worker";
import { WorkerCard } from "./card";
import { Queues } from "./queues";
import { Throughput } from "./throughput";
import "./view.css";

const SECONDS = 5;
const RUNNING = "/v1/jobs?status=running&limit=500&fields=id,name,preset,kind,progress,owner,cancel_requested,status";

/** The view of the workers and of the queues that they take jobs from. */
export function View(_: ViewProps) {
  useTitle("Workers");
  const workers = useLive<WorkerPage>("/v1/workers", { seconds: SECONDS, job: "any" });
  const running = useLive<JobPage>(RUNNING, { job: "any" });
  const known = workers.value.value?.items ?? [];
  const live = known.filter(({ state }) => state !== "gone");
  const gone = known.filter(({ state }) => state === "gone");
  const jobs = new Map((running.value.value?.items ?? []).map((job) => [job.id, job]));
  const busy = live.filter(({ job_id }) => job_id !== null).length;
  const trainers = live.filter(({ role }) => role === "train").length;
  return (
    <section class="stack">
      <header class="page-head">
        <h1>Workers</h1>
        {workers.value.value && (
          <span class="soft">
            {busy} of {trainers} training
          </span>
        )}
      </header>
      <ProblemNote problem={workers.problem.value ?? running.problem.value} />
      {workers.value.value && trainers === 0 && (
        <Empty title="No worker trains">
          <p>Jobs that are submitted wait. Start a worker as it says below; it is here within seconds.</p>
        </Empty>
      )}
      <div class="panels">
        {live.map((worker) => (
          <WorkerCard key={worker.id} worker={worker} job={jobs.get(worker.job_id ?? "")} />
        ))}
      </div>
      {gone.length > 0 && <Gone ids={gone.map(({ id }) => id)} />}
      <Queues />
      <Throughput />
      <AddWorker />
    </section>
  );
}

function Gone({ ids }: { ids: string[] }) {
  return (
    <details>
      <summary class="soft">
        {ids.length} {ids.length === 1 ? "worker has" : "workers have"} gone: stopped, or not heard of for long
      </summary>
      <ul>
        {ids.map((id) => (
          <li key={id} class="mono">
            {id}
          </li>
        ))}
      </ul>
    </details>
  );
}
