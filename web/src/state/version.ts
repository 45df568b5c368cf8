// After an upgrade the service has another page than the one that is shown: say so, and load code that is gone anew.

import { signal } from "@preact/signals";
import { BASE } from "../address";

/** Whether the service has a newer page than this one. */
export const outdated = signal(false);

const RELOADED = "flightline.reloaded";
const mine = document.querySelector('script[type="module"]')?.getAttribute("src") ?? null;

/** Compare the service's page with the one that is shown. */
export async function compareVersions(): Promise<void> {
  if (outdated.value || mine === null) return;
  const response = await fetch(`${BASE}/`, { cache: "no-cache" }).catch(() => null);
  if (!response?.ok) return;
  const text = await response.text();
  const theirs = new DOMParser().parseFromString(text, "text/html").querySelector('script[type="module"]');
  if (theirs) outdated.value = theirs.getAttribute("src") !== mine;
}

/** Load the page again because code of it is gone, once for each version. Returns false where that did not help. */
export function reloadOnce(): boolean {
  try {
    if (sessionStorage.getItem(RELOADED) === mine) return false;
    sessionStorage.setItem(RELOADED, mine ?? "");
  } catch {
    return false;
  }
  location.reload();
  return true;
}
