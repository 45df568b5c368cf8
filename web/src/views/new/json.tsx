// The job as JSON, in step with the form: only what is written, not the defaults.

import { useRef } from "preact/hooks";
import { BASE } from "../../address";
import { Code } from "../../parts/clipboard/code";
import { curlOf, pythonOf } from "./code";
import { useForm } from "./form/form";

const SERVICE = location.origin + BASE;
const FEWEST_LINES = 8;
const MOST_LINES = 24;

/** The editor; typing in it changes the form, and a fault is told with its place. */
export function JsonEditor() {
  const { draft } = useForm();
  const area = useRef<HTMLTextAreaElement>(null);
  const fault = draft.fault.value;
  const lines = draft.text.value.split("\n").length + 1;

  function goThere(): void {
    if (!fault) return;
    area.current?.focus();
    area.current?.setSelectionRange(fault.offset, fault.offset + 1);
  }

  return (
    <section class="panel json" aria-labelledby="json-title">
      <h2 id="json-title">
        JSON <span class="soft">what is written; the rest has its defaults</span>
      </h2>
      <textarea
        ref={area}
        id="json"
        class="code"
        aria-labelledby="json-title"
        aria-describedby="json-fault"
        aria-invalid={fault !== null}
        spellcheck={false}
        autocapitalize="off"
        rows={Math.min(MOST_LINES, Math.max(FEWEST_LINES, lines))}
        value={draft.text.value}
        onInput={(event) => draft.write(event.currentTarget.value)}
      />
      <p id="json-fault" class="wrong" role="status">
        {fault && (
          <>
            <button type="button" class="link" onClick={goThere}>
              Line {fault.line}, column {fault.column}
            </button>
            : {fault.message}. The form shows what was written before.
          </>
        )}
      </p>
      <details class="fold">
        <summary>In Python, in curl</summary>
        <Code python={pythonOf(draft.document.value, SERVICE)} curl={curlOf(draft.document.value, SERVICE)} />
      </details>
    </section>
  );
}
