// How many images each class has: equal bars are a balanced set.

import type { DatasetInfo } from "../../api/schema";
import { Heads, right } from "../../parts/heads";
import { heldClasses } from "./held";

/** The classes with their images, those that no worker holds marked. */
export function Balance({ info }: { info: DatasetInfo }) {
  const held = heldClasses(info);
  const most = Math.max(1, ...Object.values(info.counts).map(([train]) => train ?? 0));
  return (
    <section class="panel">
      <header>
        <h2>Classes</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a place that scrolls can be reached by keyboard */}
      <div class="scroll-x balance" tabIndex={0} role="region" aria-label="Images of each class">
        <table class="plain">
          <Heads of={["Class", { words: "Share", how: "sr" }, right("Training"), right("Validation")]} />
          <tbody>
            {info.classes.map((name) => {
              const [train = 0, val = 0] = info.counts[name] ?? [];
              return (
                <tr key={name}>
                  <th scope="row">
                    {name} {!held.includes(name) && <span class="soft small">on no worker</span>}
                  </th>
                  <td>
                    <div class="bar" style={{ width: `${(100 * train) / most}%` }} />
                  </td>
                  <td class="right">{train.toLocaleString("en")}</td>
                  <td class="right">{val.toLocaleString("en")}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
