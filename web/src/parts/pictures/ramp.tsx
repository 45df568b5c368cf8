// The colours of a ramp from low to high, for a picture's legend.

import { shade } from "../chart/colours";

/** The colours of shares from 0 to 1, side by side. */
export function Ramp() {
  const colours = [0, 0.25, 0.5, 0.75, 1].map(shade).join(", ");
  return <span class="ramp" style={{ background: `linear-gradient(to right, ${colours})` }} />;
}
