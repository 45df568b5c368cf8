// Markdown as a tree: headings, paragraphs, lists, quotes, code, emphasis, links. No HTML: it is text like any other.

/** A piece of a line. A link has an address that is safe to follow. */
export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "strong" | "em"; inside: Inline[] }
  | { kind: "link"; address: string; inside: Inline[] };

/** A part of a text, one below the other. */
export type Block =
  | { kind: "heading"; level: number; inside: Inline[] }
  | { kind: "paragraph"; inside: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "quote"; inside: Block[] }
  | { kind: "list"; ordered: boolean; items: Block[][] }
  | { kind: "rule" };

const SAFE = new Set(["http:", "https:", "mailto:"]);
const DEEPEST = 6; // of lists and quotes within each other; deeper ones are text
const ITEM = /^( *)(?:([-*+])|(\d{1,9})[.)]) +(.*)$/;

/** The address of a link, where it is one to a page or a mailbox; null for any other, such as `javascript:`. */
export function safeAddress(text: string): string | null {
  try {
    const url = new URL(text);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null; // relative, or no address at all
  }
}

/** Parse a text. */
export function parse(text: string): Block[] {
  return blocks(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0);
}

function blocks(lines: readonly string[], depth: number): Block[] {
  const found: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const rest = lines.slice(at);
    const [block, length] = fence(rest) ??
      heading(rest) ??
      rule(rest) ??
      quote(rest, depth) ??
      list(rest, depth) ?? [null, 0];
    if (block) {
      found.push(block);
      at += length;
    } else if (rest[0]?.trim() === "") at++;
    else {
      let end = at + 1;
      while (end < lines.length && !begins(lines[end] ?? "")) end++;
      found.push({
        kind: "paragraph",
        inside: inlines(
          lines
            .slice(at, end)
            .map((line) => line.trim())
            .join("\n"),
        ),
      });
      at = end;
    }
  }
  return found;
}

type Found = [block: Block, length: number] | null;

/** Whether a line ends a paragraph before it. */
function begins(line: string): boolean {
  return line.trim() === "" || /^(#{1,6} |```|> ?)/.test(line) || ITEM.test(line) || rule([line]) !== null;
}

function fence(lines: readonly string[]): Found {
  if (!/^```/.test(lines[0] ?? "")) return null;
  const end = lines.findIndex((line, index) => index > 0 && /^``` *$/.test(line));
  const last = end < 0 ? lines.length : end;
  return [{ kind: "code", text: lines.slice(1, last).join("\n") }, end < 0 ? last : last + 1];
}

function heading(lines: readonly string[]): Found {
  const found = /^(#{1,6}) +(.+)$/.exec(lines[0] ?? "");
  return found && [{ kind: "heading", level: found[1]?.length ?? 1, inside: inlines(found[2] ?? "") }, 1];
}

function rule(lines: readonly string[]): Found {
  return /^ *([-*_])(?: *\1){2,} *$/.test(lines[0] ?? "") ? [{ kind: "rule" }, 1] : null;
}

function quote(lines: readonly string[], depth: number): Found {
  let length = 0;
  while (/^> ?/.test(lines[length] ?? "")) length++;
  if (!length || depth >= DEEPEST) return null;
  const inside = lines.slice(0, length).map((line) => line.replace(/^> ?/, ""));
  return [{ kind: "quote", inside: blocks(inside, depth + 1) }, length];
}

function list(lines: readonly string[], depth: number): Found {
  const first = ITEM.exec(lines[0] ?? "");
  if (!first || depth >= DEEPEST) return null;
  const indent = first[1]?.length ?? 0;
  const ordered = first[3] !== undefined;
  const items: string[][] = [];
  let at = 0;
  for (; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const item = ITEM.exec(line);
    if (item && (item[1]?.length ?? 0) <= indent) {
      if ((item[3] !== undefined) !== ordered) break;
      items.push([item[4] ?? ""]);
    } else if (line.trim() === "" ? !/^ {2,}\S/.test(lines[at + 1] ?? "") : line.search(/\S/) <= indent && begins(line))
      break;
    else items.at(-1)?.push(line.slice(Math.min(indent + 2, Math.max(0, line.search(/\S/)))));
  }
  return [{ kind: "list", ordered, items: items.map((item) => blocks(item, depth + 1)) }, at];
}

const PIECES: readonly [RegExp, (found: RegExpExecArray) => Inline | null][] = [
  [/\\([\\`*_[\]()#+\-.!>])/y, (found) => ({ kind: "text", text: found[1] ?? "" })],
  [/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (found) => ({ kind: "code", text: (found[2] ?? "").trim() })],
  [/\*\*(?=\S)([\s\S]{1,2000}?)(?<=\S)\*\*(?!\*)/y, (found) => ({ kind: "strong", inside: inlines(found[1] ?? "") })],
  [/\*(?=[^\s*])([^*]{1,2000})(?<=\S)\*/y, (found) => ({ kind: "em", inside: inlines(found[1] ?? "") })],
  [/(?<!\w)_(?=[^\s_])([^_]{1,2000})(?<=\S)_(?!\w)/y, (found) => ({ kind: "em", inside: inlines(found[1] ?? "") })],
  [/\[([^\][]{1,500})\]\(([^()\s]{1,2000})\)/y, (found) => link(found[1] ?? "", found[2] ?? "")],
  [/https?:\/\/[^\s<>()[\]"'`]*[^\s<>()[\]"'`.,;:!?]/y, (found) => link("", found[0])],
];

function link(text: string, address: string): Inline | null {
  const safe = safeAddress(address);
  if (safe === null) return null;
  return { kind: "link", address: safe, inside: text ? inlines(text) : [{ kind: "text", text: address }] };
}

/** Parse what is within a block. */
export function inlines(text: string): Inline[] {
  const found: Inline[] = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const piece = /[\\`*_[h]/.test(text[at] ?? "") ? pieceAt(text, at) : null;
    if (piece) {
      if (plain) found.push({ kind: "text", text: plain });
      plain = "";
      found.push(piece[0]);
      at += piece[1];
    } else plain += text[at++];
  }
  if (plain) found.push({ kind: "text", text: plain });
  return found;
}

function pieceAt(text: string, at: number): [Inline, number] | null {
  for (const [pattern, make] of PIECES) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    const piece = found && make(found);
    if (found && piece) return [piece, found[0].length];
  }
  return null;
}
