// The time that a running job will still take.

import { useMemo } from "preact/hooks";
import type { Progress } from "../api/schema";
import { duration } from "../format";
import { now } from "../state/clock";

interface LeftProps {
  progress: Progress;
  /** When that was read, in milliseconds; without it, when the epoch came to be shown. */
  read?: number;
}

/** How long it will take, less with every second: the service says it anew at the end of each epoch. */
export function Left({ progress: { epoch, eta_seconds: seconds }, read }: LeftProps) {
  const shown = useMemo(() => now.peek(), [epoch, seconds]);
  if (seconds === null) return <>–</>;
  return <>{duration(Math.max(0, seconds - (now.value - (read ?? shown)) / 1000))}</>;
}
