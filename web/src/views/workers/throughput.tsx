// How much gets done: the jobs that ended in the last hour, every five minutes a bar.

import { href } from "../../address";
import type { JobPage } from "../../api/schema";
import { ProblemNote } from "../../parts/messages/problem";
import { now } from "../../state/clock";
import { useLive } from "../../state/live";
import { type Ended, spansOf } from "./waiting";

const MOST = 500;
const MINUTES = 5;
const SPANS = 12;
const HEIGHT = 56;
const PATH = `/v1/jobs?sort=-finished_at&limit=${MOST}&fields=id,status,finished_at`;

/** Bars of the jobs that ended in the last hour. */
export function Throughput() {
  const ended = useLive<JobPage>(PATH, { seconds: 30, job: "any" });
  if (!ended.value.value) return <ProblemNote problem={ended.problem.value} />;
  const jobs = ended.value.value.items;
  const spans = spansOf(jobs, now.value, MINUTES, SPANS);
  const sum = (kind: keyof Ended) => spans.reduce((total, span) => total + span[kind], 0);
  const all = sum("succeeded") + sum("failed") + sum("cancelled");
  const words = `${sum("succeeded")} succeeded, ${sum("failed")} failed, ${sum("cancelled")} cancelled`;
  return (
    <section class="panel">
      <header>
        <h2>The last hour</h2>
        <span class="soft">
          {all >= MOST && "The latest "}
          {all === 0 ? "No job ended." : `${all} jobs ended: ${words}.`}
        </span>
        {sum("failed") > 0 && (
          <a class="push" href={href("/", { filter: "failed" })}>
            Failed jobs
          </a>
        )}
      </header>
      {all > 0 && <Bars spans={spans} label={`Jobs ended in the last hour: ${words}`} />}
    </section>
  );
}

function Bars({ spans, label }: { spans: Ended[]; label: string }) {
  const most = Math.max(...spans.map((span) => span.succeeded + span.failed + span.cancelled));
  const scale = HEIGHT / most;
  return (
    <figure class="bars">
      <svg viewBox={`0 0 ${SPANS * 10} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {spans.map((span, at) => {
          const failed = span.failed * scale;
          const good = span.succeeded * scale;
          const cancelled = span.cancelled * scale;
          return (
            <g key={at}>
              <rect class="good" x={at * 10 + 1} width={8} y={HEIGHT - good} height={good} />
              <rect class="bad" x={at * 10 + 1} width={8} y={HEIGHT - good - failed} height={failed} />
              <rect class="soft" x={at * 10 + 1} width={8} y={HEIGHT - good - failed - cancelled} height={cancelled} />
            </g>
          );
        })}
      </svg>
      <figcaption class="soft small between">
        <span>an hour ago</span>
        <span>at most {most} in five minutes</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}
