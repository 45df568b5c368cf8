// One data set: figures, balance of the classes, moments of the channels, who holds it, and the images.

import { href } from "../../address";
import type { DatasetInfo } from "../../api/schema";
import { bytes } from "../../format";
import { Empty } from "../../parts/messages/empty";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";
import { may } from "../../state/session";
import { useTitle } from "../../state/title";
import { Balance } from "./balance";
import { Copies } from "./copies";
import { heldClasses, shapeOf, sizeOf } from "./held";
import { Images } from "./images";
import { Moments } from "./moments";

const SECONDS = 15;

/** A data set by its name. */
export function OneSet({ name }: { name: string }) {
  useTitle(name);
  const set = useLive<DatasetInfo>(`/v1/datasets/${encodeURIComponent(name)}`, { seconds: SECONDS });
  const info = set.value.value;
  const problem = set.problem.value;
  if (!info) return problem?.status === 404 ? <Unknown name={name} /> : <ProblemNote problem={problem} />;
  return (
    <article class="stack">
      <header class="page-head">
        <a href={href("/datasets")}>Data</a>
        <h1>{info.name}</h1>
        <span class="soft">{info.title}</span>
        {may("submit") && (
          <a class="button primary push" href={href("/new", { dataset: info.name })}>
            Train on this
          </a>
        )}
      </header>
      <ProblemNote problem={problem} />
      <Figures info={info} />
      <Images info={info} />
      <div class="halves">
        <Balance info={info} />
        <Moments info={info} />
      </div>
      <Copies info={info} />
    </article>
  );
}

function Figures({ info }: { info: DatasetInfo }) {
  const held = heldClasses(info).length;
  const figures: [string, string][] = [
    ["Classes", held < info.classes.length ? `${held} of ${info.classes.length}` : String(info.classes.length)],
    ["Training images", sizeOf(info, "train").toLocaleString("en")],
    ["Validation images", info.has_val ? sizeOf(info, "val").toLocaleString("en") : "none: a job says val_fraction"],
    ["Image", shapeOf(info)],
    ["Decoded, all classes", bytes(info.decoded_bytes)],
  ];
  return (
    <dl class="figures panel large">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Unknown({ name }: { name: string }) {
  return (
    <Empty alone title={`There is no data set ${name}`}>
      <p>
        A folder of images in a worker's data directory is a data set by its name, as soon as the worker has seen it.
      </p>
      <a class="button" href={href("/datasets")}>
        All data sets
      </a>
    </Empty>
  );
}
