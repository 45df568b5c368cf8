// The epochs of a job as columns, and what events make of them.

import type * as schema from "../api/schema";

/** The figures of a job's epochs as columns; what else the API says of them is not drawn. */
export type EpochColumns = Omit<schema.EpochColumns, "digest">;

/** The figures of one epoch, as an event has them. */
export type Epoch = { [Name in keyof EpochColumns]: number };

/** What the event stream says of a job's course. */
export type CourseEvent = { kind: "epoch"; data: Epoch } | { kind: "resumed"; data: { from_epoch: number } };

/** Columns without an epoch. */
export const NO_EPOCHS: EpochColumns = {
  epoch: [],
  train_loss: [],
  train_accuracy: [],
  last_batch_loss: [],
  val_loss: [],
  val_accuracy: [],
  lr: [],
  seconds: [],
  samples_per_second: [],
  attempt: [],
  seq: [],
};

const NAMES = Object.keys(NO_EPOCHS) as (keyof EpochColumns)[];

function map(change: (name: keyof EpochColumns) => number[]): EpochColumns {
  const changed = { ...NO_EPOCHS };
  for (const name of NAMES) changed[name] = change(name);
  return changed;
}

/**
 * Fold events into columns. An epoch that is there already is replaced where the event is newer: each event counts
 * once, however often it comes. After `resumed` the epochs from there on are run again.
 */
export function fold(columns: EpochColumns, events: readonly CourseEvent[]): EpochColumns {
  const folded = map((name) => [...columns[name]]);
  for (const event of events) {
    if (event.kind === "resumed") truncate(folded, event.data.from_epoch);
    else if (event.data.seq > (folded.seq.at(-1) ?? 0)) {
      truncate(folded, event.data.epoch);
      for (const name of NAMES) folded[name].push(event.data[name]);
    }
  }
  return folded;
}

function truncate(columns: EpochColumns, from: number): void {
  let length = columns.epoch.length;
  while (length > 0 && (columns.epoch[length - 1] ?? 0) >= from) length--;
  for (const name of NAMES) columns[name].length = length;
}

/** Leave out the epochs of an earlier attempt that a later one has not run again yet. */
export function current(columns: EpochColumns): EpochColumns {
  const stale = columns.seq.findIndex((seq, index) => index > 0 && seq < (columns.seq[index - 1] ?? 0));
  return stale < 0 ? columns : map((name) => columns[name].slice(0, stale));
}

/** The first epoch of each attempt but the first. */
export function resumptions(columns: EpochColumns): { epoch: number; attempt: number }[] {
  return columns.epoch.flatMap((epoch, index) => {
    const attempt = columns.attempt[index] ?? 1;
    return index > 0 && attempt !== columns.attempt[index - 1] ? [{ epoch, attempt }] : [];
  });
}
