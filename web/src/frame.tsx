// The bar around every view: where one can go, whether the service answers, who looks, and how the page should look.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { go, href, place } from "./address";
import { service } from "./api/client";
import { Icon } from "./parts/icon";
import { Notices } from "./parts/messages/notices";
import { KeyList, keysShown, useKeys } from "./parts/popups/keys";
import { Menu, type MenuItem } from "./parts/popups/menu";
import { may, signOut, viewer } from "./state/session";
import { chooseTheme, type Theme, theme } from "./state/theme";
import { outdated } from "./state/version";
import { ROUTES } from "./views";

const BACK_SECONDS = 5;
const THEMES: [Theme, string][] = [
  ["system", "Colours as the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** The frame, with a view in it. */
export function Frame({ children }: { children: ComponentChildren }) {
  const content = useRef<HTMLElement>(null);
  useFrameKeys();
  useEffect(() => {
    if (document.activeElement === document.body) content.current?.focus({ preventScroll: true });
  }, [place.value.path]);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="frame">
        <a class="brand" href={href("/")} aria-label="Flightline">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M2 17 30 4l-8 25-6-9zm14 3 6-8-9 7z" />
          </svg>
          <span>Flightline</span>
        </a>
        <Links />
        <Connection />
        <Account />
      </header>
      <main id="content" ref={content} tabIndex={-1}>
        {children}
      </main>
      <Notices />
      <KeyList />
    </>
  );
}

function shownRoutes() {
  return ROUTES.flatMap(({ link, pattern }) => (link ? [{ ...link, pattern }] : [])).filter(
    (link) => (!link.admin || may("admin")) && (!link.writes || may("submit") || !viewer.value),
  );
}

function Links() {
  const path = place.value.path;
  return (
    <nav aria-label="Views">
      {shownRoutes().map(({ path: to, name, icon, pattern }) => (
        <a key={to} href={href(to)} aria-current={pattern.test(path) ? "page" : undefined}>
          <Icon name={icon} />
          {name}
        </a>
      ))}
    </nav>
  );
}

/** Whether the service answers, said only when it does not, and once when it does again. */
function Connection() {
  const [back, setBack] = useState(false);
  const was = useRef(service.value);
  useEffect(() => {
    const returned = was.current === "lost" && service.value === "open";
    was.current = service.value;
    setBack(returned);
    if (!returned) return;
    const timer = setTimeout(() => setBack(false), BACK_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [service.value]);
  return (
    <span class="connection" role="status">
      {service.value === "lost" && (
        <span class="chip bad">
          <Icon name="lost" /> No answer, trying again
        </span>
      )}
      {back && <span class="chip good">✓ Back</span>}
      {outdated.value && service.value === "open" && (
        <button type="button" class="small" onClick={() => location.reload()}>
          New version: load it
        </button>
      )}
    </span>
  );
}

function Account() {
  const me = viewer.value;
  const items: MenuItem[] = [
    ...THEMES.map(([name, text]) => ({ text, checked: theme.value === name, run: () => chooseTheme(name) })),
    { text: "Keys", apart: true, hint: "?", run: () => (keysShown.value = true) },
    { text: "API reference", href: href("/docs"), server: true },
    { text: "OpenAPI document", href: href("/openapi.json"), server: true },
  ];
  if (me?.authentication) items.push({ text: "Sign out", apart: true, run: () => void signOut() });
  const name = me?.authentication ? (me.owner ?? "") : "";
  return (
    <Menu
      class={name ? "quiet account" : "quiet square"}
      label={name ? `${name}: account and settings` : "Settings"}
      button={
        name ? (
          <>
            <span class="initial" aria-hidden="true">
              {name.slice(0, 1).toUpperCase()}
            </span>
            <span class="owner cut">{name}</span>
          </>
        ) : (
          <Icon name="more" />
        )
      }
      head={me?.authentication && <WhoIsIt />}
      items={items}
    />
  );
}

const SCOPES: Record<string, string> = {
  read: "may look at everything",
  submit: "may submit jobs and change their own",
  admin: "may do everything",
};

function WhoIsIt() {
  const me = viewer.value;
  if (!me) return null;
  const until = me.expires_at ? new Date(me.expires_at).toLocaleString("en", { dateStyle: "medium" }) : null;
  return (
    <>
      <strong>{me.owner}</strong> {SCOPES[me.scope]}
      <br />
      {until ? `The token expires on ${until}.` : "The token does not expire."}
    </>
  );
}

function useFrameKeys(): void {
  const views = shownRoutes().map(({ path, name, key }): [string, { does: string; run: () => void }] => [
    `g ${key}`,
    { does: name, run: () => go(href(path)) },
  ]);
  useKeys(
    {
      "?": { does: "These keys", run: () => (keysShown.value = true) },
      "/": { does: "Search or filter", run: () => document.querySelector<HTMLElement>("main [type=search]")?.focus() },
      ...Object.fromEntries(views),
    },
    "Everywhere",
  );
}
