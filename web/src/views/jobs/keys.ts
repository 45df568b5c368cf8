// The keys of the view of all jobs.

import type { RefObject } from "preact";
import { go } from "../../address";
import { useKeys } from "../../parts/popups/keys";
import { may } from "../../state/session";
import { show, withFailedToggled, withRunningToggled } from "./columns/shown";
import { type Asking, compareAddress } from "./selection";

interface JobKeys {
  box: RefObject<HTMLElement | null>;
  field: RefObject<HTMLInputElement | null>;
  filter: string;
  ids: readonly string[];
  ask: (what: Asking) => void;
  clear: () => void;
}

/** Hear the keys of the view. Those that move within the table are the table's own, once it has the focus. */
export function useJobKeys({ box, field, filter, ids, ask, clear }: JobKeys): void {
  function toTable(event: KeyboardEvent): void {
    const table = box.current?.querySelector<HTMLElement>('[role="grid"]');
    table?.focus();
    table?.dispatchEvent(new KeyboardEvent("keydown", { key: event.key, shiftKey: event.shiftKey }));
  }
  function onSelected(what: Asking): void {
    if (ids.length && may("submit")) ask(what);
  }
  function compare(): void {
    const address = compareAddress(ids);
    if (address !== null) go(address);
  }
  useKeys(
    {
      "/": { does: "filter", run: () => field.current?.focus() },
      h: { does: "hide or show failed and cancelled jobs", run: () => show({ filter: withFailedToggled(filter) }) },
      r: { does: "only running jobs, or all", run: () => show({ filter: withRunningToggled(filter) }) },
      j: { does: "next job", run: toTable },
      k: { does: "job before", run: toTable },
      x: { does: "select the job, or let go of it (Space)", run: toTable },
      J: { does: "select it and the next one (Shift and ↓)", run: toTable },
      c: { does: "compare the selected jobs", run: compare },
      t: { does: "tag the selected jobs", run: () => onSelected("tag") },
      "#": { does: "delete the selected jobs", run: () => onSelected("delete") },
      Escape: { does: "unselect all", run: clear },
    },
    "Jobs",
  );
}
