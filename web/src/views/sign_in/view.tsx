// Signing in, where the service asks for tokens: the whole page at a start, above what is shown when a session ends.

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Problem } from "../../api/client";
import { ProblemNote } from "../../parts/messages/problem";
import { signIn, viewer } from "../../state/session";
import { useTitle } from "../../state/title";
import "./view.css";

/** A form for a token. What was shown and typed before stays below it, and goes on when the token is accepted. */
export function SignIn() {
  return viewer.value ? <Again /> : <First />;
}

function First() {
  useTitle("Sign in");
  return (
    <section class="sign-in panel">
      <h1>Sign in</h1>
      <TokenForm />
    </section>
  );
}

function Again() {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []); // before it is seen, and before a key meets a form below
  return (
    <dialog
      ref={dialog}
      class="sign-in"
      aria-labelledby="sign-in"
      onCancel={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        // Chromium lets `cancel` be prevented only where somebody has clicked or typed since.
        if (event.key === "Escape") event.preventDefault();
      }}
    >
      <h1 id="sign-in">Sign in again</h1>
      <p>Your session has ended. What you see and what you typed stays as it is.</p>
      <TokenForm />
    </dialog>
  );
}

function TokenForm() {
  const problem = useSignal<Problem | null>(null);
  const busy = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const token = new FormData(event.currentTarget).get("token");
    busy.value = true;
    try {
      await signIn(String(token).trim());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <div class="field">
        <label for="token">Token</label>
        <input
          ref={field}
          id="token"
          aria-describedby="token-hint"
          name="token"
          type="password"
          autocomplete="current-password"
          required
          placeholder="fl_…"
        />
        <span id="token-hint" class="hint">
          Whoever looks after this service makes one with <code>flightline token create</code>.
        </span>
      </div>
      <ProblemNote problem={problem.value} />
      <button type="submit" class="primary" disabled={busy.value}>
        Sign in
      </button>
    </form>
  );
}
