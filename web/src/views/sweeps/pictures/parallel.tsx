// The space against the objective: an axis for each hyperparameter, a line for each point.

import { useMemo } from "preact/hooks";
import { ask, place } from "../../../address";
import { shade } from "../../../parts/chart/colours";
import { keep, readAllKept } from "../../../parts/pictures/parallel/kept";
import { Parallel as Picture } from "../../../parts/pictures/parallel/parallel";
import { Ramp } from "../../../parts/pictures/ramp";
import { scaleOf, type Value } from "../../../parts/pictures/scales";
import type { PictureProps } from "../shared";
import { goodness, isInside, VALUE } from "../space";

/** The section of the parallel coordinates; what is kept and the axes' order are in the address. */
export function Parallel({ trials, varied, objective, active, open }: PictureProps) {
  const { query } = place.value;
  const [kept, order] = [query.get("keep"), query.get("axes")];
  const limits = useMemo(() => readAllKept(kept), [kept]);
  const fields = useMemo(() => {
    const value = {
      id: VALUE,
      label: objective.short,
      of: ({ value: one }: (typeof trials)[number]): Value => one,
      scale: (some: typeof trials) =>
        scaleOf(
          some.map((one) => one.value),
          objective.mark,
        ),
    };
    const wanted = order?.split(",") ?? [];
    const rank = (id: string) => (wanted.includes(id) ? wanted.indexOf(id) : wanted.length);
    return [...varied, value].sort((one, other) => rank(one.id) - rank(other.id));
  }, [varied, objective, order]);
  const axes = useMemo(
    () => fields.map(({ id, label, scale }) => ({ id, label, scale: scale(trials), kept: limits.get(id) ?? null })),
    [fields, trials, limits],
  );
  const runs = useMemo(() => {
    const scale = axes.find(({ id }) => id === VALUE)?.scale;
    return trials.map((trial) => ({
      id: String(trial.point),
      name: `point ${trial.point}`,
      colour: shade(goodness(scale?.at(trial.value) ?? null, objective)),
      values: fields.map((field) => field.of(trial)),
      inside: isInside(trial, varied, limits),
    }));
  }, [trials, fields, varied, objective, axes, limits]);
  return (
    <section class="panel" aria-labelledby="parallel-title">
      <h2 id="parallel-title">The space and {objective.label}</h2>
      <div class="scroll-x">
        <Picture
          axes={axes}
          runs={runs}
          active={active.value}
          onPoint={(id) => {
            active.value = id;
          }}
          onOpen={open}
          onKeep={(id, one) => keep({ [id]: one })}
          onOrder={(ids) => ask({ axes: ids.join(",") }, { replace: true })}
        />
      </div>
      <p class="soft note">
        Colour: worse <Ramp /> better
      </p>
      <p class="soft note" id="parallel-keys">
        Drag along an axis to keep a range; drag a name to move its axis. On a name, the keys ← → move the axis, ↑ ↓ its
        upper limit, with Shift its lower one, Escape takes the limits away. Values are those of the epoch at which a
        point has stopped.
      </p>
    </section>
  );
}
