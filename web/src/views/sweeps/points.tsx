// Every point of a sweep as a table: those that have come furthest first, of these the best.

import { useSignal } from "@preact/signals";
import type { Trial } from "../../api/schema";
import { Heads, right } from "../../parts/heads";
import { valueText } from "../../parts/pictures/values";
import { JobLinks } from "./job_links";
import { bestFirst } from "./order";
import type { Objective, Varied } from "./space";

const SHOWN = 50;
const MARKS: Readonly<Record<string, string>> = { stopped: "cancelled", undecided: "paused" };
const MEANINGS: Readonly<Record<string, string>> = {
  undecided: "Its jobs have stopped; its result waits for its turn, or for the sweep to go on.",
};

interface PointsProps {
  trials: readonly Trial[];
  varied: readonly Varied[];
  objective: Objective;
}

/** The table: fifty points, and more on request. */
export function Points({ trials, varied, objective }: PointsProps) {
  const shown = useSignal(SHOWN);
  const sorted = [...trials].sort((one, other) => bestFirst(one, other, objective.less) || one.point - other.point);
  return (
    <section class="panel" aria-labelledby="points-title">
      <h2 id="points-title">Points</h2>
      <div class="scroll-x">
        <table class="plain">
          <Heads
            of={[
              right("Point"),
              "Status",
              right(objective.label),
              right("Epoch"),
              ...varied.map(({ label }) => label),
              "Jobs",
            ]}
          />
          <tbody>
            {sorted.slice(0, shown.value).map((trial) => (
              <Row key={trial.point} trial={trial} varied={varied} objective={objective} />
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > shown.value && (
        <button
          type="button"
          onClick={() => {
            shown.value += 10 * SHOWN;
          }}
        >
          Show more of {sorted.length.toLocaleString("en")}
        </button>
      )}
    </section>
  );
}

function Row({ trial, varied, objective }: { trial: Trial; varied: readonly Varied[]; objective: Objective }) {
  return (
    <tr>
      <td class="right">{trial.point}</td>
      <td>
        <span class={`status ${MARKS[trial.status] ?? trial.status}`} title={MEANINGS[trial.status]}>
          {trial.status}
        </span>
        {trial.error && <div class="soft small">{trial.error}</div>}
      </td>
      <td class="right">
        {objective.text(trial.value)}
        {trial.std !== null && <span class="soft"> ± {objective.text(trial.std)}</span>}
      </td>
      <td class="right">{trial.epoch ?? "–"}</td>
      {varied.map((field) => (
        <td key={field.id}>{valueText(field.of(trial))}</td>
      ))}
      <td>
        <JobLinks of={trial} />
      </td>
    </tr>
  );
}
