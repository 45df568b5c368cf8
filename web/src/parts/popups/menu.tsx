// What opens at a button above the page: a menu, or a popover with anything in it. The browser closes them by Escape
// and by a click beside them, and gives the focus back.

import { type ComponentChildren, Fragment } from "preact";
import { useId, useRef, useState } from "preact/hooks";

interface PopoverProps {
  /** What is in the button. */
  button: ComponentChildren;
  /** The button's name, where a sign alone is in it. */
  label?: string;
  /** The button's classes. */
  class?: string;
  children: ComponentChildren;
}

/** An entry of a menu: something to do, or somewhere to go. */
export interface MenuItem {
  text: string;
  run?: () => void;
  href?: string;
  /** The link leaves the page for another one of the service. */
  server?: boolean;
  /** Makes it a choice, which keeps the menu open. */
  checked?: boolean;
  danger?: boolean;
  /** Draws a line above it. */
  apart?: boolean;
  /** Beside the text, such as the key that does the same. */
  hint?: string;
}

interface MenuProps extends Omit<PopoverProps, "children"> {
  items: readonly MenuItem[];
  /** What the menu says above its entries. */
  head?: ComponentChildren;
}

/** Put a popover at its button, towards the middle of the window. */
function place(popover: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const right = at.left + at.width / 2 > innerWidth / 2;
  const above = at.bottom > innerHeight * 0.6;
  Object.assign(popover.style, {
    left: right ? "auto" : `${Math.max(8, at.left)}px`,
    right: right ? `${Math.max(8, innerWidth - at.right)}px` : "auto",
    top: above ? "auto" : `${at.bottom + 4}px`,
    bottom: above ? `${innerHeight - at.top + 4}px` : "auto",
  });
}

/** A button, and what opens at it. Its contents are rendered while it is open. */
export function Popover({ button, label, class: classes, children }: PopoverProps) {
  const { id, opener, opened, open } = useOpening();
  return (
    <>
      <button {...opener} type="button" class={classes} aria-label={label} aria-expanded={open}>
        {button}
      </button>
      <div {...opened} id={id} class="popover padded" popover="auto">
        {open && children}
      </div>
    </>
  );
}

/** A button, and the menu that opens at it. */
export function Menu({ button, label, class: classes, items, head }: MenuProps) {
  const { id, opener, opened, open, close } = useOpening();
  const choices = items.some((item) => item.checked !== undefined);
  return (
    <>
      <button {...opener} type="button" class={classes} aria-label={label} aria-expanded={open} aria-haspopup="menu">
        {button}
      </button>
      <div {...opened} id={id} class={choices ? "popover menu" : "popover menu signless"} popover="auto">
        {open && head && <div class="head">{head}</div>}
        {open && (
          <div role="menu" tabIndex={-1} aria-labelledby={`${id}-opener`} onKeyDown={walk}>
            {items.map((item) => (
              <Fragment key={item.text}>
                {item.apart && <hr />}
                <Entry item={item} close={close} />
              </Fragment>
            ))}
          </div>
        )}
      </div>
    </>
  );
}

function Entry({ item, close }: { item: MenuItem; close: () => void }) {
  const inside = (
    <>
      {item.text}
      {item.hint && <span class="hint">{item.hint}</span>}
    </>
  );
  if (item.href !== undefined) {
    const elsewhere = item.server ? { "data-server": "" } : {};
    return (
      <a {...elsewhere} role="menuitem" tabIndex={-1} href={item.href} onClick={close}>
        {inside}
      </a>
    );
  }
  function run(): void {
    if (item.checked === undefined) close();
    item.run?.();
  }
  const role =
    item.checked === undefined
      ? ({ role: "menuitem" } as const)
      : ({ role: "menuitemcheckbox", "aria-checked": item.checked } as const);
  return (
    <button {...role} type="button" tabIndex={-1} class={item.danger ? "danger" : undefined} onClick={run}>
      {inside}
    </button>
  );
}

function useOpening() {
  const id = useId();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const popover = useRef<HTMLDivElement>(null);

  function onToggle(event: ToggleEvent): void {
    setOpen(event.newState === "open");
    if (event.newState === "open") requestAnimationFrame(() => entries(popover.current)[0]?.focus());
  }
  function onBeforeToggle(event: ToggleEvent): void {
    if (event.newState === "open" && popover.current && button.current) place(popover.current, button.current);
  }
  return {
    id,
    open,
    close: () => popover.current?.hidePopover(),
    opener: { ref: button, id: `${id}-opener`, popovertarget: id },
    opened: { ref: popover, onToggle, onBeforeToggle },
  };
}

function entries(within: HTMLElement | null): HTMLElement[] {
  const found = within?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [];
  return [...found];
}

/** The keys within a menu: arrows, Home, End, and the first letter of an entry. */
function walk(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const all = entries(event.currentTarget);
  const at = all.findIndex((entry) => entry.matches(":focus"));
  const after = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  const letter = event.key.toLowerCase();
  const targets: Record<string, HTMLElement | undefined> = {
    ArrowDown: after[0],
    ArrowUp: all.at(at <= 0 ? -1 : at - 1),
    Home: all[0],
    End: all.at(-1),
  };
  const typed = letter.length === 1 && letter !== " " && !event.ctrlKey && !event.metaKey;
  const target =
    targets[event.key] ?? (typed ? after.find((it) => it.textContent?.toLowerCase().startsWith(letter)) : undefined);
  if (!target) return;
  event.preventDefault();
  target.focus();
}
