// The network that a job trains, layer by layer.

import type { Job, Outline } from "../../../api/schema";
import { Layers } from "../../../parts/layers/layers";
import { ProblemNote } from "../../../parts/messages/problem";
import { useLive } from "../../../state/live";

/** The layers with their shapes and parameters. */
export function Network({ job }: { job: Job }) {
  const known = useLive<Outline>(`/v1/jobs/${job.id}/outline`, {});
  const outline = known.value.value;
  if (!outline) return <ProblemNote problem={known.problem.value} />;
  if (!outline.layers)
    return (
      <p class="soft">The layers cannot be worked out: the job's data set is not here, or no longer what it was.</p>
    );
  return <Layers layers={outline.layers} />;
}
