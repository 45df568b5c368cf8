// A confusion matrix as a table: rows are the images' own classes, columns what the network took them for.

import type { Evaluation } from "../../../api/schema";
import { percent } from "../../../format";

/** The matrix, in images or in per cent of each row; each cell's tint says the share, its figure says it too. */
export function Confusion({ evaluation, counts }: { evaluation: Evaluation; counts: boolean }) {
  const { classes, confusion_matrix: matrix } = evaluation;
  return (
    <div class="scroll-x confusion">
      <table>
        <caption class="left">
          Confusion matrix <span class="soft">({counts ? "images" : "per cent of the true class"})</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="soft">true ↓ · predicted →</span>
            </th>
            {classes.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {classes.map((name, row) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {classes.map((other, column) => (
                <Cell
                  key={other}
                  counts={counts}
                  right={row === column}
                  count={matrix[row]?.[column] ?? 0}
                  all={sum(matrix[row])}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function sum(row: readonly number[] | undefined): number {
  return (row ?? []).reduce((all, one) => all + one, 0);
}

function Cell({ count, all, right, counts }: { count: number; all: number; right: boolean; counts: boolean }) {
  const share = all ? count / all : 0;
  const tint = `color-mix(in srgb, var(${right ? "--good-tint" : "--bad-tint"}) ${Math.round(Math.min(1, share * (right ? 1 : 2)) * 100)}%, transparent)`;
  return (
    <td class={right ? "right-answer" : undefined} style={{ backgroundColor: tint }} title={`${count} of ${all}`}>
      {counts ? count.toLocaleString("en") : percent(share)}
    </td>
  );
}
