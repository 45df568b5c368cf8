// What all parts of the comparison share: the jobs that are drawn, those that are kept, and their fields.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { place } from "../../address";
import { type Asked, readAsked } from "./asked";
import { CONFIGURATION, FIGURES, type Field, hyperparameters, isKept, mostTelling } from "./fields/fields";
import { METRICS, type Metric, type Run, RunStore } from "./runs/runs";

/** A list that is the same one while it has the same in it, so that nothing is drawn anew for it. */
function steady<T>(list: () => readonly T[]): ReadonlySignal<readonly T[]> {
  let before: readonly T[] = [];
  return computed(() => {
    const next = list();
    if (next.length !== before.length || next.some((one, index) => one !== before[index])) before = next;
    return before;
  });
}

/** The comparison that an address asks for. */
export class Model {
  readonly store = new RunStore();
  readonly asked: ReadonlySignal<Asked> = computed(() => readAsked(place.value.query));
  /** The id of the job that is pointed at in any picture. */
  readonly active: Signal<string | null> = signal(null);
  /** All jobs. */
  readonly all: ReadonlySignal<readonly Run[]> = computed(() => this.store.compared.value.runs);
  /** The jobs that are not hidden. */
  readonly shown: ReadonlySignal<readonly Run[]> = steady(() => {
    const { hidden } = this.asked.value;
    return this.all.value.filter(({ job }) => !hidden.some((end) => job.id.endsWith(end)));
  });
  /** The jobs that are within what is kept. */
  readonly kept: ReadonlySignal<readonly Run[]> = steady(() =>
    this.shown.value.filter((run) => isKept(run, this.byId.value, this.asked.value.kept)),
  );
  /** The hyperparameters that differ. */
  readonly differing: ReadonlySignal<readonly Field[]> = computed(() => hyperparameters(this.store.compared.value));
  /** The same, those first whose values tell most of the jobs apart. */
  readonly telling: ReadonlySignal<readonly Field[]> = computed(() =>
    mostTelling(this.differing.value, this.shown.value),
  );
  /** All fields that a picture may show. */
  readonly fields: ReadonlySignal<readonly Field[]> = computed(() => [...this.differing.value, ...FIGURES]);
  readonly goal: ReadonlySignal<Field> = computed(() => this.field(this.asked.value.goal) ?? this.fallback());
  /** The figures of the epochs that the curves take. */
  readonly wanted: ReadonlySignal<readonly Metric[]> = computed(() => {
    const { metric, by } = this.asked.value;
    const shown = (METRICS.find(({ id }) => id === metric) ?? METRICS[0])?.id ?? "val_accuracy";
    return by === "time" ? [shown, "seconds"] : [shown];
  });
  private readonly byId = computed(() => new Map([...this.fields.value, CONFIGURATION].map((one) => [one.id, one])));

  /** The field of an id; null where there is none. */
  field(id: string | null): Field | null {
    return (id && this.byId.value.get(id)) || null;
  }

  private fallback(): Field {
    const best = FIGURES.find((one) => one.id === "best_val_accuracy");
    return best ?? CONFIGURATION;
  }
}
