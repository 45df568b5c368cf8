// A secret that is shown this once, to copy.

import { useSignal } from "@preact/signals";
import { Icon } from "../icon";
import { copyText } from "./copying";

interface SecretProps {
  /** What it is, for its label. */
  name: string;
  text: string;
}

/** The secret in a field that is selected by a click, and a button that copies it. */
export function Secret({ name, text }: SecretProps) {
  const said = useSignal("");
  async function copy(): Promise<void> {
    said.value = (await copyText(text)) ? "Copied" : "Select it and copy it by hand";
  }
  return (
    <div class="field">
      <label for="secret">{name}</label>
      <div class="secret">
        <input id="secret" class="mono" readOnly value={text} onFocus={(event) => event.currentTarget.select()} />
        <button type="button" class="primary" onClick={() => void copy()}>
          <Icon name="copy" /> Copy
        </button>
      </div>
      <span class="hint" role="status">
        {said.value || "It is shown this once and stored nowhere: keep it as you would keep a password."}
      </span>
    </div>
  );
}
