// The colour and the dashes of a job's line, small enough to stand beside its name.

import { colourOf, dashOf } from "../../../parts/chart/colours";

/** A piece of the line that a number has in the pictures. */
export function Swatch({ number }: { number: number }) {
  return (
    <svg class="line-swatch" viewBox="0 0 22 10" aria-hidden="true">
      <line
        x1="0"
        y1="5"
        x2="22"
        y2="5"
        stroke={colourOf(number)}
        stroke-dasharray={dashOf(number).join(" ") || undefined}
      />
    </svg>
  );
}
