// How far a sweep is, what it was asked for, and its best point.

import type { ComponentChildren } from "preact";
import type { Sweep } from "../../api/schema";
import { plain, valueText } from "../../parts/pictures/values";
import { JobLinks } from "./job_links";
import { type Objective, stopsText, type Varied } from "./space";

interface StandingProps {
  sweep: Sweep;
  varied: readonly Varied[];
  objective: Objective;
}

/** The panel below the head. */
export function Standing({ sweep, varied, objective }: StandingProps) {
  const { points, points_tried: tried, counts, best } = sweep;
  return (
    <section class="panel standing" aria-label="How far it is">
      <progress value={tried} max={points} aria-label="Points that were tried" />
      <dl class="figures large">
        <Figure name="Points tried">
          {tried.toLocaleString("en")} of {points.toLocaleString("en")}
        </Figure>
        <Figure name={`Best ${objective.label}`}>{objective.text(best?.value)}</Figure>
        <Figure name="Epochs trained">{sweep.epochs_trained.toLocaleString("en")}</Figure>
        <Figure name="Epochs saved">{sweep.epochs_saved.toLocaleString("en")}</Figure>
      </dl>
      <dl class="figures">
        <Figure name="Jobs">{jobsText(counts)}</Figure>
        <Figure name="Points are chosen">
          {CHOSEN[String(sweep.algorithm["kind"])] ?? String(sweep.algorithm["kind"])}
        </Figure>
        <Figure name="At once">at most {sweep.max_parallel} jobs</Figure>
        {sweep.repeats > 1 && <Figure name="Seeds of each point">{sweep.repeats}</Figure>}
        <Figure name="Stops early">{stopsText(sweep)}</Figure>
      </dl>
      {sweep.error && (
        <p class="problem">
          {sweep.points_failed.toLocaleString("en")} of the points failed. The first error: {sweep.error}
        </p>
      )}
      {sweep.warnings.map((warning) => (
        <p key={warning} class="warning">
          {warning}
        </p>
      ))}
      {best && (
        <dl class="figures best" aria-label="The best point">
          {varied.map(({ id, label }) => (
            <Figure key={id} name={label}>
              {valueText(plain(best.params[id]))}
            </Figure>
          ))}
          <Figure name={best.jobs.length > 1 ? "Its jobs" : "Its job"}>
            <JobLinks of={best} />
          </Figure>
        </dl>
      )}
    </section>
  );
}

const CHOSEN: Readonly<Record<string, string>> = {
  grid: "all of a grid",
  random: "at random",
  tpe: "by what was good so far (TPE)",
};

function jobsText(counts: Sweep["counts"]): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([status, count]) => `${count.toLocaleString("en")} ${status}`).join(", ") || "none yet";
}

function Figure({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
