// What can be done with the selected jobs: compare, tag, cancel, delete, clone; and what became of each.

import { useState } from "preact/hooks";
import { href } from "../../address";
import { nameOf, shortId } from "../../format";
import { attempt, notify } from "../../parts/messages/notices";
import { Dialog } from "../../parts/popups/dialog";
import type { Row } from "../../state/list/jobs";
import { may } from "../../state/session";

import { type Became, doToMany, jobs, readTags, tagMany } from "./many";

interface SelectionProps {
  ids: readonly string[];
  /** The row of an id, as far as it is at hand. */
  rowOf: (id: string) => Row | undefined;
  /** Let go of the jobs that something was done to. */
  onDone: () => void;
  asking: Asking | null;
  onAsk: (asking: Asking | null) => void;
}

/** What is asked before it is done. */
export type Asking = "tag" | "cancel" | "delete";

const MOST_COMPARED = 200;
const NAMED = 5;

/** The address that compares jobs, `of` so many; null where there are too few or too many. */
export function compareAddress(ids: readonly string[], of = ids.length): string | null {
  if (ids.length < 2 || ids.length > MOST_COMPARED) return null;
  const best = of > ids.length ? [["best_of", String(of)]] : [];
  return href("/compare", new URLSearchParams([...best, ...ids.map((id) => ["job", id])]));
}

/** Of too many jobs the best ones that can be compared; null where their accuracies are not at hand. */
export function bestOf(ids: readonly string[], rowOf: (id: string) => Row | undefined): readonly string[] | null {
  if (ids.length <= MOST_COMPARED) return null;
  const known = ids.map((id) => ({ id, accuracy: rowOf(id)?.result?.best_val_accuracy ?? -1 }));
  const best = known.sort((one, other) => other.accuracy - one.accuracy).slice(0, MOST_COMPARED);
  return (best.at(-1)?.accuracy ?? -1) < 0 ? null : best.map(({ id }) => id);
}

/** The bar of what can be done with the selected jobs; nothing where none is selected. */
export function SelectionBar({ ids, rowOf, onDone, asking, onAsk }: SelectionProps) {
  const [became, setBecame] = useState<{ what: string; became: Became } | null>(null);
  async function act(what: string, work: () => Promise<Became>): Promise<void> {
    onAsk(null);
    await attempt(async () => {
      const result = await work();
      notify(`${jobs(result.done)} ${what}.`);
      if (result.refused.length) setBecame({ what, became: result });
      onDone();
    });
  }
  const rows = () => ids.flatMap((id) => rowOf(id) ?? []);
  return (
    <>
      {ids.length > 0 && <Bar ids={ids} rowOf={rowOf} onAsk={onAsk} onDone={onDone} />}
      {asking === "tag" && (
        <Tagging
          ids={ids}
          rows={rows()}
          onClose={() => onAsk(null)}
          onTag={(add, away) => void act("tagged", () => tagMany(ids, add, away))}
        />
      )}
      {asking === "cancel" && (
        <Sure
          title={`Cancel ${jobs(ids.length)}?`}
          rows={rows()}
          count={ids.length}
          does={`Cancel ${jobs(ids.length)}`}
          says="Queued jobs never start. Running ones stop within about a second and keep the epochs that they have trained. Finished jobs stay as they are."
          onClose={() => onAsk(null)}
          onSure={() => void act("cancelled", () => doToMany("cancel", ids))}
        />
      )}
      {asking === "delete" && (
        <Sure
          title={`Delete ${jobs(ids.length)} for good?`}
          rows={rows()}
          count={ids.length}
          does={`Delete ${jobs(ids.length)}`}
          says="Their epochs, logs, evaluations, notes and weights are lost and can't be brought back. Jobs that still wait or run are not deleted: cancel them first."
          onClose={() => onAsk(null)}
          onSure={() => void act("deleted", () => doToMany("delete", ids))}
        />
      )}
      {became && <Refused what={became.what} became={became.became} onClose={() => setBecame(null)} />}
    </>
  );
}

function Bar({ ids, rowOf, onAsk, onDone }: Pick<SelectionProps, "ids" | "rowOf" | "onAsk" | "onDone">) {
  const best = bestOf(ids, rowOf);
  const compare = compareAddress(best ?? ids, ids.length);
  return (
    <div class="selection" role="toolbar" aria-label="Selected jobs">
      <strong>{jobs(ids.length)} selected</strong>
      {compare ? (
        <a class="button primary" href={compare}>
          {best ? `Compare the best ${MOST_COMPARED} of ${ids.length.toLocaleString("en")}` : "Compare"}
        </a>
      ) : (
        <span class="soft">
          {ids.length === 1 ? "Select another one to compare." : `At most ${MOST_COMPARED} can be compared.`}
        </span>
      )}
      {may("submit") && (
        <>
          {ids.length === 1 && (
            <a class="button" href={href("/new", { from: ids[0] ?? "" })}>
              Clone
            </a>
          )}
          <button type="button" onClick={() => onAsk("tag")}>
            Tag …
          </button>
          <button type="button" onClick={() => onAsk("cancel")}>
            Cancel …
          </button>
          <button type="button" class="danger" onClick={() => onAsk("delete")}>
            Delete …
          </button>
        </>
      )}
      <button type="button" class="quiet" onClick={onDone}>
        Unselect all
      </button>
    </div>
  );
}

interface SureProps {
  title: string;
  says: string;
  does: string;
  rows: readonly Row[];
  count: number;
  onSure: () => void;
  onClose: () => void;
}

function Sure({ title, says, does, rows, count, onSure, onClose }: SureProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <ul class="named">
        {rows.slice(0, NAMED).map((row) => (
          <li key={row.id}>
            {nameOf(row)}{" "}
            <span class="soft">
              {shortId(row.id)}, {row.status}
            </span>
          </li>
        ))}
        {count > NAMED && <li class="soft">and {(count - NAMED).toLocaleString("en")} more</li>}
      </ul>
      <p>{says}</p>
      <div class="row-of">
        <button type="button" class="danger" onClick={onSure}>
          {does}
        </button>
        <button type="button" onClick={onClose}>
          Keep them
        </button>
      </div>
    </Dialog>
  );
}

interface TaggingProps {
  ids: readonly string[];
  rows: readonly Row[];
  onTag: (add: readonly string[], away: readonly string[]) => void;
  onClose: () => void;
}

function Tagging({ ids, rows, onTag, onClose }: TaggingProps) {
  const [text, setText] = useState("");
  const [away, setAway] = useState<ReadonlySet<string>>(new Set());
  const tags = [...new Set(rows.flatMap((row) => row.tags))].sort();
  const add = readTags(text);
  function toggle(tag: string): void {
    const next = new Set(away);
    if (!next.delete(tag)) next.add(tag);
    setAway(next);
  }
  function onSubmit(event: Event): void {
    event.preventDefault();
    onTag(add, [...away]);
  }
  return (
    <Dialog title={`Tags of ${jobs(ids.length)}`} onClose={onClose}>
      <form class="asking" onSubmit={onSubmit}>
        <label>
          Add tags, separated by commas
          <input value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        {tags.length > 0 && (
          <fieldset>
            <legend>Remove</legend>
            {tags.map((tag) => (
              <label key={tag} class="inline">
                <input type="checkbox" checked={away.has(tag)} onChange={() => toggle(tag)} /> {tag}
              </label>
            ))}
          </fieldset>
        )}
        <button class="primary" type="submit" disabled={!add.length && !away.size}>
          Change the tags
        </button>
      </form>
    </Dialog>
  );
}

function Refused({ what, became, onClose }: { what: string; became: Became; onClose: () => void }) {
  return (
    <Dialog title={`Not all were ${what}`} onClose={onClose}>
      {became.refused.map(({ reason, ids }) => (
        <section key={reason}>
          <p>
            <strong>{jobs(ids.length)}</strong>: {reason}
          </p>
          <ul class="named">
            {ids.slice(0, 20).map((id) => (
              <li key={id}>
                <a href={href(`/jobs/${id}`)}>{shortId(id)}</a>
              </li>
            ))}
            {ids.length > 20 && <li class="soft">and {ids.length - 20} more</li>}
          </ul>
        </section>
      ))}
    </Dialog>
  );
}
