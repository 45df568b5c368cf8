// The rows of a long list, in the order of its sort: in blocks, of which those far from sight sleep as text, so that
// a hundred thousand rows stay at hand without filling the browser's memory.

/** A row that is told from others by its id. */
export interface Identified {
  id: string;
}

/** Rows that came as one page: how many, since when they are known to be true, and how to read them again. */
export interface Block<Row> {
  rows: Row[] | null;
  asleep: string;
  count: number;
  last: Row;
  /** The cursor of the page, null for the first one. */
  readonly cursor: string | null;
  /** The number of the bell's reset after which it was read. */
  read: number;
}

const MOST_AWAKE = 12;

/** Rows in an order, by index and by id. */
export class Rows<Row extends Identified> {
  readonly blocks: Block<Row>[] = [];
  private readonly home = new Map<string, Block<Row>>();

  constructor(private readonly compare: (one: Row, other: Row) => number) {}

  /** How many rows there are. */
  get length(): number {
    return this.home.size;
  }

  /** Whether there is a row of this id. */
  has(id: string): boolean {
    return this.home.has(id);
  }

  /** The ids of all rows. */
  ids(): string[] {
    return [...this.home.keys()];
  }

  /** The place of the row of this id; -1 where there is none. */
  placeOf(id: string): number {
    const block = this.home.get(id);
    if (!block) return -1;
    let before = 0;
    for (const one of this.blocks) {
      if (one === block) break;
      before += one.count;
    }
    return before + this.wake(block).findIndex((row) => row.id === id);
  }

  /** The row of an id. */
  of(id: string): Row | undefined {
    const block = this.home.get(id);
    return block && this.wake(block).find((row) => row.id === id);
  }

  /** The rows from one place to before another. Blocks far from them go to sleep. */
  slice(first: number, last: number): Row[] {
    const found: Row[] = [];
    const near = this.within(first, last);
    for (const { block, start } of near) {
      found.push(...this.wake(block).slice(Math.max(0, first - start), Math.max(0, last - start)));
    }
    this.rest(new Set(near.map(({ block }) => block)));
    return found;
  }

  /** The blocks that have rows from one place to before another, each with the place of its first row. */
  within(first: number, last: number): { block: Block<Row>; start: number }[] {
    const found: { block: Block<Row>; start: number }[] = [];
    let start = 0;
    for (const block of this.blocks) {
      if (start >= last) break;
      if (start + block.count > first) found.push({ block, start });
      start += block.count;
    }
    return found;
  }

  /** Add a page at the end; rows that are known already take its figures where they are. */
  append(rows: readonly Row[], cursor: string | null, read: number): void {
    const fresh = rows.filter((row) => !this.put(row, false));
    const last = fresh.at(-1);
    if (!last) return;
    const block = { rows: fresh, asleep: "", count: fresh.length, last, cursor, read };
    this.blocks.push(block);
    for (const row of fresh) this.home.set(row.id, block);
  }

  /**
   * Put a row where it belongs, instead of the one of its id. Returns whether it is there then: a row beyond the last
   * one is not, unless `atEnd` says that nothing else comes there.
   */
  put(row: Row, atEnd: boolean): boolean {
    const block = this.home.get(row.id);
    if (block && this.replace(block, row)) return true;
    if (block) this.remove(row.id);
    const into =
      this.blocks.find((one) => this.compare(row, one.last) <= 0) ?? (atEnd ? this.blocks.at(-1) : undefined);
    if (into) this.insert(into, row);
    else if (atEnd) this.begin(row);
    return into !== undefined || atEnd;
  }

  /** Take a row out. */
  remove(id: string): void {
    const block = this.home.get(id);
    if (!block) return;
    const rows = this.wake(block);
    rows.splice(
      rows.findIndex((row) => row.id === id),
      1,
    );
    this.home.delete(id);
    this.measure(block);
  }

  /**
   * Make a block agree with its page as it was read again; `end` where no page follows. Returns whether the page has
   * said something about each of its rows.
   */
  reconcile(block: Block<Row>, page: readonly Row[], end: boolean): boolean {
    const there = new Set(page.map((row) => row.id));
    const last = page.at(-1);
    const covered = (row: Row) => end || (last !== undefined && this.compare(row, last) <= 0);
    const gone = this.wake(block).filter((row) => !there.has(row.id) && covered(row));
    for (const row of page) this.put(row, end);
    for (const row of gone) this.remove(row.id);
    return covered(block.last);
  }

  private begin(row: Row): void {
    const block: Block<Row> = { rows: [row], asleep: "", count: 1, last: row, cursor: null, read: 0 };
    this.blocks.push(block);
    this.home.set(row.id, block);
  }

  private replace(block: Block<Row>, row: Row): boolean {
    const rows = this.wake(block);
    const at = rows.findIndex((one) => one.id === row.id);
    const old = rows[at];
    if (!old || this.compare(old, row) !== 0) return false;
    rows[at] = row;
    if (block.last === old) block.last = row;
    return true;
  }

  private insert(block: Block<Row>, row: Row): void {
    const rows = this.wake(block);
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = rows[middle];
      if (one && this.compare(one, row) <= 0) low = middle + 1;
      else high = middle;
    }
    rows.splice(low, 0, row);
    this.home.set(row.id, block);
    this.measure(block);
  }

  private measure(block: Block<Row>): void {
    const rows = this.wake(block);
    block.count = rows.length;
    const last = rows.at(-1);
    if (last) block.last = last;
    else this.blocks.splice(this.blocks.indexOf(block), 1);
  }

  private wake(block: Block<Row>): Row[] {
    block.rows ??= JSON.parse(block.asleep) as Row[];
    block.asleep = "";
    return block.rows;
  }

  private rest(near: ReadonlySet<Block<Row>>): void {
    const awake = this.blocks.filter((block) => block.rows !== null && !near.has(block));
    for (const block of awake.slice(0, Math.max(0, awake.length - MOST_AWAKE))) {
      block.asleep = JSON.stringify(block.rows);
      block.rows = null;
    }
  }
}
