// Asks before something that cannot be undone.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { attempt } from "../messages/notices";
import { Dialog } from "./dialog";

interface ConfirmProps {
  title: string;
  /** What the button says: what it does. */
  does: string;
  run: () => Promise<unknown>;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog that does something once it is confirmed; what goes wrong is said, and it stays open. */
export function Confirm({ title, does, run, onClose, children }: ConfirmProps) {
  const busy = useSignal(false);
  async function confirm(): Promise<void> {
    busy.value = true;
    const worked = await attempt(run);
    busy.value = false;
    if (worked) onClose();
  }
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <footer>
        <button type="button" onClick={onClose}>
          Keep
        </button>
        <button type="button" class="danger" disabled={busy.value} onClick={() => void confirm()}>
          {does}
        </button>
      </footer>
    </Dialog>
  );
}
