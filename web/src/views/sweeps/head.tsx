// The head of a sweep: which it is, its state, and what one can do with it.

import { useSignal } from "@preact/signals";
import { go, href } from "../../address";
import { call } from "../../api/client";
import type { Sweep } from "../../api/schema";
import { shortId } from "../../format";
import { CopyButton } from "../../parts/clipboard/copy";
import { attempt, notify } from "../../parts/messages/notices";
import { Confirm } from "../../parts/popups/confirm";
import { may, mayChange } from "../../state/session";
import { SweepStatus } from "./all_sweeps";

interface HeadProps {
  sweep: Sweep;
  refresh: () => Promise<void>;
}

/** Name, id, state and actions. */
export function Head({ sweep, refresh }: HeadProps) {
  return (
    <header class="page-head">
      <h1>{sweep.name ?? "Sweep"}</h1>
      <SweepStatus sweep={sweep} />
      <span class="soft" title={sweep.id}>
        <code>{shortId(sweep.id)}</code>
        <CopyButton text={sweep.id} what="the id" />
      </span>
      {sweep.owner && <span class="soft">{sweep.owner}</span>}
      <div class="push row-of">
        <a class="button" href={href("/", { filter: `sweep:${sweep.id}` })}>
          Its jobs
        </a>
        <a class="button" href={href("/leaderboard", { filter: `sweep:${sweep.id}` })}>
          Its leaderboard
        </a>
        {may("submit") && sweep.best && (
          <a class="button" href={href("/new", { sweep: sweep.id })}>
            Clone the best
          </a>
        )}
        {mayChange(sweep.owner) && <Actions sweep={sweep} refresh={refresh} />}
      </div>
    </header>
  );
}

function Actions({ sweep, refresh }: HeadProps) {
  const asking = useSignal<"cancel" | "delete" | null>(null);
  const { status } = sweep;
  const over = status === "finished" || status === "cancelled";
  const path = `/v1/sweeps/${sweep.id}`;

  async function ask(what: "pause" | "resume" | "cancel"): Promise<void> {
    await call<Sweep>("POST", `${path}/${what}`);
    await refresh();
  }
  async function remove(): Promise<void> {
    await call<undefined>("DELETE", path);
    notify("The sweep is deleted; its jobs stay.");
    go(href("/sweeps"));
  }
  const close = () => {
    asking.value = null;
  };
  return (
    <>
      {status === "running" && (
        <button type="button" onClick={() => void attempt(() => ask("pause"))}>
          Pause
        </button>
      )}
      {status === "paused" && (
        <button type="button" class="primary" onClick={() => void attempt(() => ask("resume"))}>
          Resume
        </button>
      )}
      <button type="button" class="danger" onClick={() => (asking.value = over ? "delete" : "cancel")}>
        {over ? "Delete" : "Cancel"}
      </button>
      {asking.value === "cancel" && (
        <Confirm title="Cancel this sweep?" does="Cancel it" run={() => ask("cancel")} onClose={close}>
          <p>It makes no more jobs, and those of its jobs that wait or run are cancelled. What has ended stays.</p>
        </Confirm>
      )}
      {asking.value === "delete" && (
        <Confirm title="Delete this sweep?" does="Delete" run={remove} onClose={close}>
          <p>Its points and this page go. Its jobs stay, with their curves and weights.</p>
        </Confirm>
      )}
    </>
  );
}
