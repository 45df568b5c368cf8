// What of several fields is kept, as the address has it: other runs are drawn faintly or not at all.

import { ask, place } from "../../../address";
import { type Kept, readKept, writeKept } from "./brush";

/** Read what an address keeps, by the fields' ids. */
export function readAllKept(text: string | null): Map<string, Kept> {
  const found = new Map<string, Kept>();
  for (const part of (text ?? "").split(",")) {
    const colon = part.indexOf(":");
    const kept = colon > 0 ? readKept(part.slice(colon + 1)) : null;
    if (kept) found.set(part.slice(0, colon), kept);
  }
  return found;
}

/** Keep only some of a field, or all of it again (null), beside what is kept of other fields. */
export function keep(changes: Record<string, Kept | null>): void {
  const kept = readAllKept(place.value.query.get("keep"));
  for (const [field, one] of Object.entries(changes)) {
    if (one) kept.set(field, one);
    else kept.delete(field);
  }
  const written = [...kept].map(([field, one]) => `${field}:${writeKept(one)}`).join(",");
  ask({ keep: written }, { replace: true });
}
