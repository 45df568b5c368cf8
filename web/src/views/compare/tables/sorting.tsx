// Sorting a table by a click on a column's heading.

import type { Signal } from "@preact/signals";
import type { Value } from "../../../parts/pictures/scales";

/** The column that a table is sorted by, and whether the largest come first; null for the rows' own order. */
export type Sorting = { id: string; descending: boolean } | null;

/** A column that can be sorted by. */
export interface SortColumn<Row> {
  id: string;
  label: string;
  of: (row: Row) => Value;
}

/** Rows in the order that is asked for. */
export function sortedBy<Row>(
  rows: readonly Row[],
  sorting: Sorting,
  columns: readonly SortColumn<Row>[],
  compare: (one: Value, other: Value, sign: 1 | -1) => number,
): readonly Row[] {
  const column = columns.find(({ id }) => id === sorting?.id);
  if (!sorting || !column) return rows;
  const sign = sorting.descending ? -1 : 1;
  return [...rows].sort((one, other) => compare(column.of(one), column.of(other), sign));
}

/** The sorting after a click on a column: descending, ascending, the rows' own order. */
export function clicked(sorting: Sorting, id: string): Sorting {
  if (sorting?.id !== id) return { id, descending: true };
  return sorting.descending ? { id, descending: false } : null;
}

interface SortHeadProps {
  column: { id: string; label: string };
  sorting: Pick<Signal<Sorting>, "value">;
}

/** A column's heading that sorts. */
export function SortHead({ column: { id, label }, sorting }: SortHeadProps) {
  const here = sorting.value?.id === id ? sorting.value : null;
  return (
    <th scope="col" aria-sort={here ? (here.descending ? "descending" : "ascending") : undefined} title={id}>
      <button
        type="button"
        class="quiet small sort"
        onClick={() => {
          sorting.value = clicked(sorting.value, id);
        }}
      >
        {label}
        <span aria-hidden="true">{here ? (here.descending ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}
