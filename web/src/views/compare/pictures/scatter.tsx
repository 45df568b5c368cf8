// One field of the jobs against another, coloured by a third.

import { useMemo, useState } from "preact/hooks";
import { go, href } from "../../../address";
import { nameOf } from "../../../format";
import { keep } from "../../../parts/pictures/parallel/kept";
import { Ramp } from "../../../parts/pictures/ramp";
import { scaleOf } from "../../../parts/pictures/scales";
import { Scatter as Picture, type Point } from "../../../parts/pictures/scatter";
import { change } from "../asked";
import type { Field } from "../fields/fields";
import type { Model } from "../model";
import type { Run } from "../runs/runs";
import { FieldChoice } from "./choice";
import { type Shades, shadesOf } from "./shades";

const MANY = 20; // jobs, beyond which their own colours say little

/** The section of the scatter plot. */
export function Scatter({ model }: { model: Model }) {
  const runs = model.shown.value;
  const kept = model.kept.value;
  const { bestOf } = model.asked.value;
  const { x, y, colour } = fieldsFor(model);
  const shades = useMemo(() => shadesOf(runs, colour), [runs, colour]);
  const points = useMemo(() => pointsOf(runs, kept, x, y, colour, shades), [runs, kept, x, y, colour, shades]);
  const axes = useMemo(
    () => ({
      x: {
        scale: scaleOf(
          runs.map((run) => x.of(run)),
          x.mark,
        ),
        label: x.label,
      },
      y: {
        scale: scaleOf(
          runs.map((run) => y.of(run)),
          y.mark,
        ),
        label: y.label,
      },
    }),
    [runs, x, y],
  );
  const without = points.filter((one) => axes.x.scale.at(one.x) === null || axes.y.scale.at(one.y) === null).length;
  const fields = model.fields.value;
  return (
    <section class="panel" aria-labelledby="scatter-title">
      <h2 id="scatter-title">One against another</h2>
      <div class="row-of controls">
        <FieldChoice label="Across" value={x.id} fields={fields} onChoose={(id) => change({ x: id })} />
        <FieldChoice label="up" value={y.id} fields={fields} onChoose={(id) => change({ y: id })} />
        <FieldChoice
          label="colour"
          value={colour?.id ?? ""}
          none="each job its own"
          fields={fields}
          onChoose={(id) => change({ colour: id ?? "own" })}
        />
      </div>
      <Picture
        points={points}
        x={axes.x}
        y={axes.y}
        active={model.active.value}
        onPoint={(id) => {
          model.active.value = id;
        }}
        onOpen={(id) => go(href(`/jobs/${id}`))}
        onBrush={(across, up) => keep({ [x.id]: across, [y.id]: up })}
      />
      <ShadeLegend field={colour} shades={shades} />
      <p class="soft note">
        {bestOf > runs.length && `The best ${model.all.value.length} of ${bestOf.toLocaleString("en")} jobs alone. `}
        Drag a box to keep only the jobs in it.
        {without > 0 && ` ${without} ${without === 1 ? "job has" : "jobs have"} no value here.`}
      </p>
      <AsTable points={points} x={x} y={y} />
    </section>
  );
}

/** The fields that are asked for, or those that say most: the most telling hyperparameter against the goal. */
function fieldsFor(model: Model): { x: Field; y: Field; colour: Field | null } {
  const { x, y, colour } = model.asked.value;
  const runs = model.shown.value;
  const varied = model.telling.value.filter((field) => !field.id.endsWith("seed"));
  const across = model.field(x) ?? varied[0] ?? model.field("duration") ?? model.goal.value;
  const second = varied.find((field) => field !== across) ?? null;
  const chosen = runs.length > MANY ? second : null;
  return { x: across, y: model.field(y) ?? model.goal.value, colour: colour ? model.field(colour) : chosen };
}

function pointsOf(
  runs: readonly Run[],
  kept: readonly Run[],
  x: Field,
  y: Field,
  colour: Field | null,
  shades: Shades,
): Point[] {
  const inside = new Set(kept);
  const told = [...new Set([x, y, ...(colour ? [colour] : [])])];
  return runs.map((run) => ({
    id: run.job.id,
    name: nameOf(run.job),
    colour: shades.colour(run),
    x: x.of(run),
    y: y.of(run),
    facts: told.map((field) => `${field.label} ${field.text(field.of(run))}`),
    inside: inside.has(run),
  }));
}

/** What the colours mean. */
export function ShadeLegend({ field, shades }: { field: Field | null; shades: Shades }) {
  if (!field) return null;
  return (
    <ul class="legend">
      <li>{field.label}:</li>
      {shades.ramp && (
        <li>
          {shades.ramp.low} <Ramp /> {shades.ramp.high}
        </li>
      )}
      {shades.categories.slice(0, 12).map(({ name, colour }) => (
        <li key={name}>
          <span class="swatch" style={{ background: colour }} /> {name}
        </li>
      ))}
    </ul>
  );
}

function AsTable({ points, x, y }: { points: readonly Point[]; x: Field; y: Field }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The same as a table</summary>
      {open && (
        <div class="scrolled">
          <table>
            <thead>
              <tr>
                <th scope="col">job</th>
                <th scope="col">{x.label}</th>
                <th scope="col">{y.label}</th>
              </tr>
            </thead>
            <tbody>
              {points
                .filter((point) => point.inside)
                .map((point) => (
                  <tr key={point.id}>
                    <th scope="row">
                      <a href={href(`/jobs/${point.id}`)}>{point.name}</a>
                    </th>
                    <td>{x.text(point.x)}</td>
                    <td>{y.text(point.y)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
