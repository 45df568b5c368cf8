// What is under the pointer, or reached by the keyboard, beside its place in a picture.

import type { ComponentChildren } from "preact";

interface ReadoutProps {
  /** Where it is in the picture's box, in pixels. */
  x: number;
  y: number;
  width: number;
  children: ComponentChildren;
}

/** A small box beside a point, on the side with more room; a screen reader reads it when it changes. */
export function Readout({ x, y, width, children }: ReadoutProps) {
  const side = x < width / 2 ? { left: `${x + 14}px` } : { right: `${width - x + 14}px` };
  return (
    <div class="readout" style={{ ...side, top: `${Math.max(0, y - 10)}px` }}>
      {children}
    </div>
  );
}
