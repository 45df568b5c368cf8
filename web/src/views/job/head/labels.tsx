// What people call a job: its name, its tags, its priority; each changed in place.

import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../../../api/client";
import type { Job } from "../../../api/schema";
import { nameOf } from "../../../format";
import { Icon } from "../../../parts/icon";
import { attempt } from "../../../parts/messages/notices";
import { mayChange } from "../../../state/session";

interface LabelProps {
  job: Job;
  refresh: () => Promise<void>;
}

/** Change labels of a job. Returns whether it worked; what went wrong is said. */
async function change({ job, refresh }: LabelProps, changes: Record<string, unknown>): Promise<boolean> {
  const done = await attempt(() => call<Job>("PATCH", `/v1/jobs/${job.id}`, changes));
  if (done) await refresh();
  return done;
}

/** The name as the page's heading; a click on it changes it. */
export function Name(props: LabelProps) {
  const { job } = props;
  const [editing, edit] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  function close(): void {
    edit(false);
    requestAnimationFrame(() => button.current?.focus());
  }
  if (editing)
    return (
      <OneLine
        label="Name"
        value={job.name ?? ""}
        onClose={close}
        onSave={(name) => change(props, { name: name || null })}
      />
    );
  return (
    <h1 class="name">
      {nameOf(job)}
      {mayChange(job.owner) && (
        <button ref={button} type="button" class="quiet small" onClick={() => edit(true)}>
          Rename
        </button>
      )}
    </h1>
  );
}

interface OneLineProps {
  label: string;
  value: string;
  onSave: (text: string) => Promise<boolean>;
  onClose: () => void;
}

/** A field of one line: Enter saves, Escape leaves it as it was. */
function OneLine({ label, value, onSave, onClose }: OneLineProps) {
  const [text, setText] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  async function save(event: Event): Promise<void> {
    event.preventDefault();
    if (text.trim() === value || (await onSave(text.trim()))) onClose();
  }
  return (
    <form class="row-of one-line" onSubmit={(event) => void save(event)}>
      <input
        ref={field}
        aria-label={label}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && onClose()}
      />
      <button type="submit" class="small">
        Save
      </button>
      <button type="button" class="quiet small" onClick={onClose}>
        Cancel
      </button>
    </form>
  );
}

/** The tags, each with a button that takes it away, and one to add another. */
export function Tags(props: LabelProps) {
  const { job } = props;
  const [adding, add] = useState(false);
  const writable = mayChange(job.owner);
  const without = (tag: string) => job.tags.filter((one) => one !== tag);
  const put = (tags: string[]) => change(props, { tags: tags.length ? tags : null });
  return (
    <div class="row-of" role="group" aria-label="Tags">
      {job.tags.map((tag) => (
        <span key={tag} class="chip">
          {tag}
          {writable && (
            <button type="button" aria-label={`Remove the tag ${tag}`} onClick={() => void put(without(tag))}>
              <Icon name="close" />
            </button>
          )}
        </span>
      ))}
      {writable &&
        (adding ? (
          <OneLine label="Tag" value="" onClose={() => add(false)} onSave={(tag) => put([...without(tag), tag])} />
        ) : (
          <button type="button" class="quiet small" onClick={() => add(true)}>
            <Icon name="add" /> Tag
          </button>
        ))}
    </div>
  );
}

/** The priority of a queued job. */
export function Priority(props: LabelProps) {
  if (props.job.status !== "queued" || !mayChange(props.job.owner)) return null;
  return (
    <label class="row-of">
      Priority
      <select
        value={props.job.priority}
        onChange={(event) => void change(props, { priority: Number(event.currentTarget.value) })}
      >
        {Array.from({ length: 10 }, (_, index) => (
          <option key={index} value={index}>
            {index === 9 ? "9 (most urgent)" : index}
          </option>
        ))}
      </select>
    </label>
  );
}
