// The curves of many jobs in little: read for the rows in sight, and continued by what the list itself reads.

import { type Signal, signal } from "@preact/signals";
import { Problem, read } from "../../api/client";
import type { Comparison, EpochColumns } from "../../api/schema";
import type { Row } from "./jobs";

/** A job's validation losses and accuracies, thinned to a few dozen, and how many epochs they stand for. */
export interface Curve {
  epochs: number;
  attempts: number;
  loss: readonly (number | null)[];
  accuracy: readonly (number | null)[];
}

const QUIET = 120; // milliseconds without scrolling before curves are asked for
const MOST = 60; // whole ids, which every proxy lets pass in an address
const POINTS = 48;
const KEPT = 3000;
/** Reading takes at most this share of the time: a service that is slow already is not asked the more. */
const SHARE = 0.5;

/** At most `POINTS` of values, evenly chosen, the last one among them. */
export function thinned(values: readonly (number | null)[]): (number | null)[] {
  if (values.length <= 2 * POINTS) return [...values];
  const step = (values.length - 1) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, index) => values[Math.round(index * step)] ?? null);
}

/** The curve after a row was read again; null where it has to be read: epochs are missing, or were trained again. */
export function continued(curve: Curve, row: Row): Curve | null {
  const epoch = row.progress.epoch;
  if (epoch <= curve.epochs && (row.attempts ?? 0) === curve.attempts) return curve;
  if (epoch !== curve.epochs + 1 || !row.result) return null;
  return {
    epochs: epoch,
    attempts: row.attempts ?? 0,
    loss: thinned([...curve.loss, row.result.val_loss ?? null]),
    accuracy: thinned([...curve.accuracy, row.result.val_accuracy ?? null]),
  };
}

/** Curves by job. One request at a time, each to its end: one that is given up costs the service as much, for nothing. */
export class Curves {
  private readonly known = new Map<string, Signal<Curve | null>>();
  private readonly stop = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted: readonly Row[] = [];
  private reading = false;
  private rested = Number.NEGATIVE_INFINITY;

  /** The curve of a job; null until it is known. */
  of(id: string): Signal<Curve | null> {
    const found = this.known.get(id) ?? signal<Curve | null>(null);
    this.known.set(id, found);
    return found;
  }

  /** Say which rows are in sight: their curves are read soon, unless they are known. */
  want(rows: readonly Row[]): void {
    this.wanted = rows.filter((row) => row.progress.epoch > 0 && !this.go(row));
    clearTimeout(this.timer);
    if (this.reading || !this.wanted.length) return;
    this.timer = setTimeout(() => void this.read(), Math.max(QUIET, this.rested - performance.now()));
  }

  /** Read no more. */
  close(): void {
    clearTimeout(this.timer);
    this.stop.abort();
  }

  private go(row: Row): boolean {
    const curve = this.of(row.id);
    if (curve.value === null) return false;
    const next = continued(curve.value, row);
    if (next) curve.value = next;
    return next !== null;
  }

  private async read(): Promise<void> {
    const start = performance.now();
    const rows = this.wanted.slice(0, MOST);
    this.wanted = this.wanted.slice(MOST);
    this.reading = true;
    try {
      await (rows.length === 1 && rows[0] ? this.readOne(rows[0]) : this.readMany(rows));
    } catch (error) {
      if (this.stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.wanted = []; // asked again with the next change: a job was deleted meanwhile, or the service is away
    } finally {
      this.reading = false;
    }
    this.rested = start + (performance.now() - start) / SHARE;
    for (const id of [...this.known.keys()].slice(0, Math.max(0, this.known.size - KEPT))) this.known.delete(id);
    this.want(this.wanted);
  }

  private async readOne(row: Row): Promise<void> {
    const epochs = await read<EpochColumns>(`/v1/jobs/${row.id}/epochs`, this.stop.signal);
    this.keep(row, epochs.epoch.at(-1) ?? 0, epochs.val_loss, epochs.val_accuracy);
  }

  private async readMany(rows: readonly Row[]): Promise<void> {
    const query = `${rows.map((row) => `job=${row.id}`).join("&")}&fields=id,progress&columns=val_loss,val_accuracy`;
    const { jobs, curves } = await read<Comparison>(`/v1/compare?${query}`, this.stop.signal);
    for (const [index, row] of rows.entries()) {
      this.keep(row, jobs[index]?.progress.epoch ?? 0, curves.val_loss[index] ?? [], curves.val_accuracy[index] ?? []);
    }
  }

  private keep(row: Row, epochs: number, loss: readonly (number | null)[], accuracy: readonly (number | null)[]): void {
    const length = loss.findLastIndex((value) => value !== null) + 1;
    this.of(row.id).value = {
      epochs,
      attempts: row.attempts ?? 0,
      loss: thinned(loss.slice(0, length)),
      accuracy: thinned(accuracy.slice(0, length)),
    };
  }
}
