// On a phone, the table has one column: a card for each job.

import { useEffect, useState } from "preact/hooks";
import { href } from "../../../address";
import { nameOf, percent, shortId } from "../../../format";
import { Left } from "../../../parts/left";
import { Status } from "../../../parts/status";
import type { Row } from "../../../state/list/jobs";
import { Age, Progress } from "./cells";
import type { JobColumn } from "./columns";

const NARROW = matchMedia("(max-width: 640px)");

/** Whether the window is too narrow for a table of many columns. */
export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const change = () => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", change);
    return () => NARROW.removeEventListener("change", change);
  }, []);
  return narrow;
}

/** The one column of a narrow table. */
export const CARD: JobColumn = {
  id: "card",
  heading: "Jobs",
  width: 200,
  grows: true,
  fields: ["result.best_val_accuracy"],
  cell: (row) => <Card row={row} />,
};

function Card({ row }: { row: Row }) {
  return (
    <span class="card">
      <span class="line">
        <a href={href(`/jobs/${row.id}`)} tabIndex={-1}>
          {nameOf(row)} <span class="soft">{shortId(row.id)}</span>
        </a>
        <span>{percent(row.result?.best_val_accuracy)}</span>
      </span>
      <span class="line">
        <Status job={row} />
        <Progress row={row} />
        <span class="soft">
          {row.status === "running" ? (
            <>
              <Left progress={row.progress} read={row.read_at} /> left
            </>
          ) : (
            <>
              <Age at={row.created_at} /> ago
            </>
          )}
        </span>
      </span>
    </span>
  );
}
