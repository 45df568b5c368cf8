// The head of a job's view: which job it is, its state, and what one can do with it.

import { href } from "../../../address";
import type { Job } from "../../../api/schema";
import { shortId } from "../../../format";
import { CopyButton } from "../../../parts/clipboard/copy";
import { Status } from "../../../parts/status";
import { Actions } from "./actions";
import { Name, Priority, Tags } from "./labels";

/** Name, id, state, labels, actions, and the job that this one repeats. */
export function Head({ job, refresh }: { job: Job; refresh: () => Promise<void> }) {
  return (
    <header class="job-head">
      <div class="page-head">
        <Name job={job} refresh={refresh} />
        <span class="row-of">
          <Status job={job} />
          <span class="id soft" title={job.id}>
            <code>{shortId(job.id)}</code>
            <CopyButton text={job.id} what="the id" />
          </span>
        </span>
        <div class="push row-of">
          <Actions job={job} refresh={refresh} />
        </div>
      </div>
      <div class="row-of">
        <Tags job={job} refresh={refresh} />
        <Priority job={job} refresh={refresh} />
        {job.sweep && (
          <span class="soft">
            Of the sweep <a href={href(`/sweeps/${job.sweep}`)}>{shortId(job.sweep)}</a>
          </span>
        )}
        {job.served_from && (
          <span class="soft">
            Served from <a href={href(`/jobs/${job.served_from}`)}>{shortId(job.served_from)}</a>, which trained the
            same
          </span>
        )}
        {job.continued_from && (
          <span class="soft">
            Goes on from <a href={href(`/jobs/${job.continued_from}`)}>{shortId(job.continued_from)}</a>, with its
            epochs
          </span>
        )}
        {job.retry_of && (
          <span class="soft">
            Repeats <a href={href(`/jobs/${job.retry_of}`)}>{shortId(job.retry_of)}</a> (
            <a
              href={href(
                "/compare",
                new URLSearchParams([
                  ["job", job.retry_of],
                  ["job", job.id],
                ]),
              )}
            >
              compare
            </a>
            )
          </span>
        )}
      </div>
    </header>
  );
}
