// The leaderboard: configurations ranked by what their seeds prove, those that are not told apart on one rank.

import { useSignal } from "@preact/signals";
import { ask, href, place } from "../../address";
import type { Leaderboard, Standing } from "../../api/schema";
import { figure, nameOf, percent } from "../../format";
import { Heads, right } from "../../parts/heads";
import { Empty } from "../../parts/messages/empty";
import { ProblemNote } from "../../parts/messages/problem";
import { plain, shortest, valueText } from "../../parts/pictures/values";
import { parseFilter } from "../../state/list/filter";
import { useLive } from "../../state/live";
import { may } from "../../state/session";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { Settle } from "./settle";
import "./view.css";

const SECONDS = 15;
/** The level that the service takes where none is asked for. */
const USUAL_LEVEL = "0.05";
const METRICS: readonly [id: string, name: string][] = [
  ["best_val_accuracy", "best validation accuracy"],
  ["val_accuracy", "final validation accuracy"],
  ["val_loss", "validation loss"],
];

/** The view of the leaderboard of the jobs that a filter lets through. */
export function View(_: ViewProps) {
  useTitle("Leaderboard");
  const { query } = place.value;
  const filter = query.get("filter") ?? "";
  const metric = query.get("metric") ?? "best_val_accuracy";
  const level = query.get("level") ?? USUAL_LEVEL;
  const parsed = parseFilter(filter);
  const asked = new URLSearchParams(parsed.query);
  asked.set("metric", metric);
  asked.set("level", level);
  const board = useLive<Leaderboard>(`/v1/leaderboard?${asked}`, { seconds: SECONDS });
  const found = board.value.value;
  return (
    <section class="stack leaderboard">
      <header class="page-head">
        <h1>Leaderboard</h1>
        <label class="row-of grow">
          Of jobs with
          <input
            type="search"
            placeholder="all trainings that have succeeded"
            value={filter}
            onChange={(event) => ask({ filter: event.currentTarget.value })}
          />
        </label>
        <label class="row-of">
          by
          <select value={metric} onChange={(event) => ask({ metric: event.currentTarget.value })}>
            {METRICS.map(([id, name]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="row-of" title="The chance that any two are told apart that are equal, at one look">
          at level
          <input
            type="number"
            class="number"
            min="0.000001"
            max="0.5"
            step="any"
            value={level}
            onChange={(event) => ask({ level: event.currentTarget.value })}
          />
        </label>
      </header>
      {parsed.problems.map((one) => (
        <p key={one.text} class="problem">
          {one.text}
        </p>
      ))}
      <ProblemNote problem={board.problem.value} />
      {found?.items.length === 0 && (
        <Empty title="No job to rank">
          <p>No training that has succeeded passes the filter.</p>
        </Empty>
      )}
      {found && found.items.length > 0 && <Board board={found} refresh={board.refresh} />}
    </section>
  );
}

function Board({ board, refresh }: { board: Leaderboard; refresh: () => Promise<void> }) {
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const paths = [...new Set(board.items.flatMap(({ params }) => Object.keys(params)))];
  const text = board.metric.endsWith("accuracy") ? percent : figure;
  const there = board.items.filter(({ config_hash }) => chosen.value.has(config_hash));

  function choose(hash: string, wanted: boolean): void {
    const next = new Set(chosen.value);
    wanted ? next.add(hash) : next.delete(hash);
    chosen.value = next;
  }
  return (
    <div class="panel">
      <div class="scroll-x">
        <table class="plain">
          <Heads
            of={[
              { words: "Choose", how: "sr" },
              right("Rank"),
              "Configuration",
              right("Mean"),
              right("Spread"),
              right("Seeds"),
              ...paths.map((path) => shortest(path, paths)),
              "Proven better than",
            ]}
          />
          <tbody>
            {board.items.map((one) => (
              <Row key={one.config_hash} one={one} paths={paths} text={text} chosen={chosen.value} choose={choose} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft note">
        Configurations on one rank are not told apart: by Welch's t over seeds, the chance that any two are told apart
        that are equal is at most {Number((100 * board.level).toPrecision(3))} % at one look.{" "}
        {!board.complete && "Not all jobs that pass were looked at."}
      </p>
      {may("submit") && <Settle board={board} chosen={there} refresh={refresh} />}
    </div>
  );
}

interface RowProps {
  one: Standing;
  paths: readonly string[];
  text: (value: number | null | undefined) => string;
  chosen: ReadonlySet<string>;
  choose: (hash: string, wanted: boolean) => void;
}

function Row({ one, paths, text, chosen, choose }: RowProps) {
  const [job] = one.job_ids;
  const name = nameOf({ name: one.name, preset: null, kind: "train" });
  return (
    <tr>
      <td>
        <input
          type="checkbox"
          aria-label={`Choose ${one.number}, ${name}`}
          checked={chosen.has(one.config_hash)}
          onChange={(event) => choose(one.config_hash, event.currentTarget.checked)}
        />
      </td>
      <td class="right">
        {one.rank}
        {one.tied && (
          <span class="chip" title="Not told apart from others of this rank">
            tied
          </span>
        )}
      </td>
      <th scope="row">
        {job ? <a href={href(`/jobs/${job}`)}>{name}</a> : name}{" "}
        {one.job_ids.length > 1 && (
          <a class="small" href={href("/compare", new URLSearchParams(one.job_ids.map((id) => ["job", id])))}>
            its {one.jobs} jobs
          </a>
        )}
      </th>
      <td class="right">{text(one.mean)}</td>
      <td class="right">{one.std === null ? "–" : `± ${text(one.std)}`}</td>
      <td class="right">
        {one.seeds} {one.one_seed && <span class="chip warn">one seed: nothing proven</span>}
      </td>
      {paths.map((path) => (
        <td key={path}>{valueText(plain(one.params[path]))}</td>
      ))}
      <td>{one.better_than.length ? one.better_than.map((number) => `no. ${number}`).join(", ") : "none"}</td>
    </tr>
  );
}
