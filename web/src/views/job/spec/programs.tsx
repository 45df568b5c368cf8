// What the view shows, for programs: in Python with Flightline's client, and with curl.

import { BASE } from "../../../address";
import type { Job } from "../../../api/schema";
import { Code } from "../../../parts/clipboard/code";
import { isFinished, isImported } from "../job";

/** The code that reads this job. */
export function Programs({ job }: { job: Job }) {
  const url = location.origin + BASE;
  const python = [
    "from flightline import Client",
    "",
    `with Client(${JSON.stringify(url)}) as client:`,
    `    job = client.job(${JSON.stringify(job.id)})`,
    "    print(job.status, job.progress, job.result)",
    isImported(job)
      ? "    metrics = job.metrics()  # name, steps and figures of each"
      : "    epochs = job.epochs()  # columns: epoch, train_loss, val_loss, val_accuracy, …",
    ...(job.status === "succeeded" && !isImported(job)
      ? ["    evaluation = job.evaluation()  # confusion matrix, figures of each class"]
      : []),
    ...(isFinished(job) ? [] : ["    job.wait()"]),
  ].join("\n");
  const path = `${url}/v1/jobs/${job.id}`;
  const curl = [
    `curl -s ${path}`,
    ...(isImported(job)
      ? [`curl -s ${path}/metrics`]
      : [`curl -s ${path}/epochs`, `curl -s ${path}/epochs -H 'Accept: text/csv'`, ending(job, path)]),
  ].join("\n");
  return <Code python={python} curl={curl} />;
}

function ending(job: Job, path: string): string {
  return job.status === "succeeded" ? `curl -s ${path}/evaluation` : `curl -sN ${path}/events`;
}
