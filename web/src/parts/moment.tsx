// An instant in words, such as "in 3 d" or "2 h ago", with the instant itself in UTC beside it or under the pointer.

import { ago } from "../format";
import { now } from "../state/clock";

/** The instant in UTC, such as "2026-01-31 12:00 UTC". */
export function utc(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** How far an instant is from now; `never` where there is none. */
export function Moment({ at, never, exact }: { at: string | null; never: string; exact?: boolean }) {
  if (at === null) return <span class="soft">{never}</span>;
  const ahead = Date.parse(at) > now.value;
  const words = ahead ? `in ${ago(new Date(now.value).toISOString(), Date.parse(at))}` : `${ago(at, now.value)} ago`;
  return (
    <time dateTime={at} title={utc(at)}>
      {words}
      {exact && <span class="soft small exact">{utc(at)}</span>}
    </time>
  );
}
