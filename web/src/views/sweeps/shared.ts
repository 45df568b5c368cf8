// What the pictures of a sweep are given.

import type { Signal } from "@preact/signals";
import type { Trial } from "../../api/schema";
import type { Objective, Varied } from "./space";

/** The points that have a value, and what is said of them. */
export interface PictureProps {
  trials: readonly Trial[];
  varied: readonly Varied[];
  objective: Objective;
  /** The number of the point that is pointed at in any picture, as a text. */
  active: Signal<string | null>;
  /** Go to a point's job. */
  open: (point: string) => void;
}
