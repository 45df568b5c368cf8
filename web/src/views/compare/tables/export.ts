// The table of what differs, as text to take along.

import { nameOf } from "../../../format";
import type { Field } from "../fields/fields";

import type { Run } from "../runs/runs";

/** The table as Markdown, with figures as the page shows them. */
export function markdown(runs: readonly Run[], fields: readonly Field[]): string {
  const lines = [
    ["job", "status", ...fields.map((field) => field.label)],
    ["---", "---", ...fields.map(() => "---")],
  ];
  for (const run of runs) {
    lines.push([nameOf(run.job), run.job.status, ...fields.map((field) => field.text(field.of(run)))]);
  }
  return lines.map((line) => `| ${line.map(celled).join(" | ")} |\n`).join("");
}

function celled(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** The table as CSV (RFC 4180), with whole ids, whole paths and all digits. */
export function csv(runs: readonly Run[], fields: readonly Field[]): string {
  const lines: (string | number | null)[][] = [["id", "name", "status", ...fields.map((field) => field.id)]];
  for (const run of runs)
    lines.push([run.job.id, run.job.name, run.job.status, ...fields.map((field) => field.of(run))]);
  return lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

function quoted(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
