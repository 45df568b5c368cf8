// Who looks at the page: the owner and scope of the token that the browser signed in with.

import { signal } from "@preact/signals";
import { call, read, service } from "../api/client";
import type { WhoAmI } from "../api/schema";
import { others } from "./tabs";

/** Who looks; null until the service has said it. Everybody may do everything while authentication is off. */
export const viewer = signal<WhoAmI | null>(null);

const RANKS = ["read", "submit", "admin"];
/** The other tabs of this browser, which have its session too. */
const tabs = others("session");

/** Whether the viewer's scope is enough for `scope`. */
export function may(scope: "read" | "submit" | "admin"): boolean {
  const mine = viewer.value;
  return mine !== null && (!mine.authentication || RANKS.indexOf(mine.scope) >= RANKS.indexOf(scope));
}

/** Whether the viewer may change, cancel or delete what is `owner`'s: their own or, with the scope admin, anybody's. */
export function mayChange(owner: string | null): boolean {
  return may("admin") || (may("submit") && owner !== null && owner === viewer.value?.owner);
}

/** Ask who looks. Raises `Problem`: 401 where a token is needed first. */
export async function recognise(): Promise<void> {
  viewer.value = await read<WhoAmI>("/v1/whoami");
  service.value = "open";
}

/** Sign in with a token, in all tabs. Raises `Problem` for one that is not accepted. */
export async function signIn(token: string): Promise<void> {
  viewer.value = await call<WhoAmI>("POST", "/v1/session", { token });
  service.value = "open";
  tabs?.postMessage("signed in");
}

/** Sign out: the service forgets this browser. */
export async function signOut(): Promise<void> {
  await call<undefined>("DELETE", "/v1/session");
  location.reload();
}

if (tabs) tabs.onmessage = () => void recognise().catch(() => undefined);
