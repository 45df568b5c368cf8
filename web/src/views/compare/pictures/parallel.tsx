// The hyperparameters that differ and a figure, each on an axis of its own, with a line for each job.

import { useMemo } from "preact/hooks";
import { go, href } from "../../../address";
import { nameOf } from "../../../format";
import { keep } from "../../../parts/pictures/parallel/kept";
import { type ParallelRun, Parallel as Picture } from "../../../parts/pictures/parallel/parallel";
import { scaleOf } from "../../../parts/pictures/scales";
import { change } from "../asked";
import type { Field } from "../fields/fields";
import type { Model } from "../model";
import { ShadeLegend } from "./scatter";
import { shadesOf } from "./shades";

const MOST_CHOSEN = 7; // hyperparameters, unless somebody chooses

/** The section of the parallel coordinates. */
export function Parallel({ model }: { model: Model }) {
  const runs = model.shown.value;
  const goal = model.goal.value;
  const kept = model.kept.value;
  const chosen = fieldsFor(model);
  const ids = chosen.map((field) => field.id).join();
  const scales = useMemo(
    () =>
      new Map(
        chosen.map((field) => [
          field.id,
          scaleOf(
            runs.map((run) => field.of(run)),
            field.mark,
          ),
        ]),
      ),
    [runs, ids],
  );
  const limits = model.asked.value.kept;
  const axes = useMemo(
    () =>
      chosen.flatMap((field) => {
        const scale = scales.get(field.id);
        return scale ? [{ id: field.id, label: field.label, scale, kept: limits.get(field.id) ?? null }] : [];
      }),
    [scales, limits, ids],
  );
  const shades = useMemo(() => shadesOf(runs, goal), [runs, goal]);
  const lines = useMemo<ParallelRun[]>(() => {
    const inside = new Set(kept);
    return runs.map((run) => ({
      id: run.job.id,
      name: nameOf(run.job),
      colour: shades.colour(run),
      values: chosen.map((field) => field.of(run)),
      inside: inside.has(run),
    }));
  }, [runs, kept, shades, ids]);
  return (
    <section class="panel" aria-labelledby="parallel-title">
      <h2 id="parallel-title">Hyperparameters and {goal.label}</h2>
      <AxesChoice model={model} chosen={chosen} />
      {axes.length > 1 ? (
        <div class="wide">
          <Picture
            axes={axes}
            runs={lines}
            active={model.active.value}
            onPoint={(id) => {
              model.active.value = id;
            }}
            onOpen={(id) => go(href(`/jobs/${id}`))}
            onKeep={(id, one) => keep({ [id]: one })}
            onOrder={(order) => change({ axes: order.join(",") })}
          />
        </div>
      ) : (
        <p class="soft">These jobs were asked for the same: they differ in no hyperparameter.</p>
      )}
      <ShadeLegend field={goal} shades={shades} />
      <p class="soft note" id="parallel-keys">
        Drag along an axis to keep a range; drag a name to move its axis. On a name, the keys ← → move the axis, ↑ ↓ its
        upper limit, with Shift its lower one, Escape takes the limits away.
      </p>
    </section>
  );
}

function fieldsFor(model: Model): Field[] {
  const { axes } = model.asked.value;
  if (axes) return axes.map((id) => model.field(id)).filter((field) => field !== null);
  const seeds = (field: Field) => Number(field.id.endsWith("seed")); // they matter least
  const telling = [...model.telling.value].sort((one, other) => seeds(one) - seeds(other)).slice(0, MOST_CHOSEN);
  const differing = model.differing.value.filter((field) => telling.includes(field));
  return [...differing.filter((field) => field !== model.goal.value), model.goal.value];
}

function AxesChoice({ model, chosen }: { model: Model; chosen: readonly Field[] }) {
  const ids = chosen.map((field) => field.id);
  return (
    <details class="axes-choice">
      <summary>
        Axes: {chosen.length} of {model.fields.value.length}
      </summary>
      <fieldset class="row-of">
        <legend class="sr">Axes</legend>
        {model.fields.value.map((field) => (
          <label key={field.id} class="choice" title={field.id}>
            <input
              type="checkbox"
              checked={ids.includes(field.id)}
              onChange={(event) => {
                const others = ids.filter((id) => id !== field.id);
                change({ axes: (event.currentTarget.checked ? [...ids, field.id] : others).join(",") || null });
              }}
            />
            {field.label}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
