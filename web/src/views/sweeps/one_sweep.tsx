// One sweep: how far it is, the best so far, what of the space is good, and every point.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { go, href, place } from "../../address";
import type { Sweep, Trial } from "../../api/schema";
import { shortId } from "../../format";
import { Empty } from "../../parts/messages/empty";
import { notify } from "../../parts/messages/notices";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";
import { useTitle } from "../../state/title";
import { Head } from "./head";
import { BestSoFar } from "./pictures/best_so_far";
import { Importance } from "./pictures/importance_bars";
import { Parallel } from "./pictures/parallel";
import { Scatters } from "./pictures/scatters";
import { Points } from "./points";
import { objectiveOf, variedOf } from "./space";
import { Standing } from "./standing";
import { useTrials } from "./trials";

const WHOLE_ID = 36;

/** The view of the sweep with this id, or this end of an id. */
export function OneSweep({ id }: { id: string }) {
  const known = useLive<Sweep>(`/v1/sweeps/${encodeURIComponent(id)}`, {
    sweep: id.length === WHOLE_ID ? id : "any",
  });
  const sweep = known.value.value;
  const problem = known.problem.value;
  useTitle(sweep ? (sweep.name ?? `Sweep ${shortId(sweep.id)}`) : "Sweep");
  useEffect(() => {
    const query = place.value.query;
    if (sweep && sweep.id !== id) go(href(`/sweeps/${sweep.id}`, query), { replace: true });
  }, [sweep?.id]);
  if (!sweep && problem?.status === 404)
    return (
      <Empty alone title="There is no such sweep">
        <p>{problem.message}</p>
        <a class="button" href={href("/sweeps")}>
          All sweeps
        </a>
      </Empty>
    );
  return (
    <article class="stack sweep">
      {sweep && problem?.status === 404 ? (
        <p class="problem" role="alert">
          This sweep was deleted; its jobs stay. What you see is what was known of it.
        </p>
      ) : (
        <ProblemNote problem={problem} />
      )}
      {sweep && <Found sweep={sweep} refresh={known.refresh} />}
    </article>
  );
}

function nothingText({ finished_at: end }: Sweep): string {
  return end === null ? "No point has a value yet; pictures come with the first." : "No point has a value.";
}

function Found({ sweep, refresh }: { sweep: Sweep; refresh: () => Promise<void> }) {
  const store = useTrials(sweep.id);
  const active = useSignal<string | null>(null);
  const trials = store.trials.value ?? [];
  const valued = trials.filter(({ value }) => value !== null);
  const [varied, objective] = [variedOf(sweep), objectiveOf(sweep)];
  const shared = { trials: valued, varied, objective, active, open };
  return (
    <>
      <Head sweep={sweep} refresh={refresh} />
      <Standing sweep={sweep} varied={varied} objective={objective} />
      {store.problem.value?.status !== 404 && <ProblemNote problem={store.problem.value} />}
      {valued.length > 0 ? (
        <>
          <div class="halves">
            <BestSoFar {...shared} start={sweep.created_at} />
            <Importance {...shared} />
          </div>
          <Parallel {...shared} />
          <Scatters {...shared} />
        </>
      ) : (
        <p class="panel soft">{store.trials.value === null ? "Reading the points…" : nothingText(sweep)}</p>
      )}
      <Points trials={trials} varied={varied} objective={objective} />
    </>
  );

  function open(point: string): void {
    const trial = trials.find((one: Trial) => String(one.point) === point);
    const job = trial?.jobs.find((one) => !trial.deleted.includes(one));
    if (job) go(href(`/jobs/${job}`));
    else notify("The job of this point was deleted.");
  }
}
