// A job's figures at a glance: how far it is, what it reached, when it should start.

import type { ComponentChildren } from "preact";
import { href } from "../../../address";
import type { Job } from "../../../api/schema";
import { ago, duration, figure, percent } from "../../../format";
import { Left } from "../../../parts/left";
import { now as present } from "../../../state/clock";
import { datasetOf, elapsed, isImported, textOf } from "../job";

const SHOWN_ID = 12; // characters of a run's id elsewhere

type Fact = [name: string, value: ComponentChildren, title?: string];

/** The figures of a job, those that matter most first and large. */
export function Facts({ job }: { job: Job }) {
  const now = present.value;
  return (
    <section class="panel facts" aria-label="Figures">
      {job.kind === "train" && <Progress job={job} />}
      <List facts={main(job, now)} large />
      <List facts={further(job, now)} />
    </section>
  );
}

function List({ facts, large = false }: { facts: readonly Fact[]; large?: boolean }) {
  return (
    <dl class={large ? "figures large" : "figures"}>
      {facts.map(([name, value, title]) => (
        <div key={name} title={title}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Progress({ job }: { job: Job }) {
  const { epoch, epochs } = job.progress;
  return (
    <progress class={job.status} value={epoch} max={Math.max(1, epochs)} aria-label={`Epoch ${epoch} of ${epochs}`} />
  );
}

function main(job: Job, now: number): Fact[] {
  const { result, progress, status } = job;
  const facts: Fact[] = [];
  if (job.kind === "train") facts.push(["Epoch", `${progress.epoch} of ${progress.epochs}`]);
  if (status === "running") facts.push(["Time left", <Left progress={progress} />]);
  if (status === "queued") facts.push(...waiting(job, now));
  else if (status !== "paused") facts.push(["Ran for", duration(elapsed(job, now))]);
  if (result && job.kind !== "evaluate") {
    if (result.best_epoch !== null)
      facts.push(["Best validation accuracy", percent(result.best_val_accuracy)], ["Best epoch", result.best_epoch]);
    if (result.val_accuracy !== null) facts.push(["Latest validation accuracy", percent(result.val_accuracy)]);
    if (result.val_loss !== null) facts.push(["Validation loss", figure(result.val_loss)]);
    if (result.train_loss !== null) facts.push(["Training loss", figure(result.train_loss)]);
  }
  return facts;
}

function waiting(job: Job, now: number): Fact[] {
  const estimate = job.estimate;
  if (!estimate) return [];
  const starts = estimate.starts_at ? (Date.parse(estimate.starts_at) - now) / 1000 : null;
  const known = estimate.devices.filter((one) => one.seconds !== null);
  return [
    ["Before it in the queue", estimate.ahead === 1 ? "1 job" : `${estimate.ahead} jobs`],
    ["Should start", starts === null ? "not known" : starts <= 1 ? "now" : `in ${duration(starts)}`],
    ["Should take", known.map((one) => `${duration(one.seconds)} on ${one.device_kind}`).join(", ") || "not known"],
  ];
}

/** Where an imported run is from. */
function origin(job: Job): Fact[] {
  const facts: Fact[] = [["Imported from", textOf(job, "run.source")]];
  const run = textOf(job, "run.id");
  const experiment = textOf(job, "run.experiment");
  const user = textOf(job, "run.user");
  if (experiment) facts.push(["Experiment", experiment]);
  if (run) facts.push(["Run", <code>{run.slice(0, SHOWN_ID)}</code>, run]);
  if (user) facts.push(["By", user]);
  return facts;
}

function further(job: Job, now: number): Fact[] {
  const facts: Fact[] = isImported(job)
    ? origin(job)
    : [
        ["Data", <a href={href(`/datasets/${datasetOf(job)}`)}>{datasetOf(job)}</a>],
        ["Parameters", job.cost.parameters.toLocaleString("en")],
      ];
  if (job.preset) facts.push(["Preset", job.preset]);
  const of = textOf(job, "job");
  if (of) facts.push(["Network of", <a href={href(`/jobs/${of}`)}>{of.slice(-8)}</a>]);
  if (job.device) facts.push(["Device", job.device]);
  if (job.engine) facts.push(["Engine", job.engine]);
  if (job.attempts > 1) facts.push(["Attempts", job.attempts]);
  if (job.owner) facts.push(["Owner", job.owner]);
  facts.push([
    isImported(job) ? "Imported" : "Submitted",
    `${ago(job.created_at, now)} ago`,
    new Date(job.created_at).toLocaleString(),
  ]);
  if (job.finished_at)
    facts.push(["Ended", `${ago(job.finished_at, now)} ago`, new Date(job.finished_at).toLocaleString()]);
  if (job.status === "succeeded" && job.kind === "train")
    facts.push([
      "Repeats exactly",
      job.exact ? "yes" : "not promised",
      "Whether another run on the same kind of device, engine, threads, torch and data gives the same bits",
    ]);
  return facts;
}
