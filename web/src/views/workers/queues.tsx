// The queues: how long they are, and whose jobs wait in which order.

import { href } from "../../address";
import type { Job, JobPage, Queue, QueuePage } from "../../api/schema";
import { duration, nameOf, shortId } from "../../format";
import { Heads, right } from "../../parts/heads";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";
import { countWaiting } from "./waiting";

const SECONDS = 5;
const MOST = 500;
const FIRST = 5;
const QUEUED = `/v1/jobs?status=queued&sort=created_at&limit=${MOST}&fields=id,name,preset,kind,priority,owner,warnings`;
const DEVICES: Record<string, string> = { any: "any device", cpu: "CPU", cuda: "GPU" };

/** The queues that have something in them, and the jobs that wait. */
export function Queues() {
  const queues = useLive<QueuePage>("/v1/queues", { seconds: SECONDS, job: "any" });
  const queued = useLive<JobPage>(QUEUED, { job: "any" });
  const items = queues.value.value?.items ?? [];
  const filled = items.filter(({ depth }) => depth > 0);
  const jobs = queued.value.value?.items ?? [];
  const more = queued.value.value?.next_cursor !== null && jobs.length > 0;
  return (
    <section class="panel">
      <header>
        <h2>Queues</h2>
        {items.length > 0 && filled.length === 0 && <span class="soft">Nothing waits.</span>}
        {items.some(({ messages }) => messages === null) && (
          <span class="chip warn">Redis is away: jobs are kept, and sent once it is back</span>
        )}
      </header>
      <ProblemNote problem={queues.problem.value ?? queued.problem.value} />
      {filled.length > 0 && (
        <div class="halves">
          <Depths queues={filled} />
          {jobs.length > 0 && <ByOwner jobs={jobs} more={more} />}
        </div>
      )}
      {jobs.length > 0 && <Oldest jobs={jobs.slice(0, FIRST)} />}
    </section>
  );
}

/** What a queue is for, such as "training on any device". */
function queueName({ name }: Queue): string {
  const parts = name.split(".");
  const device = DEVICES[parts.at(-1) ?? ""] ?? name;
  return parts.includes("evaluate") ? `Evaluation, ${device}` : `Training, ${device}`;
}

function Depths({ queues }: { queues: Queue[] }) {
  return (
    <div class="scroll-x">
      <table class="plain">
        <Heads of={["Queue", right("Jobs"), right("Oldest waits")]} />
        <tbody>
          {queues.map((queue) => (
            <tr key={queue.name}>
              <th scope="row">{queueName(queue)}</th>
              <td class="right">{queue.depth.toLocaleString("en")}</td>
              <td class="right">{duration(queue.oldest_age_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ByOwner({ jobs, more }: { jobs: Job[]; more: boolean }) {
  return (
    <div class="scroll-x">
      <table class="plain">
        <Heads of={["Waiting jobs of", right("Priority"), right("Jobs")]} />
        <tbody>
          {countWaiting(jobs).map(({ priority, owner, jobs: count }) => (
            <tr key={`${priority} ${owner}`}>
              <th scope="row">{owner ?? "no owner"}</th>
              <td class="right">{priority}</td>
              <td class="right">{count.toLocaleString("en")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more && <p class="soft small">Of the {MOST} that have waited longest.</p>}
    </div>
  );
}

function Oldest({ jobs }: { jobs: Job[] }) {
  return (
    <>
      <h3 class="after">Waiting longest</h3>
      <ul class="waiting">
        {jobs.map((job) => (
          <li key={job.id}>
            <a href={href(`/jobs/${job.id}`)}>{nameOf(job)}</a> <span class="soft">{shortId(job.id)}</span>{" "}
            {job.warnings.map((warning) => ` ${warning}`)}
          </li>
        ))}
      </ul>
    </>
  );
}
