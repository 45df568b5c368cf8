// The list of jobs: pages read ahead of where one scrolls, and the jobs that change read again by their ids.

import { signal } from "@preact/signals";
import { Problem, read } from "../../api/client";
import type { Job } from "../../api/schema";
import { listen } from "../bell";
import { orderOf, pathOfSort } from "./order";
import { type Block, Rows } from "./rows";

/** What every row has, whatever columns are shown. */
export const ALWAYS = [
  "id",
  "status",
  "cancel_requested",
  "kind",
  "name",
  "preset",
  "owner",
  "tags",
  "progress",
  "created_at",
] as const;

/** A job as far as the list has read it. */
export type Row = Pick<Job, (typeof ALWAYS)[number]> & Partial<Job> & { read_at: number };

/** What is asked for: the API's filters, its sort, and the fields beyond those that every row has. */
export interface Asked {
  filter: URLSearchParams;
  sort: string;
  fields: readonly string[];
}

interface Page {
  items: Row[];
  next_cursor: string | null;
}

const FIRST_PAGE = 100;
const PAGE = 500;
const AHEAD = 1000;
const MOST_IDS = 50;
const MOST_RUNG = 200;

/** The jobs of one question, as far as they have been read. */
export class Listing {
  readonly rows: Rows<Row>;
  complete = false;
  private readonly stop = new AbortController();
  private readonly query: string;
  private cursor: string | null = null;
  private begun = false;
  private wanted = FIRST_PAGE;
  private resets = 0;
  private rang = new Set<string>();
  private turn: Promise<void> = Promise.resolve();
  private readonly planned = new Set<string>();

  constructor(
    asked: Asked,
    private readonly changed: (problem: Problem | null) => void,
  ) {
    this.rows = new Rows<Row>(orderOf(asked.sort));
    const query = new URLSearchParams(asked.filter);
    query.set("sort", asked.sort);
    query.set("fields", [...new Set([...ALWAYS, pathOfSort(asked.sort), ...asked.fields])].join(","));
    this.query = query.toString();
    this.plan("pages", () => this.readPages());
  }

  /** Read no more. */
  close(): void {
    this.stop.abort();
  }

  /** Say which rows are in sight, so that those after them are read before they are wanted. */
  see(first: number, last: number): void {
    this.wanted = Math.max(FIRST_PAGE, last + AHEAD);
    if (!this.complete && this.rows.length < this.wanted) this.plan("pages", () => this.readPages());
    for (const { block } of this.rows.within(first, last)) {
      if (block.read < this.resets) this.plan(`block ${block.cursor}`, () => this.refresh(block));
    }
  }

  /** Hear the bell: these jobs have changed, or null where any may have. */
  ring(ids: ReadonlySet<string> | null): void {
    if (ids === null || this.rang.size + ids.size > MOST_RUNG) {
      this.rang.clear();
      this.resets += 1;
      this.plan("top", () => this.refreshTop());
    } else {
      for (const id of ids) this.rang.add(id);
      this.plan("rung", () => this.readRung());
    }
  }

  /** Do one thing after another, and nothing twice that waits already. */
  private plan(name: string, work: () => Promise<void>): void {
    if (this.planned.has(name)) return;
    this.planned.add(name);
    this.turn = this.turn.then(async () => {
      this.planned.delete(name);
      if (this.stop.signal.aborted) return;
      try {
        await work();
        if (!this.stop.signal.aborted) this.changed(null);
      } catch (error) {
        if (this.stop.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        this.changed(error);
      }
    });
  }

  private async readPages(): Promise<void> {
    while (!this.complete && (!this.begun || this.rows.length < this.wanted)) {
      const page = await this.page(this.begun ? PAGE : FIRST_PAGE, this.cursor);
      if (!page) return;
      this.rows.append(page.items, this.cursor, this.resets);
      this.cursor = page.next_cursor;
      this.complete = page.next_cursor === null;
      this.begun = true;
      this.changed(null);
      if (this.rang.size) return this.plan("pages", () => this.readPages()); // what has changed comes between
    }
  }

  /** Read the newest jobs until they meet those that are known. */
  private async refreshTop(): Promise<void> {
    if (!this.begun) return this.readPages();
    const known = this.rows.blocks[0];
    if (!known) {
      this.cursor = null;
      this.begun = this.complete = false;
      return this.readPages();
    }
    const top: Row[] = [];
    let page = await this.page(FIRST_PAGE, null);
    while (page) {
      top.push(...page.items);
      if (page.next_cursor === null || page.items.some((row) => this.rows.has(row.id))) break;
      page = await this.page(PAGE, page.next_cursor);
    }
    if (page && this.rows.reconcile(known, top, page.next_cursor === null)) known.read = this.resets;
  }

  private async refresh(block: Block<Row>): Promise<void> {
    const page = await this.page(PAGE, block.cursor);
    if (!page || !this.rows.blocks.includes(block)) return;
    block.read = this.resets;
    this.rows.reconcile(block, page.items, page.next_cursor === null);
  }

  private async readRung(): Promise<void> {
    const ids = [...this.rang].slice(0, MOST_IDS);
    if (!ids.length) return; // they were reset, or read together with others
    for (const id of ids) this.rang.delete(id); // before the answer: one that rings from here on is read once more
    let page: Page | null;
    try {
      page = await this.page(MOST_IDS, null, ids);
    } catch (error) {
      for (const id of ids) this.rang.add(id);
      throw error;
    }
    if (!page) return;
    const fresh = new Map(page.items.map((row) => [row.id, row]));
    for (const id of ids) {
      const row = fresh.get(id);
      if (row) this.rows.put(row, this.complete);
      else this.rows.remove(id);
    }
    if (this.rang.size) this.plan("rung", () => this.readRung());
  }

  private async page(limit: number, cursor: string | null, ids: readonly string[] = []): Promise<Page | null> {
    const query = new URLSearchParams(this.query);
    query.set("limit", String(limit));
    if (cursor !== null) query.set("cursor", cursor);
    for (const id of ids) query.append("id", id);
    const page = await read<Page>(`/v1/jobs?${query}`, this.stop.signal);
    const now = Date.now();
    for (const row of page.items) row.read_at = now;
    return this.stop.signal.aborted ? null : page;
  }
}

/** The jobs that are asked for now; those of the question before stay until the first page is there. */
export class JobList {
  /** What is shown; null until the first answer. */
  readonly shown = signal<Listing | null>(null);
  /** Counts the changes of what is shown. */
  readonly version = signal(0);
  readonly problem = signal<Problem | null>(null);
  /** What is shown is the answer to this. */
  readonly answered = signal<Asked | null>(null);
  private current: Listing | null = null;
  private deaf: () => void = () => undefined;

  /** Ask anew. */
  open(asked: Asked): void {
    this.close();
    const listing = new Listing(asked, (problem) => this.changed(listing, asked, problem));
    this.current = listing;
    this.deaf = listen((ids) => listing.ring(ids));
  }

  /** Read no more. */
  close(): void {
    this.current?.close();
    this.deaf();
  }

  private changed(listing: Listing, asked: Asked, problem: Problem | null): void {
    if (listing !== this.current) return;
    this.problem.value = problem;
    if (problem === null) {
      this.shown.value = listing;
      this.answered.value = asked;
    }
    this.version.value += 1;
  }
}
