// The curves of the compared jobs: lines up to twenty jobs, beyond that bands of quantiles.

import { useMemo } from "preact/hooks";
import { go, href } from "../../../address";
import { figure } from "../../../format";
import { colourOf } from "../../../parts/chart/colours";
import { type Band, Bands } from "../../../parts/pictures/bands";
import { shareMark } from "../../../parts/pictures/values";
import { change } from "../asked";
import { groupsOf } from "../fields/groups";
import type { Model } from "../model";
import { METRICS } from "../runs/runs";
import { Choice, FieldChoice } from "./choice";
import { bandsOfGroups, type Drawn, linesOf } from "./curve_lines";

const MOST_LINES = 20;
const BY = [
  { id: "epoch", name: "epoch" },
  { id: "time", name: "time" },
];
const DRAWN = [
  { id: "lines", name: "a line each" },
  { id: "bands", name: "bands" },
];

/** The section of the curves. */
export function Curves({ model }: { model: Model }) {
  const asked = model.asked.value;
  const runs = model.kept.value;
  const metric = METRICS.find(({ id }) => id === model.wanted.value[0]);
  const drawn = asked.drawn ?? (runs.length > MOST_LINES ? "bands" : "lines");
  const field = model.field(asked.group);
  const how: Drawn = { metric: metric?.id ?? "val_accuracy", by: asked.by, smooth: asked.smooth };
  const keys = [runs, how.metric, how.by, how.smooth];
  const lines = useMemo(() => linesOf(runs, how), keys);
  const bands = useMemo(
    () => (drawn === "bands" ? bandsOfGroups(groupsOf(runs, field), how) : null),
    [...keys, drawn, field],
  );
  return (
    <section class="panel" aria-labelledby="curves-title">
      <h2 id="curves-title">Curves</h2>
      <Controls model={model} drawn={drawn} metric={how.metric} />
      {lines.some((line) => line.x.length) ? (
        <Bands
          title={metric?.name ?? ""}
          runs={lines}
          bands={bands}
          mark={how.metric.endsWith("accuracy") ? shareMark : figure}
          x={asked.by === "time" ? "seconds" : "epoch"}
          log={asked.log}
          active={model.active.value}
          onPoint={(id) => {
            model.active.value = id;
          }}
          onOpen={(id) => go(href(`/jobs/${id}`))}
        />
      ) : (
        <p class="soft">
          {runs.every((run) => model.wanted.value.every((one) => run.figures[one]))
            ? "No job that is shown has finished an epoch yet."
            : "Reading the curves…"}
        </p>
      )}
      {bands && <Legend bands={bands} />}
    </section>
  );
}

function Controls({ model, drawn, metric }: { model: Model; drawn: string; metric: string }) {
  const { by, log, smooth, group } = model.asked.value;
  return (
    <div class="row-of controls">
      <Choice label="Show" value={metric} options={METRICS} onChoose={(id) => change({ metric: id })} />
      <Choice label="by" value={by} options={BY} onChoose={(id) => change({ by: id === "time" ? id : null })} />
      <Choice label="as" value={drawn} options={DRAWN} onChoose={(id) => change({ drawn: id })} />
      {drawn === "bands" && (
        <FieldChoice
          label="of"
          value={group ?? ""}
          none="all jobs as one"
          fields={model.fields.value}
          onChoose={(id) => change({ group: id })}
        />
      )}
      <label class="choice">
        <input
          type="checkbox"
          checked={log}
          onChange={(event) => change({ log: event.currentTarget.checked ? "1" : null })}
        />
        log scale
      </label>
      <label class="choice">
        smooth
        <input
          type="range"
          min="0"
          max="0.98"
          step="0.02"
          value={smooth}
          aria-valuetext={smooth ? String(smooth) : "off"}
          onInput={(event) => change({ smooth: Number(event.currentTarget.value) ? event.currentTarget.value : null })}
        />
      </label>
    </div>
  );
}

function Legend({ bands }: { bands: readonly Band[] }) {
  return (
    <ul class="legend">
      {bands.map((band) => (
        <li key={band.name}>
          <span class="swatch" style={{ background: colourOf(band.colour) }} /> {band.name}{" "}
          <span class="soft">
            {band.runs} {band.runs === 1 ? "job" : "jobs"}
          </span>
        </li>
      ))}
      <li class="soft">
        Line: median, dotted where fewer than half of the jobs are left. Bands: 50 % and 90 % of the jobs.
      </li>
    </ul>
  );
}
