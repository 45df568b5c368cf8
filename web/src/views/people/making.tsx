// Making what has a secret, a token or a webhook: a form in a dialog, and after it the secret, which is shown this once.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Problem } from "../../api/client";
import { ProblemNote } from "../../parts/messages/problem";
import { Dialog } from "../../parts/popups/dialog";

interface MakingProps<Made> {
  title: string;
  /** What the form's button says. */
  does: string;
  /** Make it of what is in the fields. Raises `Problem`. */
  make: () => Promise<Made>;
  onClose: () => void;
  /** The dialog's title once it is made, and the secret with what there is to say of it. */
  madeTitle: (made: Made) => string;
  made: (made: Made) => ComponentChildren;
  /** The form's fields. */
  children: ComponentChildren;
}

/** The dialog; what is wrong is said in the form, which stays open. */
export function Making<Made>(props: MakingProps<Made>) {
  const made = useSignal<Made | null>(null);
  const problem = useSignal<Problem | null>(null);
  const busy = useSignal(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    try {
      made.value = await props.make();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  }
  if (made.value !== null) {
    return (
      <Dialog title={props.madeTitle(made.value)} onClose={props.onClose}>
        {props.made(made.value)}
        <footer>
          <button type="button" onClick={props.onClose}>
            I have it
          </button>
        </footer>
      </Dialog>
    );
  }
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        {props.children}
        <ProblemNote problem={problem.value} />
        <footer>
          <button type="submit" class="primary">
            {props.does}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
