// What differs between the jobs, and what came of it: a table to sort, and to take along as Markdown or CSV.

import { useMemo } from "preact/hooks";
import { href } from "../../../address";
import { nameOf, shortId } from "../../../format";
import { copy } from "../../../parts/clipboard/copy";
import { Status } from "../../../parts/status";
import { change } from "../asked";
import { compareValues, type Field } from "../fields/fields";
import type { Model } from "../model";
import { shadesOf } from "../pictures/shades";
import { Swatch } from "../pictures/swatch";
import type { Run } from "../runs/runs";
import { csv, markdown } from "./export";
import { SortHead, type Sorting, sortedBy } from "./sorting";

/** The results that come first; the others are in the CSV. */
const SHOWN: readonly string[] = ["best_val_accuracy", "val_loss", "epochs", "duration", "device"];

/** The section of the table. */
export function Differences({ model }: { model: Model }) {
  const runs = model.kept.value;
  const differing = model.differing.value;
  const results = model.fields.value.filter((field) => field.group === "results" && field.id !== "status");
  const fields = [...results.filter((field) => SHOWN.includes(field.id)), ...grouped(differing)];
  const all = [...results, ...grouped(differing)];
  const sorting = addressed(model.asked.value.sort);
  const name = { id: "name", label: "Job", of: (run: Run) => nameOf(run.job) };
  const status = { id: "status", label: "Status", of: (run: Run) => run.job.status };
  const rows = sortedBy(runs, sorting.value, [name, status, ...fields], compareValues);
  return (
    <section class="panel differences" aria-labelledby="differences-title">
      <div class="row-of">
        <h2 id="differences-title">What differs</h2>
        <span class="grow" />
        <button type="button" class="small" onClick={() => void copy(markdown(rows, fields), "the table as Markdown")}>
          Copy as Markdown
        </button>
        <button type="button" class="small" onClick={() => void copy(csv(rows, all), "the table as CSV")}>
          Copy as CSV
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls is reached by the keyboard */}
      <div class="scrolled" tabIndex={0} role="region" aria-label="Table of what differs">
        <table class="figures-table">
          <thead>
            <Groups fields={fields} />
            <tr>
              <SortHead column={name} sorting={sorting} />
              <SortHead column={status} sorting={sorting} />
              {fields.map((field) => (
                <SortHead key={field.id} column={field} sorting={sorting} />
              ))}
            </tr>
          </thead>
          <Body rows={rows} fields={fields} model={model} />
        </table>
      </div>
      {!differing.length && runs.length > 1 && <p class="soft note">These jobs were asked for the same.</p>}
    </section>
  );
}

/** The sorting that an address says; setting it changes the address. */
function addressed(sort: string | null): { value: Sorting } {
  return {
    get value() {
      return sort ? { id: sort.replace(/^-/, ""), descending: sort.startsWith("-") } : null;
    },
    set value(next: Sorting) {
      change({ sort: next && `${next.descending ? "-" : ""}${next.id}` });
    },
  };
}

function grouped(fields: readonly Field[]): Field[] {
  const groups = [...new Set(fields.map((field) => field.group))];
  return groups.flatMap((group) => fields.filter((field) => field.group === group));
}

function Groups({ fields }: { fields: readonly Field[] }) {
  const groups = [...new Set(fields.map((field) => field.group))];
  return (
    <tr class="groups">
      <td colSpan={2} />
      {groups.map((group) => (
        <th key={group} scope="colgroup" colSpan={fields.filter((field) => field.group === group).length}>
          {group}
        </th>
      ))}
    </tr>
  );
}

function Body({ rows, fields, model }: { rows: readonly Run[]; fields: readonly Field[]; model: Model }) {
  const shown = model.shown.value;
  const rated = fields
    .filter((field) => field.better)
    .map((field) => field.id)
    .join();
  const shades = useMemo(
    () => new Map(fields.filter((field) => field.better).map((field) => [field.id, shadesOf(shown, field).colour])),
    [shown, rated],
  );
  return (
    <tbody>
      {rows.map((run) => (
        <tr
          key={run.job.id}
          onPointerEnter={() => {
            model.active.value = run.job.id;
          }}
          onPointerLeave={() => {
            model.active.value = null;
          }}
        >
          <th scope="row">
            <Swatch number={run.colour} />{" "}
            <a href={href(`/jobs/${run.job.id}`)}>
              {nameOf(run.job)} <span class="soft">{shortId(run.job.id)}</span>
            </a>
          </th>
          <td>
            <Status job={run.job} />
          </td>
          {fields.map((field) => {
            const value = field.of(run);
            const colour = value === null ? undefined : shades.get(field.id)?.(run);
            return (
              <td key={field.id} class={typeof value === "string" ? undefined : "right"}>
                {colour && <span class="dot" style={{ background: colour }} />} {field.text(value)}
              </td>
            );
          })}
        </tr>
      ))}
    </tbody>
  );
}
