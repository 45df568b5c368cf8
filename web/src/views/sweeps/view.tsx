// Sweeps: searches over a space of jobs; all of them, or one with its points.

import type { ViewProps } from "..";
import { AllSweeps } from "./all_sweeps";
import { OneSweep } from "./one_sweep";
import "./view.css";

/** The view of all sweeps, or of the one that `match` names. */
export function View({ match }: ViewProps) {
  return match ? <OneSweep key={match} id={match} /> : <AllSweeps />;
}
