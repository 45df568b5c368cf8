// The lines of a job's log as rows of text on the screen.

import type { LogLine } from "../../../api/schema";

/** What is looked for in a log: text, a level, an attempt; null takes all. */
export interface Wanted {
  text: string;
  level: string | null;
  attempt: number | null;
}

/** A line of text on the screen; a message of several lines has several. */
export interface Row {
  key: string;
  line: LogLine;
  text: string;
  /** Whether it is the first of its message, which shows time and level. */
  first: boolean;
}

/** The longest text of a row that browsers lay out at once; the file has all of it. */
const MOST = 5000;
/** Colours and movements of a terminal's cursor, as programs write them for terminals. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FOR_TERMINALS = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g;

/** A line as the page shows it: without what is meant for terminals, the end of a very long one left out. */
export function shownText(line: string): string {
  const text = line.slice(0, 2 * MOST).replace(FOR_TERMINALS, "");
  if (text.length <= MOST && line.length <= 2 * MOST) return text;
  return `${text.slice(0, MOST)}… (${line.length.toLocaleString("en")} characters in all)`;
}

/** The lines that are wanted, as rows. The level is the least: WARNING shows errors too. */
export function rowsOf(lines: readonly LogLine[], wanted: Wanted): Row[] {
  const text = wanted.text.toLowerCase();
  const ranks = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
  const least = wanted.level === null ? 0 : ranks.indexOf(wanted.level);
  return lines
    .filter(
      (line) =>
        ranks.indexOf(line.level) >= least &&
        (wanted.attempt === null || line.attempt === wanted.attempt) &&
        line.message.toLowerCase().includes(text),
    )
    .flatMap((line) =>
      line.message
        .split("\n")
        .map((part, index) => ({ key: `${line.line} ${index}`, line, text: shownText(part), first: index === 0 })),
    );
}

/** The log as a file of text. */
export function asText(lines: readonly LogLine[]): string {
  return lines.map((line) => `${line.created_at} ${line.attempt} ${line.level} ${line.message}\n`).join("");
}
