// The same in Python and in curl: what a view shows, for programs.

import { useState } from "preact/hooks";
import { CopyButton } from "./copy";

/** Two pieces of code of which one is shown. */
export function Code({ python, curl }: { python: string; curl: string }) {
  const [shown, show] = useState<"Python" | "curl">("Python");
  const text = shown === "Python" ? python : curl;
  return (
    <div class="code">
      <div class="row-of">
        <div class="group" role="group" aria-label="Language">
          {(["Python", "curl"] as const).map((name) => (
            <button key={name} type="button" class="small" aria-pressed={shown === name} onClick={() => show(name)}>
              {name}
            </button>
          ))}
        </div>
        <CopyButton text={text} what="the code" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long code scrolls, also by the keyboard */}
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </div>
  );
}
