// The headings of a table: a click sorts, the edge changes the width, Alt and an arrow (or dragging) moves the column.

import type { ComponentChildren } from "preact";
import type { Column, Heading } from "./table";

/** The height of the headings, in pixels. */
export const HEADING_HEIGHT = 34;
/** The width of the column of boxes by which rows are chosen. */
export const CHOOSER = 22;

const LEAST_WIDTH = 44;
const STEP = 16;

interface HeadingsProps<Row> {
  /** How many rows there are. */
  count: number;
  columns: readonly Column<Row>[];
  chosen: ReadonlySet<string>;
  onChooseAll: (chosen: boolean) => void;
  heading?: Heading | undefined;
}

/** The row of headings. */
export function Headings<Row>({ count, columns, chosen, onChooseAll, heading }: HeadingsProps<Row>) {
  const all = count > 0 && chosen.size >= count;
  return (
    <div class="row heading" role="row" aria-rowindex={1}>
      <div role="columnheader" class="chooser">
        <input
          type="checkbox"
          aria-label="Select all rows"
          checked={all}
          indeterminate={chosen.size > 0 && !all}
          onClick={() => onChooseAll(!all)}
        />
      </div>
      {columns.map((column) => (
        <HeadingOf key={column.id} column={column} heading={heading} />
      ))}
    </div>
  );
}

function HeadingOf<Row>({ column, heading }: { column: Column<Row>; heading: Heading | undefined }) {
  const by = column.sort?.replace(/^-/, "");
  const sorted = heading !== undefined && by !== undefined && heading.sort.replace(/^-/, "") === by;
  const descending = heading?.sort.startsWith("-");
  if (!heading) return <Cell column={column}>{column.heading}</Cell>;
  return (
    <Cell column={column} sorted={sorted ? (descending ? "descending" : "ascending") : undefined}>
      <button
        type="button"
        class="quiet sorter"
        draggable
        data-column={column.id}
        title={titleOf(column)}
        aria-disabled={column.sort === undefined}
        onClick={() => column.sort !== undefined && heading.onSort(nextSort(heading.sort, column.sort))}
        onKeyDown={(event) => moveByKey(event, column.id, heading)}
        onDragStart={(event) => event.dataTransfer?.setData("text/plain", column.id)}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => moveByDrop(event, heading)}
      >
        <span class="words">{column.heading}</span>
        {sorted && <span aria-hidden="true">{descending ? "▾" : "▴"}</span>}
      </button>
      <Edge column={column} heading={heading} />
    </Cell>
  );
}

interface CellProps<Row> {
  column: Column<Row>;
  sorted?: "ascending" | "descending" | undefined;
  children: ComponentChildren;
}

function Cell<Row>({ column, sorted, children }: CellProps<Row>) {
  return (
    <div role="columnheader" class={column.align} aria-label={column.heading} aria-sort={sorted} title={column.title}>
      {children}
    </div>
  );
}

function titleOf<Row>(column: Column<Row>): string {
  const what = column.title ?? column.heading;
  return `${what}. ${column.sort === undefined ? (column.unsorted ?? "Jobs can't be sorted by this.") : "Click to sort."}`;
}

/** The sort after another click: the column's own direction first, then the other one. */
function nextSort(now: string, first: string): string {
  if (now !== first) return first;
  return first.startsWith("-") ? first.slice(1) : `-${first}`;
}

function moveByKey(event: KeyboardEvent & { currentTarget: HTMLElement }, id: string, heading: Heading): void {
  const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  if (!by || !event.altKey) return;
  event.preventDefault();
  heading.onMove(id, by);
  const button = event.currentTarget;
  requestAnimationFrame(() => button.focus());
}

function moveByDrop(event: DragEvent & { currentTarget: HTMLElement }, heading: Heading): void {
  event.preventDefault();
  const id = event.dataTransfer?.getData("text/plain") ?? "";
  const all = [...(event.currentTarget.closest(".heading")?.querySelectorAll<HTMLElement>("[data-column]") ?? [])];
  const from = all.findIndex((one) => one.dataset["column"] === id);
  if (from >= 0) heading.onMove(id, all.indexOf(event.currentTarget) - from);
}

/** The edge of a column, by which it is made wider or narrower: dragged, or with the arrow keys. */
function Edge<Row>({ column, heading }: { column: Column<Row>; heading: Heading }) {
  const set = (width: number) => heading.onWidth(column.id, Math.max(LEAST_WIDTH, Math.round(width)));
  const widthOf = (edge: HTMLElement) => edge.parentElement?.offsetWidth ?? column.width;

  function onPointerDown(event: PointerEvent & { currentTarget: HTMLElement }): void {
    const edge = event.currentTarget;
    const start = event.clientX;
    const width = widthOf(edge);
    event.preventDefault();
    edge.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => set(width + moved.clientX - start);
    edge.addEventListener("pointermove", move);
    edge.addEventListener("pointerup", () => edge.removeEventListener("pointermove", move), { once: true });
  }
  function onKeyDown(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
    const by = event.key === "ArrowLeft" ? -STEP : event.key === "ArrowRight" ? STEP : 0;
    if (!by) return;
    event.preventDefault();
    set(widthOf(event.currentTarget) + by);
  }
  return (
    <div
      class="edge"
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${column.heading}`}
      aria-valuenow={column.width}
      aria-valuemin={LEAST_WIDTH}
      aria-valuemax={1000}
      tabIndex={0}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    />
  );
}
