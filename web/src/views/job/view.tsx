// One job: how it goes, what it reached, what was asked for, and what one can do with it.

import { useEffect } from "preact/hooks";
import { go, href, place } from "../../address";
import type { Problem } from "../../api/client";
import type { Job } from "../../api/schema";
import { nameOf, shortId } from "../../format";
import { Empty } from "../../parts/messages/empty";
import { ProblemNote } from "../../parts/messages/problem";
import { useCourse } from "../../state/course";
import { useLive } from "../../state/live";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { Curves } from "./curves";
import { Facts } from "./head/facts";
import { Failure } from "./head/failure";
import { Head } from "./head/head";
import { Metrics } from "./imported/metrics";
import { isFinished, isImported } from "./job";
import { ReplayPanel } from "./replay/replay";
import { Tabs } from "./tabs";
import "./view.css";

const WHOLE_ID = 36;

/** The view of the job whose id, or the end of it, is `match`. The address gets the whole id, so that it can be shared. */
export function View({ match }: ViewProps) {
  const known = useLive<Job>(`/v1/jobs/${encodeURIComponent(match)}`, match.length === WHOLE_ID ? { job: match } : {});
  const job = known.value.value;
  const problem = known.problem.value;
  useTitle(job ? (job.name ?? `${nameOf(job)} ${shortId(job.id)}`) : shortId(match));
  useEffect(() => {
    if (job && job.id !== match) go(href(`/jobs/${job.id}`, place.value.query), { replace: true });
  }, [job?.id]);
  if (!job) return problem && <NotFound match={match} problem={problem} />;
  return (
    <article class="job stack">
      {problem?.status === 404 && (
        <p class="problem" role="alert">
          This job was deleted. What you see is what was known of it.
        </p>
      )}
      {problem && problem.status !== 404 && problem.status !== 0 && <ProblemNote problem={problem} />}
      <Shown key={job.id} job={job} refresh={known.refresh} />
    </article>
  );
}

function Shown({ job, refresh }: { job: Job; refresh: () => Promise<void> }) {
  const course = useCourse(job.id, isFinished(job), () => void refresh());
  return (
    <>
      <Head job={job} refresh={refresh} />
      {job.warnings.map((warning) => (
        <p key={warning} class="warning">
          {warning}
        </p>
      ))}
      {job.error && <Failure job={job} error={job.error} />}
      <Facts job={job} />
      <ReplayPanel job={job} />
      {(job.kind === "train" || (isImported(job) && course.epochs.value.epoch.length > 0)) && (
        <Curves job={job} course={course} />
      )}
      {isImported(job) && <Metrics job={job} />}
      <Tabs job={job} refresh={refresh} />
    </>
  );
}

function NotFound({ match, problem }: { match: string; problem: Problem }) {
  if (problem.code === "ambiguous_id")
    return (
      <Empty alone title={`Several jobs have an id that ends in ${match}`}>
        <ul class="choices">
          {problem.jobs.map((id) => (
            <li key={id}>
              <a href={href(`/jobs/${id}`)}>
                <code>{id}</code>
              </a>
            </li>
          ))}
        </ul>
      </Empty>
    );
  if (problem.status !== 404) return <ProblemNote problem={problem} />;
  return (
    <Empty alone title="There is no such job">
      <p>
        No job has the id <code>{match}</code>. It may have been deleted.
      </p>
      <a href={href("/")}>All jobs</a>
    </Empty>
  );
}
