// What is shown as a CSV file: the API's own CSV of every page, one after the other.

import { ask } from "../../api/client";

const PAGE = 500;

/** The jobs of a query as CSV, every page of it. Raises `Problem`. `read` hears how many rows there are so far. */
export async function csvOf(query: URLSearchParams, read: (rows: number) => void): Promise<Blob> {
  const parts: string[] = [];
  let rows = 0;
  let next: string | null = `?${query}&limit=${PAGE}`;
  while (next !== null) {
    const response: Response = await ask("GET", `/v1/jobs${next}`, { headers: { Accept: "text/csv" } });
    const text = await response.text();
    const head = text.indexOf("\n") + 1;
    parts.push(parts.length ? text.slice(head) : text);
    rows += lines(text) - 1;
    read(rows);
    next = /<([^>]+)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1] ?? null;
  }
  return new Blob(parts, { type: "text/csv" });
}

function lines(text: string): number {
  return text.split("\r\n").length - 1;
}

/** Let the browser save a file. */
export function saveFile(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
