// The validation images that a job's network got most wrong.

import { useRef, useState } from "preact/hooks";
import { ask, BASE, place } from "../../../address";
import { Problem, ask as request } from "../../../api/client";
import type { Job, Mistake, MistakePage } from "../../../api/schema";
import { percent } from "../../../format";
import { Empty } from "../../../parts/messages/empty";
import { ProblemNote } from "../../../parts/messages/problem";
import { useLive } from "../../../state/live";
import { datasetOf } from "../job";

const FIRST = 24;
const MOST = 100;

/** The images, worst first, each with its class and what the network took it for. */
export function Mistakes({ job }: { job: Job }) {
  const last = place.value.query.get("weights") === "last";
  const [all, showAll] = useState(false);
  const [missing, miss] = useState<Problem | null>(null);
  const asked = useRef(false); // one image says why for all of them
  async function explain(address: string): Promise<void> {
    if (asked.current) return;
    asked.current = true;
    miss(await why(address));
  }
  const limit = all ? MOST : FIRST;
  const known = useLive<MistakePage>(
    `/v1/jobs/${job.id}/mistakes?limit=${limit}&weights=${last ? "last" : "best"}`,
    {},
  );
  const items = known.value.value?.items;
  if (!items) return <ProblemNote problem={known.problem.value} />;
  if (!items.length) return <Empty title="It got none wrong" />;
  return (
    <>
      <div class="toolbar">
        <div class="group" role="group" aria-label="Weights">
          {(["best", "last"] as const).map((name) => (
            <button
              key={name}
              type="button"
              class="small"
              aria-pressed={(name === "last") === last}
              onClick={() => ask({ weights: name }, { replace: true })}
            >
              {name === "best" ? "Best epoch" : "Last epoch"}
            </button>
          ))}
        </div>
        <span class="soft">The wrong ones of the validation images, by how sure the network was of its answer.</span>
      </div>
      {missing && (
        <p class="warning" role="status">
          The images cannot be shown: {missing.message}
        </p>
      )}
      <ul class="mistakes">
        {items.map((one) => (
          <One
            key={`${one.split} ${one.index}`}
            job={job}
            mistake={one}
            onMissing={(address) => void explain(address)}
          />
        ))}
      </ul>
      {!all && items.length === FIRST && (
        <button type="button" onClick={() => showAll(true)}>
          Show up to {MOST}
        </button>
      )}
    </>
  );
}

/** Why an image is not there: the browser does not say it of an image. */
async function why(address: string): Promise<Problem | null> {
  try {
    await request("GET", address);
    return null;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function One({ job, mistake, onMissing }: { job: Job; mistake: Mistake; onMissing: (address: string) => void }) {
  const { split, index, true: own, predicted, probabilities, file } = mistake;
  const address = `/v1/datasets/${encodeURIComponent(datasetOf(job))}/images/${split}/${index}`;
  const where = file ?? `image ${index} of ${split}`;
  return (
    <li>
      <img
        src={`${BASE}${address}`}
        loading="lazy"
        alt={`${own} taken for ${predicted}, ${where}`}
        title={where}
        onError={() => onMissing(address)}
      />
      <dl>
        <dt>true</dt>
        <dd>
          <b>{own}</b> {percent(probabilities[own])}
        </dd>
        <dt>taken for</dt>
        <dd>
          <b class="wrong">{predicted}</b> {percent(probabilities[predicted])}
        </dd>
      </dl>
    </li>
  );
}
