// Mean and deviation of each channel, drawn on the scale of a pixel: what a job subtracts and divides by.

import type { DatasetInfo } from "../../api/schema";
import { copiesOf } from "./held";

const CHANNELS: Record<number, string[]> = { 1: ["Grey"], 3: ["Red", "Green", "Blue"] };
const WIDTH = 200;

interface Measured {
  title: string;
  mean: number[];
  std: number[];
}

/** The moments of the whole set, and those of the classes that jobs have loaded. */
export function Moments({ info }: { info: DatasetInfo }) {
  const measured = measuredOf(info);
  return (
    <section class="panel">
      <header>
        <h2>Mean and deviation of the channels</h2>
      </header>
      {measured.length === 0 && (
        <p class="soft">They are known once a job has trained on all classes. Its worker measures and reports them.</p>
      )}
      {measured.map(({ title, mean, std }) => (
        <figure key={title} class="moments">
          <figcaption>{title}</figcaption>
          {mean.map((value, channel) => (
            <Channel
              key={channel}
              name={CHANNELS[mean.length]?.[channel] ?? `Channel ${channel + 1}`}
              mean={value}
              std={std[channel] ?? 0}
            />
          ))}
        </figure>
      ))}
      {measured.length > 0 && (
        <p class="soft small">From 0, black, to 1, white; the bar is one deviation to each side.</p>
      )}
    </section>
  );
}

function measuredOf(info: DatasetInfo): Measured[] {
  const whole = info.mean && info.std ? [{ title: "The whole set", mean: info.mean, std: info.std }] : [];
  const loaded = copiesOf(info).flatMap(({ mean, std, classes }) => {
    const title = classes.length > 4 ? `${classes.length} classes, as loaded` : `${classes.join(", ")}, as loaded`;
    return mean && std && classes.length < info.classes.length ? [{ title, mean, std }] : [];
  });
  const all = [...whole, ...loaded];
  return all.filter((one, at) => all.findIndex(({ title }) => title === one.title) === at);
}

function Channel({ name, mean, std }: { name: string; mean: number; std: number }) {
  const from = Math.max(0, mean - std);
  const to = Math.min(1, mean + std);
  return (
    <div class="channel">
      <span>{name}</span>
      <svg viewBox={`0 0 ${WIDTH} 14`} preserveAspectRatio="none" aria-hidden="true">
        <line class="axis" x1={0} x2={WIDTH} y1={7} y2={7} />
        <rect class="spread" x={from * WIDTH} width={(to - from) * WIDTH} y={3} height={8} rx={2} />
        <rect class="mean" x={mean * WIDTH - 1} width={2} y={0} height={14} />
      </svg>
      <span class="number">
        {mean.toFixed(4)} <span class="soft">± {std.toFixed(4)}</span>
      </span>
    </div>
  );
}
