// Which workers hold a data set, from where, and what keeps a copy from use.

import { href } from "../../address";
import type { DatasetInfo } from "../../api/schema";
import { Heads } from "../../parts/heads";
import { type Copy, copiesOf, sourceOf } from "./held";

/** The copies of a data set that live workers hold. */
export function Copies({ info }: { info: DatasetInfo }) {
  const copies = copiesOf(info).filter((copy) => copy.place !== null);
  return (
    <section class="panel">
      <header>
        <h2>Where it is</h2>
      </header>
      {copies.length === 0 ? <Nowhere name={info.name} /> : <Table copies={copies} of={info.classes.length} />}
    </section>
  );
}

function Table({ copies, of }: { copies: Copy[]; of: number }) {
  return (
    <div class="scroll-x">
      <table class="plain">
        <Heads of={["State", "Classes", "From", "Passed over", "Workers"]} />
        <tbody>
          {copies.map((copy) => (
            <tr key={`${copy.place} ${copy.classes.join(" ")}`}>
              <td>
                <span class={`chip ${copy.ready ? "good" : "warn"}`}>{copy.ready ? "✓ ready" : "not ready"}</span>
              </td>
              <td title={copy.classes.join(", ")}>
                {copy.classes.length < of ? copy.classes.join(", ") : `all ${of}`}
              </td>
              <td>
                {sourceOf(copy)} {copy.source !== "drawn" && <code>{copy.place}</code>}
                {!copy.ready && (
                  <div class="soft small">
                    {copy.source === "download"
                      ? "The worker fetches it when a job asks for it."
                      : "A class of it has no images in one of the splits, or files are missing."}
                  </div>
                )}
              </td>
              <td>{copy.ignored.map(([kind, count]) => `${count.toLocaleString("en")} ${kind}`).join(", ") || "–"}</td>
              <td>
                {copy.workers.map((worker) => (
                  <div key={worker}>
                    <a href={href("/workers")}>{worker}</a>
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Nowhere({ name }: { name: string }) {
  return (
    <p>
      No live worker holds it. Put its images into a worker's data directory, with <code>flightline dataset add</code>{" "}
      or as <code>{name}/train/CLASS/…</code>, or let workers download it: <code>FLIGHTLINE_ALLOW_DOWNLOAD=true</code>.
    </p>
  );
}
