// A table of any length: only the rows in sight are in the document. A grid for the keyboard: arrows move, Enter opens,
// space chooses.

import type { ComponentChildren } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { type Acts, useActive } from "./table_active";
import { CHOOSER, HEADING_HEIGHT, Headings } from "./table_headings";
import { type Sequence, useSight } from "./table_sight";

/** A column: its heading, what a row shows in it, and how wide it is. */
export interface Column<Row> {
  id: string;
  heading: string;
  /** What the column is, in words for a hover box. */
  title?: string;
  /** Pixels; one that grows takes what is left. */
  width: number;
  grows?: boolean;
  align?: "right";
  /** The order that a click on the heading asks for first, such as "-created_at"; none where there is no such order. */
  sort?: string;
  /** Why there is none. */
  unsorted?: string;
  cell: (row: Row) => ComponentChildren;
}

/** What a table does when its headings are used; without one, the headings only say what the columns are. */
export interface Heading {
  sort: string;
  onSort: (sort: string) => void;
  onWidth: (id: string, width: number) => void;
  onMove: (id: string, by: number) => void;
}

interface TableProps<Row> {
  label: string;
  rows: Sequence<Row>;
  /** Whether further rows are still to be read. */
  more?: boolean;
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  /** What a row is called, for screen readers. */
  nameOf: (row: Row) => string;
  rowHeight?: number;
  heading?: Heading | undefined;
  chosen: ReadonlySet<string>;
  /** Choose rows, or let go of them. */
  onChoose: (rows: readonly Row[], chosen: boolean) => void;
  /** Choose all rows that have been read, or let go of all. */
  onChooseAll: (chosen: boolean) => void;
  onOpen: (row: Row) => void;
  /** Says which rows are in sight, from one place to before another. */
  onSight?: (first: number, last: number) => void;
}

/** The table. */
export function Table<Row>(props: TableProps<Row>) {
  const { rows, columns, keyOf, chosen, rowHeight = 34 } = props;
  const box = useRef<HTMLDivElement>(null);
  const sight = useSight(box, rows, keyOf, rowHeight, HEADING_HEIGHT, props.onSight);
  const active = useActive(props, sight);
  const template = columns.map((one) => (one.grows ? `minmax(${one.width}px, 1fr)` : `${one.width}px`)).join(" ");
  return (
    <div
      class="table"
      role="grid"
      tabIndex={0}
      ref={box}
      aria-label={props.label}
      aria-multiselectable
      aria-rowcount={props.more ? -1 : rows.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={active.key !== null && sight.shows(active.at) ? `row-${active.key}` : undefined}
      onKeyDown={active.onKey}
      style={{
        "--columns": `${CHOOSER}px ${template}`,
        "--width": `${widthOf(columns)}px`,
        "--row-height": `${rowHeight}px`,
      }}
    >
      <Headings {...props} count={rows.length} />
      <div class="rows" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        <div role="presentation" style={{ height: `${sight.first * rowHeight}px` }} />
        <div role="presentation" class="sight" style={sight.style}>
          {sight.rows.map((row, index) => (
            <RowOf
              key={keyOf(row)}
              id={keyOf(row)}
              row={row}
              columns={columns}
              at={sight.first + index}
              active={sight.first + index === active.at}
              chosen={chosen.has(keyOf(row))}
              name={props.nameOf(row)}
              act={active.act}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** The least width of a row: its columns, the gaps between them, and the room beside them (theme/grid.css). */
function widthOf<Row>(columns: readonly Column<Row>[]): number {
  const gap = 12;
  return columns.reduce((sum, column) => sum + gap + column.width, CHOOSER + 2 * gap);
}

interface RowProps<Row> {
  id: string;
  row: Row;
  columns: readonly Column<Row>[];
  at: number;
  active: boolean;
  chosen: boolean;
  name: string;
  act: Acts<Row>;
}

/** One row; what it shows is made anew only if it or its columns have changed. */
function RowOf<Row>({ id, row, columns, at, active, chosen, name, act }: RowProps<Row>) {
  const cells = useMemo(
    () =>
      columns.map((column) => (
        <div key={column.id} role="gridcell" class={column.align}>
          {column.cell(row)}
        </div>
      )),
    [row, columns],
  );
  function onClick(event: MouseEvent): void {
    const within = event.target instanceof Element && event.target.closest("a, button, input");
    if (event.shiftKey) event.preventDefault();
    act.activate(at, event.shiftKey);
    if ((event.ctrlKey || event.metaKey) && !within) act.choose(row);
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles the keys of its rows
    <div
      id={`row-${id}`}
      role="row"
      aria-rowindex={at + 2}
      aria-selected={chosen}
      class={active ? "row active" : "row"}
      onClick={onClick}
      onMouseDown={(event) => event.shiftKey && event.preventDefault()}
    >
      <div role="gridcell" class="chooser">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={chosen}
          aria-label={`Select ${name}`}
          onClick={(event) => !event.shiftKey && act.choose(row)}
        />
      </div>
      {cells}
    </div>
  );
}
