// How a job's network does on its validation images: confusion matrix, and figures of each class.

import { ask, place } from "../../../address";
import type { Evaluation, Job } from "../../../api/schema";
import { figure, percent } from "../../../format";
import { ProblemNote } from "../../../parts/messages/problem";
import { useLive } from "../../../state/live";
import { fieldOf } from "../job";
import { Confusion } from "./confusion";

const WEIGHTS = [
  ["best", "Best epoch"],
  ["last", "Last epoch"],
  ["test", "Test split"],
] as const;

/** The evaluation of the weights that the address names (?weights=last). */
export function EvaluationTab({ job }: { job: Job }) {
  const heldOut = job.kind === "train" && Number(fieldOf(job, "dataset.holdout_fraction") ?? 0) > 0;
  const offered = job.kind === "train" ? WEIGHTS.filter(([id]) => id !== "test" || heldOut) : [];
  const asked = place.value.query.get("weights");
  const fixed = fieldOf(job, "weights") === "last" ? "last" : "best";
  const weights = job.kind === "train" ? (offered.find(([id]) => id === asked)?.[0] ?? "best") : fixed;
  const known = useLive<Evaluation>(`/v1/jobs/${job.id}/evaluation?weights=${weights}`, {});
  const evaluation = known.value.value;
  const counts = place.value.query.get("matrix") !== "percent";
  return (
    <>
      <div class="toolbar">
        {offered.length > 0 && (
          <div class="group" role="group" aria-label="Weights">
            {offered.map(([id, name]) => (
              <button
                key={id}
                type="button"
                class="small"
                aria-pressed={id === weights}
                onClick={() => ask({ weights: id }, { replace: true })}
              >
                {name}
              </button>
            ))}
          </div>
        )}
        <div class="group" role="group" aria-label="Matrix">
          <button
            type="button"
            class="small"
            aria-pressed={counts}
            onClick={() => ask({ matrix: null }, { replace: true })}
          >
            Images
          </button>
          <button
            type="button"
            class="small"
            aria-pressed={!counts}
            onClick={() => ask({ matrix: "percent" }, { replace: true })}
          >
            Per cent
          </button>
        </div>
        {evaluation && (
          <span>
            Epoch <b>{evaluation.epoch}</b> · accuracy <b>{percent(evaluation.accuracy)}</b> · loss{" "}
            <b>{figure(evaluation.loss)}</b>
          </span>
        )}
      </div>
      {!evaluation && <ProblemNote problem={known.problem.value} />}
      {evaluation && (
        <div class="halves">
          <Confusion evaluation={evaluation} counts={counts} />
          <PerClass evaluation={evaluation} />
        </div>
      )}
    </>
  );
}

function PerClass({ evaluation }: { evaluation: Evaluation }) {
  return (
    <div class="scroll-x">
      <table class="plain">
        <caption class="left">Each class</caption>
        <thead>
          <tr>
            <th scope="col">Class</th>
            <th scope="col" class="right" title="Of the images taken for this class, how many are of it">
              Precision
            </th>
            <th scope="col" class="right" title="Of the images of this class, how many were taken for it">
              Recall
            </th>
            <th scope="col" class="right">
              F1
            </th>
            <th scope="col" class="right">
              Images
            </th>
          </tr>
        </thead>
        <tbody>
          {evaluation.per_class.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th>
              <td class="right">{percent(one.precision)}</td>
              <td class="right">{percent(one.recall)}</td>
              <td class="right">{percent(one.f1)}</td>
              <td class="right">{one.support.toLocaleString("en")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
