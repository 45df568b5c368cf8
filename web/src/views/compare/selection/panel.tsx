// The jobs that are compared: which are drawn, which colour each has, and what it reached.

import { useSignal } from "@preact/signals";
import { href } from "../../../address";
import { nameOf, shortId } from "../../../format";
import { Status } from "../../../parts/status";
import { hide, select } from "../asked";

import type { Model } from "../model";
import { Swatch } from "../pictures/swatch";
import type { Run } from "../runs/runs";
import { Add } from "./add";

/** The panel beside the pictures. */
export function Panel({ model }: { model: Model }) {
  const adding = useSignal(false);
  const all = model.all.value;
  const ids = all.map((run) => run.job.id);
  const shown = new Set(model.shown.value);
  const kept = new Set(model.kept.value);
  const hidden = all.filter((run) => !shown.has(run)).map((run) => run.job.id);

  function toggle(run: Run): void {
    const id = run.job.id;
    hide(hidden.includes(id) ? hidden.filter((other) => other !== id) : [...hidden, id], ids);
  }

  return (
    <aside class="panel jobs" aria-labelledby="jobs-title">
      <div class="row-of">
        <h2 id="jobs-title">Jobs</h2>
        <span class="soft" role="status">
          {kept.size === all.length ? `${all.length}` : `${kept.size} of ${all.length} shown`}
        </span>
        <span class="grow" />
        <button type="button" class="small" onClick={() => (adding.value = true)}>
          Add jobs
        </button>
      </div>
      {all.length > 1 && <Actions all={all} hidden={hidden} kept={kept} />}
      <ul>
        {all.map((run) => (
          <Row
            key={run.job.id}
            run={run}
            model={model}
            shown={shown.has(run)}
            kept={kept.has(run)}
            onToggle={() => toggle(run)}
            onRemove={() => select(ids.filter((id) => id !== run.job.id))}
          />
        ))}
      </ul>
      {adding.value && <Add chosen={ids} onClose={() => (adding.value = false)} />}
    </aside>
  );
}

interface ActionsProps {
  all: readonly Run[];
  hidden: readonly string[];
  kept: ReadonlySet<Run>;
}

function Actions({ all, hidden, kept }: ActionsProps) {
  const ids = all.map((run) => run.job.id);
  const others = all.filter((run) => !kept.has(run)).map((run) => run.job.id);
  return (
    <div class="row-of actions">
      {hidden.length > 0 ? (
        <button type="button" class="quiet small link" onClick={() => hide([], ids)}>
          Show all
        </button>
      ) : (
        <button type="button" class="quiet small link" onClick={() => hide(ids, ids)}>
          Hide all
        </button>
      )}
      {others.length > 0 && kept.size > 0 && (
        <button type="button" class="quiet small link" onClick={() => select([...kept].map((run) => run.job.id))}>
          Remove {others.length} not shown
        </button>
      )}
    </div>
  );
}

interface RowProps {
  run: Run;
  model: Model;
  shown: boolean;
  kept: boolean;
  onToggle: () => void;
  onRemove: () => void;
}

function Row({ run, model, shown, kept, onToggle, onRemove }: RowProps) {
  const { job } = run;
  const name = nameOf(job);
  const goal = model.goal.value;
  const classes = [kept ? "" : "outside", model.active.value === job.id ? "active" : ""].join(" ").trim();
  return (
    <li
      class={classes || undefined}
      onPointerEnter={() => {
        model.active.value = job.id;
      }}
      onPointerLeave={() => {
        model.active.value = null;
      }}
    >
      <input type="checkbox" checked={shown} aria-label={`Show ${name} ${shortId(job.id)}`} onChange={onToggle} />
      <Swatch number={run.colour} />
      <a href={href(`/jobs/${job.id}`)} title={`${name} ${job.id}`}>
        {name}
      </a>
      {job.status === "succeeded" ? null : <Status job={job} />}
      <span class="right">{goal.text(goal.of(run))}</span>
      <button
        type="button"
        class="quiet square small"
        aria-label={`Remove ${name} ${shortId(job.id)}`}
        onClick={onRemove}
      >
        ✕
      </button>
    </li>
  );
}
