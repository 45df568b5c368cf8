// A search instead of one run: the space, how points are chosen, how many; what it would be, and its start.

import { useSignal } from "@preact/signals";
import { go, href } from "../../../address";
import { call, Problem } from "../../../api/client";
import type { Sweep, SweepPreview } from "../../../api/schema";
import { notify } from "../../../parts/messages/notices";
import { ProblemNote } from "../../../parts/messages/problem";
import { useForm } from "../form/form";
import { VaryRows } from "../vary/vary_fields";
import { dimensionOf, FIRST, requestOf, type Searched } from "./search";

const ALGORITHMS: readonly [Searched["algorithm"], string][] = [
  ["random", "at random"],
  ["tpe", "by what was good so far (TPE)"],
  ["grid", "all of a grid"],
];
const METRICS: readonly [string, string][] = [
  ["val_accuracy", "validation accuracy"],
  ["val_loss", "validation loss"],
  ["train_loss", "training loss"],
];
const BATCH = { path: ["training", "batch_size"], text: "16, 64, 256" };

/** The part of the form that searches; `wrong` says why not, while the job itself is not sound. */
export function Search({ wrong }: { wrong: string | null }) {
  const { draft } = useForm();
  const searched = useSignal<Searched>(FIRST);
  const preview = useSignal<SweepPreview | null>(null);
  const problem = useSignal<Problem | null>(null);
  const busy = useSignal(false);
  const { varied, algorithm, metric, early } = searched.value;
  const why = wrong ?? (varied.every(({ text }) => dimensionOf(text) === null) ? "Say what to search" : null);

  function change(next: Partial<Searched>): void {
    searched.value = { ...searched.value, ...next };
    preview.value = null;
  }
  async function ask<T>(path: string): Promise<T | null> {
    if (busy.value || why) return null;
    busy.value = true;
    problem.value = null;
    try {
      return await call<T>("POST", path, requestOf(draft.document.value, searched.value));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
      return null;
    } finally {
      busy.value = false;
    }
  }
  async function look(): Promise<void> {
    preview.value = await ask<SweepPreview>("/v1/sweeps?dry_run=true");
  }
  async function start(): Promise<void> {
    const sweep = await ask<Sweep>("/v1/sweeps");
    if (!sweep) return;
    notify("The sweep is started.");
    draft.forget();
    go(href(`/sweeps/${sweep.id}`));
  }
  return (
    <details class="fold vary search">
      <summary>Search instead of one run</summary>
      <p class="soft">
        The service tries points of a space, such as <code>0.001 to 0.5 log</code>, <code>16 to 256</code>,{" "}
        <code>0 to 0.5 step 0.1</code> or <code>adam, sgd</code>, and finds the best.
      </p>
      <VaryRows
        varied={varied}
        onChange={(next) => change({ varied: next })}
        first={[...FIRST.varied, BATCH]}
        placeholder="0.001 to 0.5 log"
        count={({ text }) => WORDS[String(dimensionOf(text)?.["kind"] ?? "")] ?? "–"}
      />
      <div class="row-of">
        <Select
          label="Points"
          value={algorithm}
          options={ALGORITHMS}
          onChange={(next) => change({ algorithm: next })}
        />
        <Select label="The best by" value={metric} options={METRICS} onChange={(next) => change({ metric: next })} />
      </div>
      <div class="row-of">
        <Count label="Most points" value={searched.value.trials} onChange={(trials) => change({ trials })} />
        <Count label="Jobs at once" value={searched.value.parallel} onChange={(parallel) => change({ parallel })} />
        <Count label="Seeds of each" value={searched.value.repeats} onChange={(repeats) => change({ repeats })} />
        <label class="row-of">
          <input type="checkbox" checked={early} onChange={(event) => change({ early: event.currentTarget.checked })} />
          Stop early what is worse
        </label>
      </div>
      <ProblemNote problem={problem.value} />
      {preview.value && <p role="status">{previewText(preview.value)}</p>}
      <div class="row-of">
        <button
          type="button"
          class="primary"
          aria-disabled={why !== null}
          aria-describedby="search-why"
          onClick={() => void start()}
        >
          Start the search
        </button>
        <button type="button" aria-disabled={why !== null} aria-describedby="search-why" onClick={() => void look()}>
          What would it be?
        </button>
        <span id="search-why" class="soft">
          {why}
        </span>
      </div>
    </details>
  );
}

const WORDS: Readonly<Record<string, string>> = {
  float: "a range",
  int: "whole numbers",
  values: "values",
  choice: "a choice",
};

function previewText(preview: SweepPreview): string {
  const { points, jobs, epochs, rungs, warnings, least_parameters: least, most_parameters: most } = preview;
  const number = (count: number) => count.toLocaleString("en");
  const size = least === most ? number(least) : `${number(least)} to ${number(most)}`;
  const early = rungs.slice(0, -1).join(", ");
  const stops = early && ` Points stop after ${early} epochs unless they are among the best.`;
  const all = `${number(points)} points, ${number(jobs)} jobs, ${number(epochs)} epochs at most`;
  return [`${all}; networks of ${size} parameters.${stops}`, ...warnings].join(" ");
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

function Select<T extends string>({ label, value, options, onChange }: SelectProps<T>) {
  return (
    <label class="row-of">
      {label}
      <select value={value} onChange={(event) => onChange(options[event.currentTarget.selectedIndex]?.[0] ?? value)}>
        {options.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

function Count({ label, value, onChange }: { label: string; value: number; onChange: (value: number) => void }) {
  return (
    <label class="row-of">
      {label}
      <input
        type="number"
        class="number"
        min={1}
        value={value}
        onInput={(event) => {
          const next = Math.floor(event.currentTarget.valueAsNumber);
          if (next >= 1) onChange(next);
        }}
      />
    </label>
  );
}
