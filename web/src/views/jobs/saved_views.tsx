// Views saved by name, in the browser: what the address says, to be opened again, renamed, removed, and shared.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { href, place } from "../../address";
import { Icon } from "../../parts/icon";
import { notify } from "../../parts/messages/notices";
import { Dialog } from "../../parts/popups/dialog";
import { Popover } from "../../parts/popups/menu";
import { open, queryOf } from "./columns/shown";

/** A view: its name, and the part of the address that says what is shown. */
export interface SavedView {
  name: string;
  query: string;
}

const KEY = "flightline.jobs.views";

/** The views of this browser, by name. */
export const views = signal<readonly SavedView[]>(readViews());

function readViews(): readonly SavedView[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isView) : [];
  } catch {
    return []; // what is there was written by nobody who knows its form
  }
}

function isView(stored: unknown): stored is SavedView {
  const view = stored as Partial<SavedView> | null;
  return typeof view?.name === "string" && typeof view.query === "string";
}

/** Keep a view, instead of the one of its name. */
export function save(view: SavedView): void {
  const others = views.value.filter((one) => one.name !== view.name);
  write([...others, view].sort((one, other) => one.name.localeCompare(other.name)));
}

/** Forget a view. */
export function remove(name: string): void {
  write(views.value.filter((one) => one.name !== name));
}

function write(next: readonly SavedView[]): void {
  views.value = next;
  localStorage.setItem(KEY, JSON.stringify(next));
}

/** The button that opens the list of views. */
export function ViewsMenu() {
  const [naming, setNaming] = useState<SavedView | null>(null);
  const query = queryOf(place.value.query);
  const current = views.value.find((view) => view.query === query);
  return (
    <>
      <Popover button={<span class="words">{current ? `View: ${current.name}` : "Views"}</span>} class="views-button">
        <div class="views">
          {views.value.length === 0 && <p class="soft">Filter, order and columns can be kept under a name.</p>}
          <ul>
            {views.value.map((view) => (
              <ViewOf key={view.name} view={view} current={view === current} onRename={() => setNaming(view)} />
            ))}
          </ul>
          <button type="button" onClick={() => setNaming({ name: "", query })}>
            Save this view …
          </button>
          <button type="button" onClick={() => void copy(location.href)}>
            <Icon name="copy" /> Copy the link to it
          </button>
        </div>
      </Popover>
      {naming && <Naming view={naming} onClose={() => setNaming(null)} />}
    </>
  );
}

function ViewOf({ view, current, onRename }: { view: SavedView; current: boolean; onRename: () => void }) {
  const address = href("/", new URLSearchParams(view.query));
  function onClick(event: MouseEvent & { currentTarget: HTMLElement }): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    event.currentTarget.closest<HTMLElement>("[popover]")?.hidePopover();
    open(view.query);
  }
  return (
    <li>
      <a href={address} aria-current={current ? "true" : undefined} onClick={onClick}>
        {view.name}
      </a>
      <button
        type="button"
        class="quiet"
        aria-label={`Copy the link to ${view.name}`}
        onClick={() => void copy(location.origin + address)}
      >
        <Icon name="copy" />
      </button>
      <button type="button" class="quiet" aria-label={`Rename ${view.name}`} onClick={onRename}>
        Rename
      </button>
      <button type="button" class="quiet" aria-label={`Remove ${view.name}`} onClick={() => remove(view.name)}>
        <Icon name="close" />
      </button>
    </li>
  );
}

function Naming({ view, onClose }: { view: SavedView; onClose: () => void }) {
  const [name, setName] = useState(view.name);
  const taken = name.trim() !== view.name && views.value.some((one) => one.name === name.trim());
  function onSubmit(event: Event): void {
    event.preventDefault();
    if (view.name) remove(view.name);
    save({ name: name.trim(), query: view.query });
    onClose();
  }
  return (
    <Dialog title={view.name ? `Rename ${view.name}` : "Save this view"} onClose={onClose}>
      <form class="asking" onSubmit={onSubmit}>
        <label>
          Name
          <input value={name} maxLength={60} required onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        {taken && <p class="soft">There is a view of this name; it will be replaced.</p>}
        <button class="primary" type="submit" disabled={!name.trim()}>
          {view.name ? "Rename" : "Save"}
        </button>
      </form>
    </Dialog>
  );
}

async function copy(address: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(address);
    notify("The link is copied.");
  } catch {
    notify(`The browser lets no link be copied here. It is ${address}`, true);
  }
}
