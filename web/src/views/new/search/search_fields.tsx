// A search instead of one run: the space, how points are chosen, how many; what it would be, and its start.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { go, href, place } from "../../../address";
import { call, type FieldProblem, Problem } from "../../../api/client";
import type { Sweep, SweepPreview } from "../../../api/schema";
import { notify } from "../../../parts/messages/notices";
import { useForm } from "../form/form";
import { VaryRows } from "../vary/vary_fields";
import { against, clash, dimensionOf, FIRST, remaining, requestOf, type Searched, searchable } from "./search";

const ALGORITHMS: readonly [Searched["algorithm"], string][] = [
  ["random", "at random"],
  ["tpe", "by what was good so far (TPE)"],
  ["grid", "all of a grid"],
];
const METRICS: readonly [string, string][] = [
  ["val_accuracy", "validation accuracy"],
  ["val_loss", "validation loss"],
  ["train_accuracy", "training accuracy"],
  ["train_loss", "training loss"],
];
const EPOCHS: readonly [Searched["at"], string][] = [
  ["best", "the best epoch so far"],
  ["last", "the last epoch"],
];
const BATCH = { path: ["training", "batch_size"], text: "16, 64, 256" };

/** The part of the form that searches; `wrong` says why not, while the job itself is not sound. */
export function Search({ wrong }: { wrong: string | null }) {
  const { draft, fields, spec } = useForm();
  const searched = useSignal<Searched>(FIRST);
  const preview = useSignal<SweepPreview | null>(null);
  const problems = useSignal<readonly FieldProblem[]>([]);
  const busy = useSignal(false);
  const { varied, algorithm, metric } = searched.value;
  const why = wrong ?? whyNot(searched.value);

  const elsewhere = problems.value.filter((one) => !varied.some((row) => against(row, [one]).length));

  useEffect(() => {
    problems.value = []; // they were said of another job
  }, [draft.document.value]);

  function change(next: Partial<Searched>): void {
    problems.value = next.varied ? remaining(problems.value, varied, next.varied) : [];
    searched.value = { ...searched.value, ...next };
    preview.value = null;
  }
  async function ask<T>(path: string): Promise<T | null> {
    if (busy.value || why) return null;
    busy.value = true;
    problems.value = [];
    try {
      return await call<T>("POST", path, requestOf(draft.document.value, searched.value));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.value = error.errors.length ? error.errors : [{ pointer: "", detail: error.message }];
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
    <details class="fold vary search" open={place.value.query.has("search")}>
      <summary>Search instead of one run</summary>
      <p class="soft">
        The service tries points of a space, such as <code>0.001 to 0.5 log</code>, <code>16 to 256</code>,{" "}
        <code>0 to 0.5 step 0.1</code>, <code>adam, sgd</code> or <code>[64], [128, 64]</code>, and finds the best.
      </p>
      <VaryRows
        varied={varied}
        onChange={(next) => change({ varied: next })}
        paths={searchable(fields, spec, searched.value)}
        first={[...FIRST.varied, BATCH]}
        placeholder="0.001 to 0.5 log"
        count={({ text }) => WORDS[String(dimensionOf(text)?.["kind"] ?? "")] ?? "–"}
        wrong={(row) => {
          const reason = clash(row.path, searched.value);
          return reason ? [reason] : against(row, problems.value).map(({ detail }) => detail);
        }}
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
        <StopsEarly searched={searched.value} onChange={change} />
      </div>
      <More searched={searched.value} onChange={change} />
      {elsewhere.length > 0 && (
        <div class="problem" role="alert">
          {elsewhere.map(({ detail }) => (
            <p key={detail}>{detail}</p>
          ))}
        </div>
      )}
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

/** Why a search cannot start, by its own fields alone; null where it can. */
function whyNot(searched: Searched): string | null {
  const varied = searched.varied.filter(({ text }) => dimensionOf(text) !== null);
  if (!varied.length) return "Say what to search";
  return varied.some(({ path }) => clash(path, searched)) ? "One of the fields cannot vary so" : null;
}

interface PartProps {
  searched: Searched;
  onChange: (next: Partial<Searched>) => void;
}

function StopsEarly({ searched, onChange }: PartProps) {
  return (
    <label class="row-of">
      <input
        type="checkbox"
        checked={searched.early}
        onChange={(event) => onChange({ early: event.currentTarget.checked })}
      />
      Stop early what is worse
    </label>
  );
}

/** What few searches change. */
function More({ searched, onChange }: PartProps) {
  const { seed, at, early, least, eta } = searched;
  return (
    <details class="fold">
      <summary>More of the search</summary>
      <div class="row-of">
        <Count label="Seed" least={0} value={seed} onChange={(next) => onChange({ seed: next })} />
        <Select label="Its figure is of" value={at} options={EPOCHS} onChange={(next) => onChange({ at: next })} />
      </div>
      {early && (
        <div class="row-of">
          <Count label="First stop after epochs" value={least} onChange={(next) => onChange({ least: next })} />
          <Count label="One goes on of" least={2} value={eta} onChange={(next) => onChange({ eta: next })} />
        </div>
      )}
      <p class="soft">The same seed gives the same search.</p>
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

interface CountProps {
  label: string;
  value: number;
  least?: number;
  onChange: (value: number) => void;
}

function Count({ label, value, least = 1, onChange }: CountProps) {
  return (
    <label class="row-of">
      {label}
      <input
        type="number"
        class="number"
        min={least}
        value={value}
        onInput={(event) => {
          const next = Math.floor(event.currentTarget.valueAsNumber);
          if (next >= least) onChange(next);
        }}
      />
    </label>
  );
}
