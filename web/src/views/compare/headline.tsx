// What the comparison comes to: the best job, and what of the jobs is kept.

import { href } from "../../address";
import { nameOf } from "../../format";
import { keptText } from "../../parts/pictures/parallel/brush";
import { keep } from "../../parts/pictures/parallel/kept";
import { change } from "./asked";
import { type Field, ranked } from "./fields/fields";
import type { Model } from "./model";
import { FieldChoice } from "./pictures/choice";

const MOST_VALUES = 4;

/** The best job by the goal, the goal to choose, and a chip for each field of which only some is kept. */
export function Headline({ model }: { model: Model }) {
  const goal = model.goal.value;
  const goals = model.fields.value.filter((field) => field.better);
  const [best] = ranked(model.kept.value, goal);
  const value = best && goal.of(best);
  const equal = model.kept.value.filter((run) => goal.of(run) === value).length - 1;
  return (
    <div class="headline">
      <FieldChoice label="Best by" value={goal.id} fields={goals} onChoose={(id) => change({ goal: id })} />
      {best && value !== null ? (
        <p>
          <a href={href(`/jobs/${best.job.id}`)}>{nameOf(best.job)}</a> <strong>{goal.text(goal.of(best))}</strong>{" "}
          <span class="soft">
            {equal > 0 && `(as ${equal} ${equal === 1 ? "other" : "others"}) `}
            {model.telling.value
              .slice(0, MOST_VALUES)
              .map((field) => `${field.label} ${field.text(field.of(best))}`)
              .join(", ")}
          </span>
        </p>
      ) : (
        <p class="soft">None of the jobs that are shown has one yet.</p>
      )}
      <Chips model={model} />
    </div>
  );
}

function Chips({ model }: { model: Model }) {
  const kept = [...model.asked.value.kept].flatMap(([id, one]) => {
    const field: Field | null = model.field(id);
    return field ? [{ field, one }] : [];
  });
  if (!kept.length) return null;
  return (
    <ul class="chips" aria-label="Only jobs with">
      {kept.map(({ field, one }) => {
        const text = "only" in one ? one.only.map((name) => field.text(name)).join(", ") : keptText(one);
        return (
          <li key={field.id} class="chip">
            {field.label} {text}
            <button
              type="button"
              class="quiet"
              aria-label={`All of ${field.label}`}
              onClick={() => keep({ [field.id]: null })}
            >
              ✕
            </button>
          </li>
        );
      })}
      <li>
        <button type="button" class="quiet small link" onClick={() => change({ keep: null })}>
          Keep all
        </button>
      </li>
    </ul>
  );
}
