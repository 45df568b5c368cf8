// Each hyperparameter against the objective, coloured by how many epochs a point was given.

import { useMemo } from "preact/hooks";
import { place } from "../../../address";
import type { Trial } from "../../../api/schema";
import { shade } from "../../../parts/chart/colours";
import { keep, readAllKept } from "../../../parts/pictures/parallel/kept";
import { scaleOf } from "../../../parts/pictures/scales";
import { Scatter } from "../../../parts/pictures/scatter";
import { valueText } from "../../../parts/pictures/values";
import type { PictureProps } from "../shared";
import { isInside, paramsText, VALUE, type Varied } from "../space";

/** A picture for each hyperparameter. */
export function Scatters(props: PictureProps) {
  const stops = new Set(props.trials.map(({ epoch }) => epoch)).size > 1;
  return (
    <section class="panel" aria-labelledby="scatters-title">
      <h2 id="scatters-title">One by one</h2>
      <div class="halves">
        {props.varied.map((field) => (
          <One key={field.id} {...props} field={field} />
        ))}
      </div>
      <p class="soft note">
        Drag a box to keep only the points in it, here and above.
        {stops && " The lighter a point, the more epochs it was given."}
      </p>
    </section>
  );
}

function One({ trials, varied, objective, active, open, field }: PictureProps & { field: Varied }) {
  const kept = place.value.query.get("keep");
  const points = useMemo(() => pointsOf(trials, varied, objective.text, field, kept), [trials, varied, field, kept]);
  const axes = useMemo(
    () => ({
      x: { scale: field.scale(trials), label: field.label },
      y: {
        scale: scaleOf(
          trials.map(({ value }) => value),
          objective.mark,
        ),
        label: objective.label,
      },
    }),
    [trials, field, objective],
  );
  return (
    <Scatter
      points={points}
      x={axes.x}
      y={axes.y}
      active={active.value}
      onPoint={(id) => {
        active.value = id;
      }}
      onOpen={open}
      onBrush={(across, up) => keep({ [field.id]: across, [VALUE]: up })}
    />
  );
}

function pointsOf(
  trials: readonly Trial[],
  varied: readonly Varied[],
  text: (value: number | null) => string,
  field: Varied,
  kept: string | null,
) {
  const limits = readAllKept(kept);
  const epochs = scaleOf(trials.map(({ epoch }) => epoch));
  return trials.map((trial) => ({
    id: String(trial.point),
    name: `point ${trial.point}`,
    colour: shade(epochs.at(trial.epoch)),
    x: field.of(trial),
    y: trial.value,
    facts: [text(trial.value), paramsText(trial.params, varied), `after ${valueText(trial.epoch)} epochs`],
    inside: isInside(trial, varied, limits),
  }));
}
