// Markdown that somebody wrote, as elements of our own: no HTML of theirs gets into the page.

import { useMemo } from "preact/hooks";
import { type Block, type Inline, parse } from "./markdown_tree";
import "./markdown.css";

/** A text in Markdown. */
export function Markdown({ text }: { text: string }) {
  const tree = useMemo(() => parse(text), [text]);
  return (
    <div class="markdown">
      <Blocks tree={tree} />
    </div>
  );
}

function Blocks({ tree }: { tree: readonly Block[] }) {
  return (
    <>
      {tree.map((block, index) => (
        <One key={index} block={block} />
      ))}
    </>
  );
}

function One({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return <Heading level={block.level} inside={block.inside} />;
    case "paragraph":
      return (
        <p>
          <Line inside={block.inside} />
        </p>
      );
    case "code":
      return (
        <pre>
          <code>{block.text}</code>
        </pre>
      );
    case "quote":
      return (
        <blockquote>
          <Blocks tree={block.inside} />
        </blockquote>
      );
    case "list": {
      const items = block.items.map((item, index) => (
        <li key={index}>
          <Blocks tree={item} />
        </li>
      ));
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case "rule":
      return <hr />;
  }
}

/** Headings of a text stand below those of the view, which has two levels. */
function Heading({ level, inside }: { level: number; inside: readonly Inline[] }) {
  const line = <Line inside={inside} />;
  if (level === 1) return <h3>{line}</h3>;
  if (level === 2) return <h4>{line}</h4>;
  return <h5>{line}</h5>;
}

function Line({ inside }: { inside: readonly Inline[] }) {
  return (
    <>
      {inside.map((piece, index) => (
        <Piece key={index} piece={piece} />
      ))}
    </>
  );
}

function Piece({ piece }: { piece: Inline }) {
  switch (piece.kind) {
    case "text":
      return <>{piece.text}</>;
    case "code":
      return <code>{piece.text}</code>;
    case "strong":
      return (
        <strong>
          <Line inside={piece.inside} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Line inside={piece.inside} />
        </em>
      );
    case "link":
      return (
        <a href={piece.address} target="_blank" rel="noopener noreferrer nofollow">
          <Line inside={piece.inside} />
        </a>
      );
  }
}
