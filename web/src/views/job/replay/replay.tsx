// A replay: the job that it repeats, and how equal the two are.

import { href } from "../../../address";
import type { Job, Replay } from "../../../api/schema";
import { figure, shortId } from "../../../format";

/** The verdict of a job that repeats another; nothing of one that does not. */
export function ReplayPanel({ job }: { job: Job }) {
  if (!job.replay_of) return null;
  const both = new URLSearchParams([
    ["job", job.replay_of],
    ["job", job.id],
  ]);
  return (
    <section class="panel" aria-labelledby="replay-title">
      <header>
        <h2 id="replay-title">
          Replay of <a href={href(`/jobs/${job.replay_of}`)}>{shortId(job.replay_of)}</a>
        </h2>
        {job.replay && <Verdict replay={job.replay} />}
        <a class="push" href={href("/compare", both)}>
          Compare the two
        </a>
      </header>
      {job.replay ? <Details replay={job.replay} /> : <p class="soft">The verdict comes once it has ended.</p>}
    </section>
  );
}

const LOOKS: Readonly<Record<Replay["verdict"], readonly [look: string, words: string]>> = {
  bit_equal: ["good", "✓ equal to the last bit"],
  within_epsilon: ["good", "≈ equal but for rounding"],
  differs_at_epoch: ["bad", "✗ differs"],
  not_comparable: ["warn", "nothing to compare"],
};

function Verdict({ replay }: { replay: Replay }) {
  const [look, words] = LOOKS[replay.verdict];
  return <span class={`chip ${look}`}>{words}</span>;
}

function Details({ replay }: { replay: Replay }) {
  const differing = Object.entries(replay.differences).filter(([, distance]) => distance > 0);
  const environment = Object.entries(replay.environment ?? {});
  return (
    <>
      <p>{verdictText(replay)}</p>
      {differing.length > 0 && (
        <dl class="figures">
          {differing.map(([name, distance]) => (
            <div key={name}>
              <dt>{name.replaceAll("_", " ")}, at most apart by</dt>
              <dd>{figure(distance)}</dd>
            </div>
          ))}
        </dl>
      )}
      {environment.length > 0 && (
        <dl class="figures" aria-label="What differs of the machines">
          {environment.map(([name, [original, replayed]]) => (
            <div key={name}>
              <dt>{name.replaceAll("_", " ")}</dt>
              <dd>
                {String(original)} → {String(replayed)}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}

/** What a verdict comes to, in a sentence. */
export function verdictText(replay: Replay): string {
  const { verdict, reason, epochs, digests, epoch, apart_epoch: apart, epsilon } = replay;
  const compared = digests ? `, the states of ${digests} by their digests` : "";
  if (verdict === "not_comparable") return reason ?? "There is nothing to compare.";
  if (verdict === "bit_equal") return `All ${epochs} epochs are the same${compared}.`;
  if (verdict === "within_epsilon")
    return `Not the same from epoch ${epoch ?? "–"} on, but every loss is within ${figure(epsilon)} of the original's.`;
  return `From epoch ${apart ?? epoch ?? "–"} on it is another training: ${epochs} epochs were compared${compared}.`;
}
