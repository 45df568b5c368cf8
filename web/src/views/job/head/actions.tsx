// What one can do with a job: cancel, retry, replay, clone, compare, evaluate, delete.

import { useRef, useState } from "preact/hooks";
import { go, href } from "../../../address";
import { call } from "../../../api/client";
import type { Job } from "../../../api/schema";
import { nameOf, shortId } from "../../../format";
import { Icon } from "../../../parts/icon";
import { attempt, notify } from "../../../parts/messages/notices";
import { Confirm } from "../../../parts/popups/confirm";
import { Menu, type MenuItem } from "../../../parts/popups/menu";
import { may, mayChange } from "../../../state/session";
import { isFinished, isImported } from "../job";
import { EvaluateDialog } from "../results/evaluate_dialog";

interface ActionProps {
  job: Job;
  refresh: () => Promise<void>;
}

/** The actions that this job's state and owner and the viewer's scope allow. */
export function Actions({ job, refresh }: ActionProps) {
  const [asking, ask] = useState<"delete" | "evaluate" | null>(null);
  const finished = isFinished(job);
  const trains = job.kind === "train";
  const items: MenuItem[] = [{ text: "Compare with others", href: href("/compare", { job: job.id }) }];
  if (may("submit")) {
    if (trains) {
      items.push({
        text: "Clone with a tenth of the learning rate",
        href: href("/new", { from: job.id, rate: "0.1" }),
      });
      items.push({ text: "Clone with ten times the learning rate", href: href("/new", { from: job.id, rate: "10" }) });
    }
    if (trains && job.status === "succeeded")
      items.push({ text: "Evaluate on other data…", run: () => ask("evaluate") });
    if (trains && job.status === "succeeded") items.push({ text: "Replay", run: () => void attempt(replay) });
  }
  if (finished && mayChange(job.owner))
    items.push({ text: "Delete…", danger: true, apart: true, run: () => ask("delete") });

  async function replay(): Promise<void> {
    const again = await call<Job>("POST", `/v1/jobs/${job.id}/replay`);
    notify("It is trained once more; the verdict comes when that has ended.");
    go(href(`/jobs/${again.id}`));
  }
  return (
    <>
      {!finished && mayChange(job.owner) && <Cancel job={job} refresh={refresh} />}
      {may("submit") && (
        <>
          {finished && !isImported(job) && <Retry job={job} />}
          {trains && (
            <a class="button" href={href("/new", { from: job.id })}>
              Clone
            </a>
          )}
        </>
      )}
      <Menu button={<Icon name="more" />} label="More" class="square" items={items} />
      {asking === "delete" && <DeleteDialog job={job} onClose={() => ask(null)} />}
      {asking === "evaluate" && <EvaluateDialog job={job} onClose={() => ask(null)} />}
    </>
  );
}

function Cancel({ job, refresh }: ActionProps) {
  async function cancel(): Promise<void> {
    await attempt(() => call<Job>("POST", `/v1/jobs/${job.id}/cancel`));
    await refresh();
  }
  return (
    <button type="button" class="danger" disabled={job.cancel_requested} onClick={() => void cancel()}>
      {job.cancel_requested ? "Stopping…" : "Cancel"}
    </button>
  );
}

function Retry({ job }: { job: Job }) {
  const busy = useRef(false); // a second click of a double one would submit it twice
  async function retry(): Promise<void> {
    if (busy.current) return;
    busy.current = true;
    await attempt(async () => {
      const again = await call<Job>("POST", `/v1/jobs/${job.id}/retry`);
      notify(`Submitted again as ${shortId(again.id)}.`);
      go(href(`/jobs/${again.id}`));
    });
    busy.current = false;
  }
  return (
    <button type="button" onClick={() => void retry()}>
      Retry
    </button>
  );
}

function DeleteDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  async function remove(): Promise<void> {
    await call<undefined>("DELETE", `/v1/jobs/${job.id}`);
    notify(`Deleted ${nameOf(job)}.`);
    go(href("/"));
  }
  return (
    <Confirm title="Delete this job?" does="Delete" run={remove} onClose={onClose}>
      <p>
        {nameOf(job)} ({shortId(job.id)}) with its epochs, its log and its weights. This cannot be undone.
      </p>
    </Confirm>
  );
}
