// A job's curves over its epochs: one read-out and one zoom for all of them.

import { useSignalEffect } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { ask, place } from "../../address";
import type { Job } from "../../api/schema";
import { duration, figure, percent } from "../../format";
import { Chart, chartGroup, type Group, type Mark } from "../../parts/chart/chart";
import { positionOf, type Span } from "../../parts/chart/zoom";
import { useKeys } from "../../parts/popups/keys";
import type { Course } from "../../state/course";
import { type EpochColumns, resumptions } from "../../state/epochs";
import { isFinished } from "./job";

/** The charts, and above them how they are drawn; scale, smoothing and zoom are in the address. */
export function Curves({ job, course }: { job: Job; course: Course }) {
  const group = useMemo(() => {
    const made = chartGroup();
    made.span.value = spanFrom(place.peek().query.get("epochs"));
    return made;
  }, []);
  useSignalEffect(() => {
    const span = group.span.value;
    const text = span ? `${span[0].toFixed(1)}-${span[1].toFixed(1)}` : null;
    if (place.peek().query.get("epochs") !== text) ask({ epochs: text }, { replace: true });
  });
  const epochs = course.epochs.value;
  if (!epochs.epoch.length) return <NoEpochs job={job} />;
  const query = place.value.query;
  return (
    <section class="panel curves" aria-label="Curves">
      <Controls course={course} group={group} />
      <Charts
        job={job}
        epochs={epochs}
        group={group}
        log={query.get("scale") === "log"}
        smoothing={smoothingFrom(query.get("smoothing"))}
      />
    </section>
  );
}

function spanFrom(text: string | null): Span | null {
  const found = /^([\d.]+)-([\d.]+)$/.exec(text ?? "");
  const [from, to] = [Number(found?.[1]), Number(found?.[2])];
  return from < to ? [from, to] : null;
}

function smoothingFrom(text: string | null): number {
  const weight = Number(text ?? 0);
  return weight > 0 && weight < 1 ? weight : 0;
}

function NoEpochs({ job }: { job: Job }) {
  const words = isFinished(job)
    ? "It ended before its first epoch did, so there are no curves."
    : job.status === "queued"
      ? "Curves appear once its first epoch has ended; it has not started yet."
      : "Curves appear once its first epoch has ended.";
  return <p class="panel soft">{words}</p>;
}

function Controls({ course, group }: { course: Course; group: Group }) {
  const query = place.value.query;
  const smoothing = smoothingFrom(query.get("smoothing"));
  const log = query.get("scale") === "log";
  const following = course.following.value;
  const scale = () => ask({ scale: log ? null : "log" }, { replace: true });
  const showAll = () => (group.span.value = null);
  useKeys(
    {
      l: { does: "Logarithmic or linear scale", run: scale },
      z: { does: "Show all epochs", run: showAll },
    },
    "Curves",
  );
  return (
    <div class="toolbar">
      <ReadOut epochs={course.epochs.value} group={group} />
      <span class="following" role="status">
        {following === "live" && <span class="live">● Live</span>}
        {following === "trying" && "Reconnecting; what you see may be older…"}
      </span>
      <span class="push row-of">
        <button type="button" class="small" aria-pressed={log} onClick={scale}>
          Log scale
        </button>
        <label class="row-of">
          Smoothing
          <input
            type="range"
            min="0"
            max="0.98"
            step="0.02"
            value={smoothing}
            aria-valuetext={smoothing ? smoothing.toFixed(2) : "none"}
            onInput={(event) =>
              ask(
                { smoothing: Number(event.currentTarget.value) ? event.currentTarget.value : null },
                { replace: true },
              )
            }
          />
          <span class="weight">{smoothing.toFixed(2)}</span>
        </label>
        <button type="button" class="small" disabled={group.span.value === null} onClick={showAll}>
          Reset zoom
        </button>
      </span>
    </div>
  );
}

/** Which epoch the charts read out, and how long it took. */
function ReadOut({ epochs, group }: { epochs: EpochColumns; group: Group }) {
  const at = group.at.value;
  const position = at === null ? epochs.epoch.length - 1 : positionOf(epochs.epoch, at);
  return (
    <span class="at" title="Point at a chart, or focus it and use the arrow keys. Drag, or + and −, to zoom; 0 resets.">
      Epoch <b>{epochs.epoch[position]}</b>
      <span class="soft">
        {at === null ? " (latest)" : ""} took {duration(epochs.seconds[position])}
      </span>
    </span>
  );
}

interface ChartsProps {
  job: Job;
  epochs: EpochColumns;
  group: Group;
  log: boolean;
  smoothing: number;
}

function Charts({ job, epochs, group, log, smoothing }: ChartsProps) {
  const best = job.result?.best_epoch;
  const marks = useMemo<readonly Mark[]>(
    () => [
      ...(best ? [{ epoch: best, label: `best: ${best}`, kind: "best" } as const] : []),
      ...resumptions(epochs).map(
        ({ epoch, attempt }) => ({ epoch, label: `attempt ${attempt}`, kind: "resumed" }) as const,
      ),
    ],
    [best, epochs],
  );
  const lines = useMemo(
    () => ({
      loss: [
        { name: "training", values: epochs.train_loss, colour: 0 },
        { name: "validation", values: epochs.val_loss, colour: 1 },
      ],
      accuracy: [
        { name: "training", values: epochs.train_accuracy, colour: 0 },
        { name: "validation", values: epochs.val_accuracy, colour: 1 },
      ],
      rate: [{ name: "last step", values: epochs.lr, colour: 2 }],
      speed: [{ name: "training", values: epochs.samples_per_second, colour: 3 }],
    }),
    [epochs],
  );
  const common = { epochs: epochs.epoch, group, marks };
  const unnamed = useMemo(() => marks.map((mark) => ({ ...mark, label: "" })), [marks]);
  const low = { ...common, marks: unnamed, height: 130 };
  return (
    <div class="charts">
      <Chart {...common} title="Loss" curves={lines.loss} log={log} smoothing={smoothing} />
      <Chart {...common} title="Accuracy" curves={lines.accuracy} smoothing={smoothing} format={percent} />
      <Chart {...low} title="Learning rate" curves={lines.rate} log={log} />
      <Chart {...low} title="Images per second" curves={lines.speed} smoothing={smoothing} format={whole} />
    </div>
  );
}

function whole(value: number | null): string {
  return value === null || !Number.isFinite(value) ? figure(value) : Math.round(value).toLocaleString("en");
}
