// The jobs of a point of a sweep.

import { href } from "../../address";
import type { Trial } from "../../api/schema";
import { shortId } from "../../format";

/** Each job by the end of its id, and a way to it unless it was deleted. */
export function JobLinks({ of: { jobs, deleted } }: { of: Pick<Trial, "jobs" | "deleted"> }) {
  return (
    <span class="row-of">
      {jobs.map((id) =>
        deleted.includes(id) ? (
          <span key={id} class="soft" title={id}>
            {shortId(id)} (deleted)
          </span>
        ) : (
          <a key={id} href={href(`/jobs/${id}`)}>
            {shortId(id)}
          </a>
        ),
      )}
    </span>
  );
}
