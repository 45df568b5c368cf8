// Keys of a view, and the list of them that "?" shows.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { hear, type Keys, listed, press } from "../../state/keys";
import { Dialog } from "./dialog";

const NAMES: Record<string, string> = {
  " ": "Space",
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
};

/** Whether the list of keys is shown. */
export const keysShown = signal(false);

/** Hear keys while the component is shown; keys typed into a field are text. `scope` is their heading in the list. */
export function useKeys(keys: Keys, scope = "This view"): void {
  const newest = useRef(keys);
  newest.current = keys;
  useEffect(() => hear(scope, () => newest.current), [scope]);
}

/** Listen to the keyboard; the frame does it once. */
export function listenToKeys(): () => void {
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}

/** The list of the keys that are heard now, while it is asked for. */
export function KeyList() {
  if (!keysShown.value) return null;
  return (
    <Dialog title="Keys" onClose={() => (keysShown.value = false)}>
      {listed().map(({ scope, keys }) => (
        <section key={scope}>
          <h3>{scope}</h3>
          <dl class="keys">
            {keys.map(([key, does]) => (
              <div key={key}>
                <dt>
                  {key === " " ? (
                    <kbd>Space</kbd>
                  ) : (
                    key.split(" ").map((one) => <kbd key={one}>{NAMES[one] ?? one}</kbd>)
                  )}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}
