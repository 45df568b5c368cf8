// Notes on a job: Markdown, changed in place, with a preview.

import { useState } from "preact/hooks";
import { call } from "../../api/client";
import type { Job } from "../../api/schema";
import { Markdown } from "../../parts/markdown/markdown";
import { attempt } from "../../parts/messages/notices";
import { mayChange } from "../../state/session";

const MOST = 10_000;
const drafts = new Map<string, string>(); // what was typed and not saved yet, by job: another section may be shown meanwhile

/** The notes, and the editor for those who may write. */
export function Notes({ job, refresh }: { job: Job; refresh: () => Promise<void> }) {
  const [draft, show] = useState<string | null>(drafts.get(job.id) ?? null);
  function setDraft(text: string | null): void {
    if (text === null) drafts.delete(job.id);
    else drafts.set(job.id, text);
    show(text);
  }
  async function save(event: Event): Promise<void> {
    event.preventDefault();
    const notes = draft?.trim() || null;
    if (await attempt(() => call<Job>("PATCH", `/v1/jobs/${job.id}`, { notes }))) {
      await refresh();
      setDraft(null);
    }
  }
  if (draft === null)
    return (
      <div class="notes">
        {job.notes ? <Markdown text={job.notes} /> : <p class="soft">No notes yet: what was tried, what came of it.</p>}
        {mayChange(job.owner) && (
          <button type="button" onClick={() => setDraft(job.notes ?? "")}>
            {job.notes ? "Edit" : "Write notes"}
          </button>
        )}
      </div>
    );
  return (
    <form class="notes" onSubmit={(event) => void save(event)}>
      <div class="halves">
        <div class="field">
          <label for="notes">Notes</label>
          <textarea
            id="notes"
            aria-describedby="notes-hint"
            class="code"
            rows={12}
            maxLength={MOST}
            value={draft}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
          <span id="notes-hint" class="hint">
            Markdown: # headings, **bold**, *italic*, `code`, lists, [links](https://…)
          </span>
        </div>
        <section class="field" aria-label="Preview">
          <span>Preview</span>
          <div class="preview">
            <Markdown text={draft} />
          </div>
        </section>
      </div>
      <div class="row-of">
        <button type="submit" class="primary">
          Save
        </button>
        <button type="button" onClick={() => setDraft(null)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
