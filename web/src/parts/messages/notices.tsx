// Notices: what became of what somebody just did, said in a corner and to screen readers.

import { signal } from "@preact/signals";
import { Problem } from "../../api/client";
import { Icon } from "../icon";

interface Notice {
  number: number;
  text: string;
  bad: boolean;
}

const SECONDS = 6;
const notices = signal<readonly Notice[]>([]);
let count = 0;

/** Say something; it goes by itself, an error stays until it is closed. */
export function notify(text: string, bad = false): void {
  const number = ++count;
  notices.value = [...notices.value, { number, text, bad }];
  if (!bad) setTimeout(() => dismiss(number), SECONDS * 1000);
}

/** Do something, and say what went wrong if it did. Returns whether it worked. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    notify(error.message, true);
    return false;
  }
}

function dismiss(number: number): void {
  notices.value = notices.value.filter((one) => one.number !== number);
}

/** Where notices appear; the frame has it once. */
export function Notices() {
  return (
    <div class="notices" role="status">
      {notices.value.map(({ number, text, bad }) => (
        <p key={number} class={bad ? "notice bad" : "notice"}>
          {text}
          <button type="button" class="quiet square small" aria-label="Close" onClick={() => dismiss(number)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  );
}
