// Which configuration is best, and how far its seeds lie apart.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { href } from "../../../address";
import { nameOf } from "../../../format";
import { keep } from "../../../parts/pictures/parallel/kept";
import { scaleOf } from "../../../parts/pictures/scales";
import { compareValues, type Field } from "../fields/fields";
import { type Configuration, configurations } from "../fields/groups";
import type { Model } from "../model";
import { SortHead, type Sorting, sortedBy } from "./sorting";

const MOST_VALUES = 4; // hyperparameters that name a configuration

/** The section of the leaderboard. */
export function Leaderboard({ model }: { model: Model }) {
  const sorting = useSignal<Sorting>(null);
  const goal = model.goal.value;
  const runs = model.shown.value;
  const kept = model.asked.value.kept.get("configuration");
  const named = model.telling.value.filter((field) => !field.id.endsWith("seed"));
  const rows = useMemo(() => configurations(runs, goal), [runs, goal]);
  const scale = useMemo(() => scaleOf(rows.flatMap((row) => row.values)), [rows]);
  const best = [...rows];
  const sorted = sortedBy(rows, sorting.value, COLUMNS, compareValues);
  return (
    <section class="panel" aria-labelledby="leaderboard-title">
      <h2 id="leaderboard-title">Leaderboard: {goal.label} over seeds</h2>
      <div class="scrolled">
        <table class="figures-table">
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">Configuration</th>
              {COLUMNS.map((column) => (
                <SortHead key={column.id} column={column} sorting={sorting} />
              ))}
              <th scope="col">Spread</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((row) => (
              <Row
                key={row.hash}
                row={row}
                rank={best.indexOf(row) + 1}
                goal={goal}
                named={named}
                place={(value) => scale.at(value) ?? 0}
                kept={kept !== undefined && "only" in kept && kept.only.includes(row.hash)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft note">
        A configuration is everything but the seed. A click keeps its jobs in all pictures. The order is that of the
        means: what is proven, and what is a tie, the <a href={href("/leaderboard")}>leaderboard</a> says.
      </p>
    </section>
  );
}

const COLUMNS = [
  { id: "n", label: "Jobs", of: (row: Configuration) => row.runs.length },
  { id: "seeds", label: "Seeds", of: (row: Configuration) => row.seeds },
  { id: "mean", label: "Mean", of: (row: Configuration) => row.mean },
  { id: "deviation", label: "Std. dev.", of: (row: Configuration) => row.deviation },
  { id: "best", label: "Best", of: (row: Configuration) => row.best },
];

interface RowProps {
  row: Configuration;
  rank: number;
  goal: Field;
  named: readonly Field[];
  place: (value: number) => number;
  kept: boolean;
}

function Row({ row, rank, goal, named, place, kept }: RowProps) {
  const [first] = row.runs;
  const values = first
    ? named.slice(0, MOST_VALUES).map((field) => `${field.label} ${field.text(field.of(first))}`)
    : [];
  const name = values.join(", ") || (first ? nameOf(first.job) : row.hash.slice(0, 8));
  return (
    <tr aria-selected={kept}>
      <td class="right">{rank}</td>
      <th scope="row">
        <button
          type="button"
          class="quiet small link"
          aria-pressed={kept}
          onClick={() => keep({ configuration: kept ? null : { only: [row.hash] } })}
        >
          {name}
        </button>
      </th>
      <td class="right">{row.runs.length}</td>
      <td class="right">{row.seeds === 1 ? <span class="soft">one seed</span> : row.seeds}</td>
      <td class="right">{goal.text(row.mean)}</td>
      <td class="right">{row.deviation === null ? <span class="soft">–</span> : goal.text(row.deviation)}</td>
      <td class="right">{goal.text(row.best)}</td>
      <td>
        <Spread row={row} place={place} text={row.values.map(goal.text).join(", ")} />
      </td>
    </tr>
  );
}

function Spread({ row, place, text }: { row: Configuration; place: (value: number) => number; text: string }) {
  if (!row.values.length) return null;
  return (
    <svg class="spread" viewBox="0 0 120 16" role="img" aria-label={`Each job: ${text}`}>
      <title>{text}</title>
      <line x1="0" y1="8" x2="120" y2="8" />
      {row.values.map((value, index) => (
        <circle key={`${index} ${value}`} cx={4 + 112 * place(value)} cy="8" r="3" />
      ))}
      {row.mean !== null && row.values.length > 1 && (
        <line class="mean" x1={4 + 112 * place(row.mean)} y1="1" x2={4 + 112 * place(row.mean)} y2="15" />
      )}
    </svg>
  );
}
