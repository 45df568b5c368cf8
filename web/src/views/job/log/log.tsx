// A job's log: it follows while the end is in sight, and stays where one has scrolled to.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, place } from "../../../address";
import type { Job, LogLine } from "../../../api/schema";
import { shortId } from "../../../format";
import { ProblemNote } from "../../../parts/messages/problem";
import { isFinished } from "../job";
import { asText, type Row, rowsOf, type Wanted } from "./log_lines";
import { LogReader } from "./log_reader";

const ROW = 20;
const MARGIN = 20;

/** The log, with what is looked for in the address: ?find=, ?level=, ?attempt=. */
export function Log({ job }: { job: Job }) {
  const finished = useRef(isFinished(job));
  finished.current = isFinished(job);
  const reader = useMemo(() => new LogReader(job.id, () => finished.current), [job.id]);
  useLayoutEffect(() => () => reader.close(), [reader]);
  const query = place.value.query;
  const wanted: Wanted = {
    text: query.get("find") ?? "",
    level: query.get("level"),
    attempt: query.get("attempt") ? Number(query.get("attempt")) : null,
  };
  const lines = reader.lines.value;
  const rows = useMemo(() => rowsOf(lines, wanted), [lines, wanted.text, wanted.level, wanted.attempt]);
  return (
    <div class="log">
      <Controls job={job} lines={lines} shown={rows.length} wanted={wanted} />
      <ProblemNote problem={reader.problem.value} />
      {reader.asked.value && !lines.length && (
        <p class="soft">
          {isFinished(job) ? "It wrote no line." : "No line yet. They appear here as they are written."}
        </p>
      )}
      {lines.length > 0 && <Lines rows={rows} text={wanted.text} />}
    </div>
  );
}

interface ControlProps {
  job: Job;
  lines: readonly LogLine[];
  shown: number;
  wanted: Wanted;
}

function Controls({ job, lines, shown, wanted }: ControlProps) {
  const attempts = [...new Set(lines.map((line) => line.attempt))];
  function download(): void {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([asText(lines)], { type: "text/plain" }));
    link.download = `${shortId(job.id)}.log`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
  return (
    <div class="toolbar">
      <input
        type="search"
        placeholder="Find in the log"
        aria-label="Find in the log"
        value={wanted.text}
        onInput={(event) => ask({ find: event.currentTarget.value }, { replace: true })}
      />
      <select
        aria-label="Level"
        value={wanted.level ?? ""}
        onChange={(event) => ask({ level: event.currentTarget.value }, { replace: true })}
      >
        <option value="">Every level</option>
        <option value="WARNING">Warnings and errors</option>
        <option value="ERROR">Errors</option>
      </select>
      {attempts.length > 1 && (
        <select
          aria-label="Attempt"
          value={wanted.attempt ?? ""}
          onChange={(event) => ask({ attempt: event.currentTarget.value }, { replace: true })}
        >
          <option value="">Every attempt</option>
          {attempts.map((attempt) => (
            <option key={attempt} value={attempt}>
              Attempt {attempt}
            </option>
          ))}
        </select>
      )}
      <span class="soft">{wanted.text ? `${shown} found` : `${lines.length} lines`}</span>
      <button type="button" class="small push" disabled={!lines.length} onClick={download}>
        Download
      </button>
    </div>
  );
}

function Lines({ rows, text }: { rows: readonly Row[]; text: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [sticking, stick] = useState(true);
  const height = box.current?.clientHeight ?? 400;
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW) + MARGIN);

  useLayoutEffect(() => {
    if (sticking && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [rows, sticking]);
  function onScroll(): void {
    const element = box.current;
    if (!element) return;
    setTop(element.scrollTop);
    stick(element.scrollTop + element.clientHeight >= element.scrollHeight - ROW);
  }
  return (
    <div class="log-box">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div ref={box} class="log-lines" role="log" aria-live="off" aria-label="Log" tabIndex={0} onScroll={onScroll}>
        <div style={{ height: `${rows.length * ROW}px`, paddingTop: `${first * ROW}px` }}>
          {rows.slice(first, last).map((row) => (
            <Line key={row.key} row={row} text={text} />
          ))}
        </div>
      </div>
      {!sticking && (
        <button type="button" class="small to-end" onClick={() => stick(true)}>
          To the end
        </button>
      )}
    </div>
  );
}

function Line({ row, text }: { row: Row; text: string }) {
  const { line, first } = row;
  return (
    <div class={`log-line ${line.level}`}>
      <span class="soft when" title={line.created_at}>
        {first ? new Date(line.created_at).toLocaleTimeString() : ""}
      </span>
      <span class="level">{first && line.level !== "INFO" ? line.level : ""}</span>
      <span>{marked(row.text, text)}</span>
    </div>
  );
}

function marked(line: string, text: string) {
  const at = text ? line.toLowerCase().indexOf(text.toLowerCase()) : -1;
  if (at < 0) return line;
  return (
    <>
      {line.slice(0, at)}
      <mark>{line.slice(at, at + text.length)}</mark>
      {line.slice(at + text.length)}
    </>
  );
}
