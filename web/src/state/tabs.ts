// The tabs of one browser, which have six connections to a host between them where it speaks HTTP/1.1. So they take
// turns with what keeps one open, by locks that the browser lets go of itself when a tab is closed. Browsers have them
// over HTTPS and on this machine; elsewhere each tab is on its own.

import { BASE } from "../address";

const available = "locks" in navigator && "BroadcastChannel" in globalThis;

/** What tabs share, by the name that it has at this service. */
function named(name: string): string {
  return `flightline${BASE} ${name}`;
}

/** A way to the other tabs; null where there is none. */
export function others(name: string): BroadcastChannel | null {
  return available ? new BroadcastChannel(named(name)) : null;
}

/** Call `begin` once no other tab has this turn, which is kept until the function that is returned is called. */
export function inTurn(name: string, begin: () => void): () => void {
  if (!available) {
    begin();
    return () => undefined;
  }
  const left = new AbortController();
  const { signal } = left;
  const turn = () =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", () => resolve());
      begin();
    });
  navigator.locks.request(named(name), { signal }, turn).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return () => left.abort();
}

/** Take one of `most` places between all tabs, and return what gives it back; null where all are taken. */
export async function takePlace(name: string, most: number): Promise<(() => void) | null> {
  if (!available) return () => undefined;
  for (let number = 0; number < most; number++) {
    const place = await new Promise<(() => void) | null>((resolve, reject) => {
      const held = (lock: Lock | null) =>
        new Promise<void>((free) => {
          resolve(lock && free);
          if (!lock) free();
        });
      navigator.locks.request(named(`${name} ${number}`), { ifAvailable: true }, held).catch(reject);
    });
    if (place) return place;
  }
  return null;
}
