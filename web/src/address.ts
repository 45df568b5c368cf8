// Addresses of the page and of the API. Everything that is shown is in the address, so an address can be shared.

import { signal } from "@preact/signals";

/** Where the service is mounted: "" at the root of a host, "/flightline" below a prefix. The server says it. */
export const BASE = document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content ?? "";

/** A place in the page: its path below the base, and what is asked for in it. */
export interface Place {
  path: string;
  query: URLSearchParams;
}

function current(): Place {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : location.pathname;
  return { path: path || "/", query: new URLSearchParams(location.search) };
}

/** The place that is shown; views read it and never `location`. */
export const place = signal<Place>(current());

/** The address of a place, for a link. */
export function href(path: string, query: URLSearchParams | Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return BASE + path + (text ? `?${text}` : "");
}

/** A part of a path as it was before it was escaped; one that somebody has mistyped, as it is. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a "%" that escapes nothing
  }
}

/** Go to a place. `replace` changes the address without a step in the browser's history, as for each typed letter. */
export function go(address: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  place.value = current();
}

/** Change single parameters of the place that is shown; null takes one away. */
export function ask(changes: Record<string, string | null>, options: { replace?: boolean } = {}): void {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  go(href(place.value.path, query), options);
}

/** Let links within the page change the place without loading it again; new tabs and other hosts stay as they are. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    place.value = current();
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.dataset["server"] !== undefined) return;
    event.preventDefault();
    go(link.pathname + link.search);
    scrollTo(0, 0);
  });
}
