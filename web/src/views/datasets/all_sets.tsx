// All data sets: those that workers hold first, then what else a job may name.

import { href } from "../../address";
import type { DatasetInfo, DatasetPage } from "../../api/schema";
import { Heads, right } from "../../parts/heads";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";
import { useTitle } from "../../state/title";
import { copiesOf, shapeOf, sizeOf } from "./held";

const SECONDS = 15;

/** The list of data sets. */
export function AllSets() {
  useTitle("Data");
  const sets = useLive<DatasetPage>("/v1/datasets", { seconds: SECONDS });
  const items = sets.value.value?.items ?? [];
  const held = items.filter((info) => info.held.length > 0);
  const others = items.filter((info) => info.held.length === 0);
  return (
    <section class="stack">
      <h1>Data</h1>
      <ProblemNote problem={sets.problem.value} />
      {held.length > 0 && (
        <div class="panels">
          {held.map((info) => (
            <Card key={info.name} info={info} />
          ))}
        </div>
      )}
      {sets.value.value && <OwnImages />}
      {others.length > 0 && <Others items={others} />}
    </section>
  );
}

function Card({ info }: { info: DatasetInfo }) {
  const copies = copiesOf(info);
  const workers = new Set(copies.flatMap((copy) => copy.workers)).size;
  const classes = new Set(copies.flatMap((copy) => copy.classes)).size;
  const ready = copies.some((copy) => copy.ready);
  return (
    <article class="panel dataset">
      <header>
        <h2 class="cut">
          <a href={href(`/datasets/${encodeURIComponent(info.name)}`)}>{info.name}</a>
        </h2>
        <span class={`chip push ${ready ? "good" : "warn"}`}>
          {ready ? "✓ ready on" : "not ready on"} {workers} {workers === 1 ? "worker" : "workers"}
        </span>
      </header>
      <p class="soft">{info.title}</p>
      <dl class="figures">
        <Figure
          name="Classes"
          value={classes < info.classes.length ? `${classes} of ${info.classes.length}` : classes}
        />
        <Figure name="Training" value={sizeOf(info, "train").toLocaleString("en")} />
        <Figure name="Validation" value={info.has_val ? sizeOf(info, "val").toLocaleString("en") : "none"} />
        <Figure name="Image" value={shapeOf(info)} />
      </dl>
    </article>
  );
}

function Figure({ name, value }: { name: string; value: string | number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** How one's own images come here. */
function OwnImages() {
  return (
    <section class="panel">
      <header>
        <h2>Your own images</h2>
      </header>
      <p>
        One folder for each class is enough: <code>photos/cat/…</code>, <code>photos/dog/…</code>. On a machine with a
        worker, this checks every image and copies them into place; a second or two later the set is here.
      </p>
      <pre>flightline dataset add photos --val-fraction 0.2</pre>
    </section>
  );
}

function Others({ items }: { items: DatasetInfo[] }) {
  return (
    <section class="panel">
      <header>
        <h2>Known, but on no worker now</h2>
      </header>
      <p class="soft">A job on one of these fails, unless its worker may download it or has it by then.</p>
      <div class="scroll-x">
        <table class="plain">
          <Heads
            of={["Data set", "What it is", right("Classes"), right("Training"), right("Validation"), right("Image")]}
          />
          <tbody>
            {items.map((info) => (
              <tr key={info.name}>
                <th scope="row">
                  <a href={href(`/datasets/${encodeURIComponent(info.name)}`)}>{info.name}</a>
                </th>
                <td>{info.title}</td>
                <td class="right">{info.classes.length}</td>
                <td class="right">{sizeOf(info, "train").toLocaleString("en")}</td>
                <td class="right">{sizeOf(info, "val").toLocaleString("en")}</td>
                <td class="right">{shapeOf(info)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
