// Where there is nothing: what would be here, and how it comes about.

import type { ComponentChildren } from "preact";

interface EmptyProps {
  title: string;
  /** Nothing else is in the view: the title is its heading. */
  alone?: boolean;
  children?: ComponentChildren;
}

/** An empty place: a title, words, and in a `row-of` what one can do. */
export function Empty({ title, alone, children }: EmptyProps) {
  return (
    <div class="empty">
      {alone ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}
