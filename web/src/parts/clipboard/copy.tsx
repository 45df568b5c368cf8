// Copying to the clipboard.

import { Icon } from "../icon";
import { notify } from "../messages/notices";
import { copyText } from "./copying";

/** Copy a text, and say so. Where the browser refuses, it says how to copy by hand. */
export async function copy(text: string, what: string): Promise<void> {
  if (await copyText(text)) notify(`Copied ${what}.`);
  else notify("The browser does not let the page copy here. Select the text and copy it by hand.", true);
}

/** A button that copies a text; `what` says what it is, as in "the id". */
export function CopyButton({ text, what }: { text: string; what: string }) {
  return (
    <button
      type="button"
      class="quiet square small"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy(text, what)}
    >
      <Icon name="copy" />
    </button>
  );
}
