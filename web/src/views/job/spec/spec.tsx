// What a job asks for: first what somebody chose, then all of it.

import type { Job, Outline } from "../../../api/schema";
import { CopyButton } from "../../../parts/clipboard/copy";
import { ProblemNote } from "../../../parts/messages/problem";
import { useLive } from "../../../state/live";
import { isImported } from "../job";

/** The fields that differ from the preset or from the defaults, and the whole spec, folded. */
export function Spec({ job }: { job: Job }) {
  const known = useLive<Outline>(`/v1/jobs/${job.id}/outline`, {});
  const outline = known.value.value;
  const whole = JSON.stringify(job.spec, null, 2);
  return (
    <>
      {outline ? (
        <Differences outline={outline} imported={isImported(job)} />
      ) : (
        <ProblemNote problem={known.problem.value} />
      )}
      <details class="whole">
        <summary>{isImported(job) ? "All that is known of the run" : "The whole spec, with every default"}</summary>
        <div class="copied">
          <CopyButton text={whole} what="the spec" />
          <pre>
            <code>{whole}</code>
          </pre>
        </div>
      </details>
    </>
  );
}

function Differences({ outline, imported }: { outline: Outline; imported: boolean }) {
  const base = outline.preset ? `the preset ${outline.preset}` : "the defaults";
  if (!outline.differences.length)
    return <p>{imported ? "It was logged without params." : `It asks for nothing beyond ${base}.`}</p>;
  return (
    <div class="scroll-x">
      <table class="plain differences">
        <caption class="left">{imported ? "The run's params" : `What it asks for beyond ${base}`}</caption>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">This job</th>
            {!imported && <th scope="col">{outline.preset ? "Preset" : "Default"}</th>}
          </tr>
        </thead>
        <tbody>
          {outline.differences.map(({ path, value, base: other }) => (
            <tr key={path}>
              <th scope="row">
                <code>{path}</code>
              </th>
              <td>
                <code>{written(value)}</code>
              </td>
              {!imported && (
                <td class="soft">
                  <code>{other === null ? "–" : written(other)}</code>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A value of a spec as people write it: an object with a kind as `conv2d(out_channels=16)`. */
export function written(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const { kind, ...fields } = value as Record<string, unknown>;
  const inside = Object.entries(fields).map(([name, inner]) => `${name}=${written(inner)}`);
  if (typeof kind !== "string") return `{${inside.join(", ")}}`;
  return inside.length ? `${kind}(${inside.join(", ")})` : kind;
}
