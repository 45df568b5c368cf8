// The time, for what goes on by itself: ages, and the time that is left. It is the service's, also where this machine's
// clock is wrong.

import { signal } from "@preact/signals";

/** Now, in milliseconds, by the second. */
export const now = signal(Date.now());

const ROUNDING = 2000; // an answer's `Date` has whole seconds, and was on its way
let ahead = 0; // of the service's clock before this machine's

setInterval(() => {
  if (!document.hidden) now.value = Date.now() + ahead;
}, 1000);

/** Learn the service's time from an answer's header `Date`. */
export function learnTime(date: string | null): void {
  const difference = date === null ? Number.NaN : Date.parse(date) - Date.now();
  if (Number.isFinite(difference)) ahead = Math.abs(difference) > ROUNDING ? difference : 0;
}
