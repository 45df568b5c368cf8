// The best value so far, over the time since the sweep was started.

import { useMemo } from "preact/hooks";
import { Bands } from "../../../parts/pictures/bands";
import { bestSoFar } from "../best_so_far";
import type { PictureProps } from "../shared";

/** The section of the best so far. */
export function BestSoFar({ trials, objective, start, open }: PictureProps & { start: string }) {
  const course = useMemo(() => bestSoFar(trials, start, objective.less), [trials, start, objective.less]);
  const lines = useMemo(
    () => [{ id: "best", name: "best so far", colour: 0, x: course.seconds, y: course.best }],
    [course],
  );
  const last = course.points.at(-1);
  const higher = trials.some(({ reached }) => reached.some(({ rung }) => rung > 0));
  return (
    <section class="panel" aria-labelledby="best-title">
      <h2 id="best-title">The best so far</h2>
      {course.best.length > 0 ? (
        <Bands
          title={objective.label}
          runs={lines}
          bands={null}
          mark={objective.mark}
          x="seconds"
          log={false}
          active={null}
          onPoint={() => undefined}
          onOpen={() => last !== undefined && open(String(last))}
        />
      ) : (
        <p class="soft">No point has a value yet.</p>
      )}
      {higher && (
        <p class="soft note">
          The best is one of those that have trained longest, so with the first to reach a rung it may fall back.
        </p>
      )}
    </section>
  );
}
