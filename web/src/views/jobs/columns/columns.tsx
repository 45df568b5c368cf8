// The columns that the table can have: those of every job, and any field of its spec by its path.

import type { ComponentChildren } from "preact";
import { href } from "../../../address";
import { duration, figure, nameOf, percent, shortId } from "../../../format";
import { Left } from "../../../parts/left";
import { Status } from "../../../parts/status";
import type { Column } from "../../../parts/table/table";
import { labelOf } from "../../../parts/words";
import type { Curves } from "../../../state/list/curves";
import { condition } from "../../../state/list/filter";
import { fieldOf, RESULTS, shortName } from "../../../state/list/filter_fields";
import type { Row } from "../../../state/list/jobs";
import { valueAt } from "../../../state/list/order";
import { Age, Progress, Sparkline, Value } from "./cells";
import type { ColumnChoice } from "./shown";

/** A column of the table of jobs, with the fields that it is made from. */
export interface JobColumn extends Column<Row> {
  fields: readonly string[];
}

type Made = Omit<JobColumn, "id">;

function figures(
  heading: string,
  title: string,
  path: string,
  cell: (row: Row) => ComponentChildren,
  sort?: string,
  width = 70,
): Made {
  return { heading, title, width, align: "right", fields: [path], cell, ...(sort ? { sort } : {}) };
}

/** The losses of the latest epoch. Lists have an order by the one that says how good a job is. */
function losses(): Record<"val_loss" | "train_loss", Made> {
  const validation = figures(
    "Val. loss",
    "Validation loss of the latest epoch; less is better among jobs of one loss function",
    "result.val_loss",
    (row) => figure(row.result?.val_loss),
    "val_loss",
  );
  const training = figures("Train loss", "Training loss of the latest epoch", "result.train_loss", (row) =>
    figure(row.result?.train_loss),
  );
  const unsorted = "Lists have no order by training loss; by validation loss they have one.";
  return { val_loss: validation, train_loss: { ...training, unsorted } };
}

function word(heading: string, title: string, name: "owner" | "preset" | "kind" | "device", width: number): Made {
  const cell = (row: Row) => {
    const value = row[name];
    return value ? <Value term={condition(name, ":", value)}>{value}</Value> : <span class="soft">–</span>;
  };
  return { heading, title, width, fields: [name], cell };
}

function plain(heading: string, title: string, name: "engine" | "worker", width: number): Made {
  return { heading, title, width, fields: [name], cell: (row) => row[name] ?? <span class="soft">–</span> };
}

function when(heading: string, title: string, name: "created_at" | "finished_at" | "started_at", sort?: string): Made {
  const cell = (row: Row) => <span title={row[name] ?? ""}>{row[name] ? <Age at={row[name]} /> : "–"}</span>;
  return { heading, title, width: 56, align: "right", fields: [name], cell, ...(sort ? { sort } : {}) };
}

const CURVE_FIELDS = ["result.val_loss", "result.val_accuracy", "attempts"];

const STANDARD: Readonly<Record<string, Made>> = {
  status: {
    heading: "Status",
    title: "State of the job",
    width: 104,
    fields: ["error.code"],
    cell: (row) => (
      <Value term={row.status}>
        <Status job={row} />
      </Value>
    ),
  },
  name: {
    heading: "Name",
    title: "Name, or preset, and the end of the id",
    width: 150,
    grows: true,
    fields: [],
    cell: (row) => (
      <a href={href(`/jobs/${row.id}`)} tabIndex={-1} title={nameOf(row)}>
        {nameOf(row)} <span class="soft">{shortId(row.id)}</span>
      </a>
    ),
  },
  tags: {
    heading: "Tags",
    title: "Tags",
    width: 104,
    fields: [],
    cell: (row) =>
      row.tags.map((tag) => (
        <Value key={tag} term={condition("tag", ":", tag)}>
          <span class="tag">{tag}</span>
        </Value>
      )),
  },
  progress: {
    heading: "Epoch",
    title: "Epochs that have ended, of those asked for",
    width: 100,
    align: "right",
    fields: [],
    cell: (row) => <Progress row={row} />,
  },
  ...losses(),
  accuracy: figures(
    "Val. acc.",
    "Validation accuracy of the latest epoch",
    "result.val_accuracy",
    (row) => percent(row.result?.val_accuracy),
    "-val_accuracy",
  ),
  best: figures(
    "Best val. acc.",
    "Validation accuracy of the best epoch",
    "result.best_val_accuracy",
    (row) => percent(row.result?.best_val_accuracy),
    "-best_val_accuracy",
    94,
  ),
  best_epoch: figures(
    "Best epoch",
    "The epoch of the best validation accuracy",
    "result.best_epoch",
    (row) => row.result?.best_epoch ?? "–",
  ),
  train_accuracy: figures("Train acc.", "Training accuracy of the latest epoch", "result.train_accuracy", (row) =>
    percent(row.result?.train_accuracy),
  ),
  left: {
    heading: "Left",
    title: "Time that a running job will still take",
    width: 80,
    align: "right",
    fields: [],
    cell: (row) =>
      row.status === "running" ? <Left progress={row.progress} read={row.read_at} /> : <span class="soft">–</span>,
  },
  device: word("Device", "Device of the latest attempt", "device", 64),
  owner: word("Owner", "Whose job it is", "owner", 100),
  preset: word("Preset", "Preset that the job was submitted from", "preset", 130),
  kind: word("Kind", "Training, or evaluation of a finished job", "kind", 84),
  engine: plain("Engine", "Engine of the latest attempt", "engine", 84),
  worker: plain("Worker", "Worker that runs the job, or ran it last", "worker", 150),
  age: when("Age", "Time since the job was submitted", "created_at", "-created_at"),
  finished: when("Finished", "Time since the job ended", "finished_at", "-finished_at"),
  took: {
    heading: "Took",
    title: "Time from the first attempt to the end",
    width: 92,
    align: "right",
    fields: ["started_at", "finished_at"],
    cell: (row) => duration(tookSeconds(row)),
  },
  attempts: figures("Attempts", "Number of attempts so far", "attempts", (row) => row.attempts ?? "–"),
  parameters: figures("Parameters", "Weights and biases of the network", "cost.parameters", (row) =>
    (row.cost?.parameters ?? 0).toLocaleString("en"),
  ),
  why: {
    heading: "What happened",
    title: "Why the job failed, or what it waits for",
    width: 240,
    fields: ["error", "warnings"],
    cell: (row) => {
      const text = row.error ? (row.error.detail ?? row.error.code) : (row.warnings?.join(" ") ?? "");
      return <span title={text}>{text}</span>;
    },
  },
};

function tookSeconds(row: Row): number | null {
  if (!row.started_at || !row.finished_at) return null;
  return (Date.parse(row.finished_at) - Date.parse(row.started_at)) / 1000;
}

/** Every column of jobs, in the order in which the menu lists them. */
export const COLUMN_NAMES: readonly { id: string; title: string }[] = [
  ...Object.entries(STANDARD).map(([id, made]) => ({ id, title: made.title ?? made.heading })),
  { id: "loss_curve", title: "Validation loss over the epochs" },
  { id: "accuracy_curve", title: "Validation accuracy over the epochs" },
];

const CURVES: Readonly<Record<string, string>> = { loss_curve: "Loss curve", accuracy_curve: "Accuracy curve" };

/** What the menu calls a column: its heading, or a field of the spec as the form of a new job says it. */
export function wordsOf(id: string): string {
  const heading = CURVES[id] ?? (Object.hasOwn(STANDARD, id) ? STANDARD[id]?.heading : undefined);
  return heading ?? (fieldOf(id)?.path ?? id).split(".").map(labelOf).join(" › ");
}

/** The id of the column of a field of the spec. */
export function idOfPath(path: string): string {
  const name = shortName(path);
  return Object.hasOwn(STANDARD, name) ? path : name;
}

/** The columns of a choice; ids that nothing is known of are fields of the spec. */
export function columnsOf(choice: readonly ColumnChoice[], curves: Curves): readonly JobColumn[] {
  return choice.flatMap(({ id, width }) => {
    const made = (Object.hasOwn(STANDARD, id) && STANDARD[id]) || curveColumn(id, curves) || specColumn(id);
    if (!made) return [];
    return [{ ...made, id, ...(width === null ? {} : { width, grows: false }) }];
  });
}

function curveColumn(id: string, curves: Curves): Made | null {
  const of = id === "loss_curve" ? "loss" : id === "accuracy_curve" ? "accuracy" : null;
  if (!of) return null;
  return {
    heading: of === "loss" ? "Loss curve" : "Acc. curve",
    title: `Validation ${of} over the epochs`,
    width: 98,
    fields: CURVE_FIELDS,
    cell: (row) => <Sparkline curve={curves.of(row.id)} of={of} />,
  };
}

function specColumn(id: string): Made | null {
  const path = fieldOf(id)?.path;
  if (!path || RESULTS.has(path)) return null;
  const name = shortName(path);
  return {
    heading: name.split(".").at(-1) ?? name,
    title: path,
    width: 70,
    align: "right",
    sort: `spec.${path}`,
    fields: [`spec.${path}`],
    cell: (row) => {
      const value = valueAt(row, `spec.${path}`);
      if (value === null || value === undefined) return <span class="soft">–</span>;
      const written = typeof value === "object" ? JSON.stringify(value) : String(value);
      const shown = typeof value === "number" ? figure(value) : written;
      return <Value term={condition(name, "=", written)}>{shown}</Value>;
    },
  };
}
