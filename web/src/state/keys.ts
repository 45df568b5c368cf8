// Keys: who wants which, what a pressed key does. parts/keys.tsx shows them.

import { signal } from "@preact/signals";

/** What a key does, in words for the list of keys, and the doing. */
export interface Key {
  does: string;
  run: (event: KeyboardEvent) => void;
}

/** Keys by their name as `KeyboardEvent.key` has it ("J" is Shift and j); "g j" are two, one after the other. */
export type Keys = Readonly<Record<string, Key>>;

/** A set of keys that is heard now; the names of `scope` are the headings of the list of keys. */
interface Heard {
  scope: string;
  keys: () => Keys;
}

const PAUSE = 1500; // milliseconds between the keys of a sequence
const TYPING = 'input:not([type="checkbox"]), textarea, select, [contenteditable="true"]';
const PRESSED_BY_BROWSER = "a, button, summary, input";

const heard = signal<readonly Heard[]>([]);
let begun = "";
let at = 0;

/** Hear keys until the function that is returned is called. Later ones win over earlier ones. */
export function hear(scope: string, keys: () => Keys): () => void {
  const added = { scope, keys };
  heard.value = [...heard.value, added];
  return () => {
    heard.value = heard.value.filter((one) => one !== added);
  };
}

/** The keys that are heard now, those of the view before those of the frame. */
export function listed(): { scope: string; keys: [string, string][] }[] {
  return [...heard.value].reverse().map(({ scope, keys }) => ({
    scope,
    keys: Object.entries(keys()).map(([key, { does }]) => [key, does]),
  }));
}

/** Whether a key press is text, or the browser's to act upon, rather than a command. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  if (document.querySelector("dialog[open], :popover-open") || target?.closest(TYPING)) return true;
  return (event.key === "Enter" || event.key === " ") && target?.closest(PRESSED_BY_BROWSER) != null;
}

/** Do what a key press asks for. */
export function press(event: KeyboardEvent): void {
  if (isTyping(event)) return;
  const sequence = begun && event.timeStamp - at < PAUSE ? `${begun} ${event.key}` : event.key;
  begun = "";
  for (const { keys } of [...heard.value].reverse()) {
    const all = keys();
    const key = all[sequence];
    if (key) {
      event.preventDefault();
      key.run(event);
      return;
    }
    if (Object.keys(all).some((name) => name.startsWith(`${sequence} `))) {
      begun = sequence;
      at = event.timeStamp;
    }
  }
}
