// Adding jobs to the comparison: those that a filter finds, one by one or all that there is room for.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Problem } from "../../../api/client";
import type { Job } from "../../../api/schema";
import { nameOf, percent, shortId } from "../../../format";
import { ProblemNote } from "../../../parts/messages/problem";
import { Dialog } from "../../../parts/popups/dialog";
import { Status } from "../../../parts/status";
import { parseFilter } from "../../../state/list/filter";
import { MOST, select } from "../asked";

import { type Found, find } from "./finding";

const MOST_LISTED = 100;
const ORDERS = [
  { id: "-created_at", name: "newest first" },
  { id: "-best_val_accuracy", name: "best validation accuracy first" },
];

interface AddProps {
  /** Whole ids of the jobs that are compared already. */
  chosen: readonly string[];
  onClose: () => void;
}

/** The dialog. */
export function Add({ chosen, onClose }: AddProps) {
  const text = useSignal("");
  const sort = useSignal("-created_at");
  const found = useSignal<Found | null>(null);
  const problem = useSignal<Problem | null>(null);
  const { query, problems } = parseFilter(text.value);
  const asked = `${query}&sort=${sort.value}`;
  useSearch(asked, problems.length === 0, found, problem);

  const known = new Set(chosen);
  const room = MOST - chosen.length;
  const fresh = (found.value?.jobs ?? []).filter((job) => !known.has(job.id));
  const fitting = fresh.slice(0, room);
  return (
    <Dialog title="Add jobs" onClose={onClose}>
      <div class="row-of controls">
        <label class="choice grow">
          Filter
          <input
            type="search"
            placeholder="lr > 0.01 tag:night -failed"
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <select
          aria-label="Order"
          value={sort.value}
          onChange={(event) => {
            sort.value = event.currentTarget.value;
          }}
        >
          {ORDERS.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </div>
      {problems.map((one) => (
        <p key={one.text} class="problem">
          {one.text}
        </p>
      ))}
      <ProblemNote problem={problem.value} />
      <p role="status" id="add-why">
        {found.value ? summary(found.value, fresh.length, room) : "Looking…"}
      </p>
      <ul class="found">
        {fresh.slice(0, MOST_LISTED).map((job) => (
          <FoundRow key={job.id} job={job} onAdd={() => room > 0 && select([...chosen, job.id])} />
        ))}
      </ul>
      <footer>
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button
          type="button"
          class="primary"
          disabled={!fitting.length}
          aria-describedby="add-why"
          onClick={() => {
            select([...chosen, ...fitting.map((job) => job.id)]);
            onClose();
          }}
        >
          {fitting.length < fresh.length || found.value?.more
            ? `Add the first ${fitting.length}`
            : `Add all ${fitting.length}`}
        </button>
      </footer>
    </Dialog>
  );
}

function useSearch(
  asked: string,
  understood: boolean,
  found: { value: Found | null },
  problem: { value: Problem | null },
): void {
  const first = useRef(true);
  useEffect(() => {
    if (!understood) return;
    const stop = new AbortController();
    const wait = first.current ? 0 : 150; // not at each letter
    first.current = false;
    const timer = setTimeout(() => {
      find(asked, stop.signal).then(
        (answer) => {
          found.value = answer;
          problem.value = null;
        },
        (error: unknown) => {
          if (!stop.signal.aborted && error instanceof Problem) problem.value = error;
        },
      );
    }, wait);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [asked, understood]);
}

function summary({ jobs, more }: Found, fresh: number, room: number): string {
  const compared = jobs.length - fresh;
  const count = `${more ? "More than " : ""}${jobs.length} ${jobs.length === 1 ? "job matches" : "jobs match"}`;
  const already = compared ? `, ${compared} of them compared already` : "";
  const limit = more || fresh > room || !room ? ` A comparison has room for ${MOST} jobs, ${room} more.` : "";
  return `${count}${already}.${limit}`;
}

function FoundRow({ job, onAdd }: { job: Job; onAdd: () => void }) {
  return (
    <li>
      <span>
        {nameOf(job)} <span class="soft">{shortId(job.id)}</span>
      </span>
      <Status job={job} />
      <span class="right">{percent(job.result?.best_val_accuracy)}</span>
      <button type="button" class="small" aria-label={`Add ${nameOf(job)} ${shortId(job.id)}`} onClick={onAdd}>
        Add
      </button>
    </li>
  );
}
