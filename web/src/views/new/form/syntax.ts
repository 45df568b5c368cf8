// Where JSON that somebody is typing goes wrong, and what is missing there. The browser parses; this finds the place.

/** The first fault of a JSON text: its place (line and column from 1, offset from 0), and what to do. */
export interface Fault {
  line: number;
  column: number;
  offset: number;
  message: string;
}

/** More than any job needs, and less than browsers read by calls within calls. */
const DEEPEST = 300;

const TOKEN =
  /[ \t\r\n]+|[{}[\],:]|"(?:[^"\\\n]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** The first fault of a JSON text; null where it is sound. */
export function faultOf(text: string): Fault | null {
  const reader = new Reader(text);
  const message = reader.value() ?? (reader.next ? "there is more after the end of the job" : null);
  if (message === null) return null;
  const before = text.slice(0, reader.start).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, offset: reader.start, message };
}

/** Reads a JSON text token by token. What returns a text found a fault, at `start`. */
class Reader {
  next = "";
  start = 0;
  private end = 0;
  private depth = 0;

  constructor(private readonly text: string) {
    this.step();
  }

  value(): string | null {
    if (this.next === "{") return this.members("}", () => this.member());
    if (this.next === "[") return this.members("]", () => this.value());
    if (!/^["\-\dtfn]/.test(this.next) || !this.known()) return this.expected("a value");
    if (/^[-\d]/.test(this.next) && !Number.isFinite(Number(this.next))) return `${this.next} is too large a number`;
    this.step();
    return null;
  }

  private members(close: string, one: () => string | null): string | null {
    if (++this.depth > DEEPEST) return `no job is nested more than ${DEEPEST} deep`;
    this.step();
    if (this.next === close) return this.past();
    for (;;) {
      const fault = one();
      if (fault !== null) return fault;
      if (this.next === close) return this.past();
      if (this.next !== ",") return this.expected(`a comma or ${close}`);
      this.step();
      if (this.next === close) return `the comma before ${close} is one too many`;
    }
  }

  private member(): string | null {
    if (!this.next.startsWith('"') || !this.known()) return this.expected('a field\'s name in "quotes"');
    this.step();
    if (this.next !== ":") return this.expected("a colon");
    this.step();
    return this.value();
  }

  private past(): null {
    this.depth--;
    this.step();
    return null;
  }

  private known(): boolean {
    TOKEN.lastIndex = this.start;
    return TOKEN.test(this.text);
  }

  private expected(what: string): string {
    if (!this.next) return `the text ends where ${what} is expected`;
    if (this.next.startsWith('"') && !this.known()) return "this text has no closing quote, or a \\ that means nothing";
    return `${what} is expected here, not ${this.next}`;
  }

  /** Go on to the next token, past blanks; at what is no token, to the word or character that is there. */
  private step(): void {
    do {
      this.start = this.end;
      TOKEN.lastIndex = this.start;
      this.next = TOKEN.exec(this.text)?.[0] ?? /[^\s{}[\],:]+|./y.exec(this.text.slice(this.start))?.[0] ?? "";
      this.end = this.start + this.next.length;
    } while (/^\s/.test(this.next));
  }
}
