// The views, each in a folder of its name, with the addresses that show it. A view's code is loaded when it is shown first.

import type { ComponentType } from "preact";
import type { IconName } from "../parts/icon";

/** What an address says to its view: the part of the path that names a thing, "" where none does. */
export interface ViewProps {
  match: string;
}

/** How a view is reached from everywhere: its name and sign, "g" and a key, and whom it is of use to. */
interface Link {
  path: string;
  name: string;
  icon: IconName;
  key: string;
  admin?: boolean;
  writes?: boolean;
}

/** A view: its addresses, its link in the frame (null: reached from elsewhere), and where its code is. */
export interface Route {
  pattern: RegExp;
  link: Link | null;
  load: () => Promise<{ View: ComponentType<ViewProps> }>;
}

export const ROUTES: readonly Route[] = [
  {
    pattern: /^\/(?:jobs)?$/,
    link: { path: "/", name: "Jobs", icon: "jobs", key: "j" },
    load: () => import("./jobs/view"),
  },
  { pattern: /^\/jobs\/([^/]+)$/, link: null, load: () => import("./job/view") },
  {
    pattern: /^\/compare$/,
    link: { path: "/compare", name: "Compare", icon: "compare", key: "c" },
    load: () => import("./compare/view"),
  },
  {
    pattern: /^\/sweeps(?:\/([^/]+))?$/,
    link: { path: "/sweeps", name: "Sweeps", icon: "sweeps", key: "s" },
    load: () => import("./sweeps/view"),
  },
  { pattern: /^\/leaderboard$/, link: null, load: () => import("./leaderboard/view") },
  {
    pattern: /^\/new$/,
    link: { path: "/new", name: "New job", icon: "add", key: "n", writes: true },
    load: () => import("./new/view"),
  },
  {
    pattern: /^\/datasets(?:\/([^/]+))?$/,
    link: { path: "/datasets", name: "Data", icon: "data", key: "d" },
    load: () => import("./datasets/view"),
  },
  {
    pattern: /^\/workers$/,
    link: { path: "/workers", name: "Workers", icon: "workers", key: "w" },
    load: () => import("./workers/view"),
  },
  {
    pattern: /^\/people$/,
    link: { path: "/people", name: "People", icon: "people", key: "p", admin: true },
    load: () => import("./people/view"),
  },
];
