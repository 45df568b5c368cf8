// The columns: which ones, in which order; others are found by typing, any field of a job's spec among them.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../../../parts/icon";
import { Popover } from "../../../parts/popups/menu";
import { type SpecPath, specPaths } from "../../../state/list/spec_paths";
import { COLUMN_NAMES, idOfPath, wordsOf } from "./columns";
import { type ColumnChoice, show, USUAL_COLUMNS } from "./shown";

interface ColumnMenuProps {
  columns: readonly ColumnChoice[];
}

/** Columns with one moved by some places. */
export function moved(columns: readonly ColumnChoice[], id: string, by: number): readonly ColumnChoice[] {
  const from = columns.findIndex((one) => one.id === id);
  const rest = columns.filter((one) => one.id !== id);
  const one = columns[from];
  if (!one) return columns;
  rest.splice(Math.min(Math.max(0, from + by), rest.length), 0, one);
  return rest;
}

/** The button that opens the choice of columns. */
export function ColumnMenu({ columns }: ColumnMenuProps) {
  return (
    <Popover button="Columns" class="columns-button">
      <Choice columns={columns} />
    </Popover>
  );
}

function Choice({ columns }: ColumnMenuProps) {
  const paths = useSignal<readonly SpecPath[]>([]);
  const words = useSignal("");
  useEffect(() => {
    specPaths().then(
      (all) => {
        paths.value = all;
      },
      () => undefined, // the columns of every job can be chosen without
    );
  }, []);
  const shown = new Set(columns.map((one) => one.id));
  const others = [
    ...COLUMN_NAMES,
    ...paths.value.map(({ path, means }) => ({ id: idOfPath(path), title: `${path}. ${means}` })),
  ].filter(
    ({ id, title }) =>
      !shown.has(id) && `${id} ${wordsOf(id)} ${title}`.toLowerCase().includes(words.value.toLowerCase()),
  );
  return (
    <div class="column-choice">
      <section>
        <h2>Shown</h2>
        <ol>
          {columns.map((column, index) => (
            <Shown key={column.id} column={column} columns={columns} index={index} />
          ))}
        </ol>
        <button type="button" onClick={() => show({ columns: USUAL_COLUMNS })}>
          The usual columns
        </button>
      </section>
      <section>
        <h2>Add</h2>
        <input
          type="search"
          aria-label="Find a column"
          placeholder="Find: learning rate, dropout, owner …"
          value={words.value}
          onInput={(event) => {
            words.value = event.currentTarget.value;
          }}
        />
        <ul>
          {others.map(({ id, title }) => (
            <li key={id}>
              <button type="button" class="quiet" onClick={() => show({ columns: [...columns, { id, width: null }] })}>
                <Icon name="add" /> {wordsOf(id)} <span class="soft">{title}</span>
              </button>
            </li>
          ))}
        </ul>
        {!others.length && <p class="soft">No column and no field of a job is called so.</p>}
      </section>
    </div>
  );
}

interface ShownProps {
  column: ColumnChoice;
  columns: readonly ColumnChoice[];
  index: number;
}

function Shown({ column, columns, index }: ShownProps) {
  const move = (by: number) => show({ columns: moved(columns, column.id, by) }, { replace: true });
  return (
    <li>
      <span class="words">{wordsOf(column.id)}</span>
      <button
        type="button"
        class="quiet"
        aria-label={`Move ${wordsOf(column.id)} up`}
        disabled={index === 0}
        onClick={() => move(-1)}
      >
        ↑
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={`Move ${wordsOf(column.id)} down`}
        disabled={index === columns.length - 1}
        onClick={() => move(1)}
      >
        ↓
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={`Remove ${wordsOf(column.id)}`}
        disabled={columns.length === 1}
        onClick={() => show({ columns: columns.filter((one) => one.id !== column.id) })}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
