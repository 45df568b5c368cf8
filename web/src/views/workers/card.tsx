// One worker: its device, what it does, when it was last heard of, its versions and data.

import { href } from "../../address";
import type { Job, Worker } from "../../api/schema";
import { ago, nameOf, shortId } from "../../format";
import { Left } from "../../parts/left";
import { now } from "../../state/clock";

const LATE_SECONDS = 12; // a worker reports every few seconds, and after 15 without a word its job is given away

/** A worker, and the job that it trains if it trains one. */
export function WorkerCard({ worker, job }: { worker: Worker; job: Job | undefined }) {
  return (
    <article class="panel worker">
      <header>
        <h2 class="cut">{deviceOf(worker)}</h2>
        <State worker={worker} />
      </header>
      <Work worker={worker} job={job} />
      <dl class="facts">
        <dt>Last heartbeat</dt>
        <dd>
          <Heartbeat at={worker.last_heartbeat_at} />
        </dd>
        <dt>Host</dt>
        <dd class="cut" title={worker.id}>
          {worker.host} <span class="soft">process {worker.pid}</span>
        </dd>
        <dt>Versions</dt>
        <dd>{versionsOf(worker)}</dd>
        {worker.role === "train" && (
          <>
            <dt>Data</dt>
            <dd>
              <DataHeld worker={worker} />
            </dd>
          </>
        )}
      </dl>
    </article>
  );
}

/** What a worker runs on, such as "CPU · AVX512" or "cuda:0 · NVIDIA H100". */
function deviceOf(worker: Worker): string {
  const device = worker.device === "cpu" ? "CPU" : worker.device;
  const kind = worker.role === "predict" ? "Predictor" : device;
  return worker.device_name ? `${kind} · ${worker.device_name}` : kind;
}

function State({ worker }: { worker: Worker }) {
  const looks: Record<string, string> = { busy: "busy", stopping: "warn" };
  const signs: Record<string, string> = { busy: "▶ training", stopping: "■ stopping", idle: "idle" };
  const busy = worker.state === "busy" && worker.role === "predict";
  return (
    <span class={`chip push ${looks[worker.state] ?? ""}`}>
      {busy ? "▶ busy" : (signs[worker.state] ?? worker.state)}
    </span>
  );
}

function Work({ worker, job }: { worker: Worker; job: Job | undefined }) {
  if (worker.role === "predict") return <p class="work soft">Classifies images, reads data sets, writes ONNX files.</p>;
  if (worker.job_id === null) return <p class="work soft">Waits for a job.</p>;
  const name = job ? nameOf(job) : "a job";
  return (
    <div class="work">
      <div class="cut">
        <a href={href(`/jobs/${worker.job_id}`)}>{name}</a> <span class="soft">{shortId(worker.job_id)}</span>
        {job?.owner && <span class="soft"> · {job.owner}</span>}
      </div>
      {job && (
        <>
          <progress value={job.progress.epoch} max={job.progress.epochs} aria-label={`Epochs of ${name}`} />
          <div class="soft small number between">
            <span>
              epoch {job.progress.epoch} of {job.progress.epochs}
            </span>
            {job.progress.eta_seconds !== null && (
              <span>
                <Left progress={job.progress} /> left
              </span>
            )}
          </div>
        </>
      )}
    </div>
  );
}

function Heartbeat({ at }: { at: string }) {
  const late = now.value - Date.parse(at) > LATE_SECONDS * 1000;
  return (
    <span class={late ? "chip warn number" : "number"} title={at}>
      {late && "late: "}
      {ago(at, now.value)} ago
    </span>
  );
}

function versionsOf(worker: Worker): string {
  return Object.entries(worker.versions)
    .map(([name, version]) => `${name} ${String(version)}`)
    .join(", ");
}

function DataHeld({ worker }: { worker: Worker }) {
  const names = [...new Set(worker.datasets.map((report) => String(report["name"])))];
  if (names.length === 0) return <>none</>;
  return (
    <>
      {names.map((name, at) => (
        <span key={name}>
          {at > 0 && ", "}
          <a href={href(`/datasets/${encodeURIComponent(name)}`)}>{name}</a>
        </span>
      ))}
    </>
  );
}
