// Data: the sets that a job may name, and one of them with its classes, pixels, copies and images.

import type { ViewProps } from "..";
import { AllSets } from "./all_sets";
import { OneSet } from "./one_set";
import "./view.css";

/** The view of all data sets, or of the one that `match` names. */
export function View({ match }: ViewProps) {
  return match ? <OneSet key={match} name={match} /> : <AllSets />;
}
