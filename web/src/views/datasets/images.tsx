// The images of a data set, a page at a time: as they are, or as a network sees them. The address says which.

import { useSignal } from "@preact/signals";
import { BASE, ask as change, href, place } from "../../address";
import { Problem, ask as request } from "../../api/client";
import type { DatasetInfo, WorkerPage } from "../../api/schema";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";
import { beginnings, SPLITS, type SplitName, sizeOf } from "./held";

const PAGE = 24;
const SECONDS = 10;

/** The pages of images, which a predictor reads; says so where there is none. */
export function Images({ info }: { info: DatasetInfo }) {
  const workers = useLive<WorkerPage>("/v1/workers", { seconds: SECONDS });
  const predictor = workers.value.value?.items.some(({ role, state }) => role === "predict" && state !== "gone");
  const split: SplitName = place.value.query.get("split") === "val" ? "val" : "train";
  const normalized = place.value.query.get("show") === "normalised" && info.mean !== null;
  const total = sizeOf(info, split);
  const first = Math.min(Math.max(0, Number(place.value.query.get("from")) || 0), Math.max(0, total - 1));
  if (info.held.length === 0) return null; // "Where it is" says what to do
  return (
    <section class="panel">
      <header>
        <h2>Images</h2>
        <Choices info={info} split={split} normalized={normalized} />
        <Pager first={first} total={total} />
      </header>
      <Jumps info={info} split={split} first={first} />
      {predictor && total > 0 && <Sheet {...{ name: info.name, split, normalized, first, total }} />}
      {predictor === false && <NoPredictor />}
      {total === 0 && <p class="soft">There are none in this split.</p>}
    </section>
  );
}

function NoPredictor() {
  return (
    <p class="warning">
      Images are read by a predictor, and none is there. <code>flightline up</code> starts one by itself; where workers
      are started one by one, <code>flightline predictor</code> does. See <a href={href("/workers")}>Workers</a>.
    </p>
  );
}

function Choices({ info, split, normalized }: { info: DatasetInfo; split: SplitName; normalized: boolean }) {
  return (
    <>
      <div class="group">
        {SPLITS.map(([name, text]) => (
          <button
            key={name}
            type="button"
            class="small"
            aria-pressed={split === name}
            onClick={() => change({ split: name === "train" ? null : name, from: null }, { replace: true })}
          >
            {text}
          </button>
        ))}
      </div>
      <button
        type="button"
        class="small"
        aria-pressed={normalized}
        disabled={info.mean === null}
        title={info.mean === null ? "The mean is known once a job has trained on all classes" : undefined}
        onClick={() => change({ show: normalized ? null : "normalised" }, { replace: true })}
      >
        Normalised
      </button>
    </>
  );
}

function Pager({ first, total }: { first: number; total: number }) {
  const last = Math.min(first + PAGE, total);
  const turn = (to: number) => change({ from: to > 0 ? String(to) : null }, { replace: true });
  return (
    <div class="row-of push">
      <span class="soft number" role="status">
        {total > 0 &&
          `${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${total.toLocaleString("en")}`}
      </span>
      <div class="group">
        <button type="button" class="small" disabled={first === 0} onClick={() => turn(first - PAGE)}>
          Back
        </button>
        <button type="button" class="small" disabled={last >= total} onClick={() => turn(first + PAGE)}>
          Next
        </button>
      </div>
    </div>
  );
}

function Jumps({ info, split, first }: { info: DatasetInfo; split: SplitName; first: number }) {
  const classes = beginnings(info, split);
  if (classes.length < 2) return null;
  const current = classes.findLast(([, begin]) => begin <= first)?.[0];
  return (
    <div class="row-of jumps" role="group" aria-label="Go to a class">
      {classes.map(([name, begin]) => (
        <button
          key={name}
          type="button"
          class="chip"
          aria-pressed={name === current}
          onClick={() => change({ from: String(begin) }, { replace: true })}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

interface SheetProps {
  name: string;
  split: SplitName;
  normalized: boolean;
  first: number;
  total: number;
}

function Sheet({ name, split, normalized, first, total }: SheetProps) {
  const problem = useSignal<Problem | null>(null);
  const indices = Array.from({ length: Math.min(PAGE, total - first) }, (_, at) => first + at);
  const path = `/v1/datasets/${encodeURIComponent(name)}/images/${split}`;
  const query = normalized ? "?normalized=true" : "";

  /** Find out why an image did not come. */
  async function explain(index: number): Promise<void> {
    if (problem.value) return;
    try {
      await request("GET", `${path}/${index}${query}`, { headers: { Accept: "image/png" } });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    }
  }
  return (
    <>
      <ProblemNote problem={problem.value} />
      <ul class="sheet">
        {indices.map((index) => (
          <li key={`${split}${index}${query}`}>
            <figure>
              <img
                src={`${BASE}${path}/${index}${query}`}
                alt={`${split} ${index}`}
                loading="lazy"
                width={96}
                height={96}
                onLoad={() => {
                  problem.value = null;
                }}
                onError={() => void explain(index)}
              />
              <figcaption class="soft small number">{index}</figcaption>
            </figure>
          </li>
        ))}
      </ul>
      {normalized && (
        <p class="soft small">Middle grey is the mean of a channel; white and black are three deviations from it.</p>
      )}
    </>
  );
}
