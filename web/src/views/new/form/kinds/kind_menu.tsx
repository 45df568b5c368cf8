// The menu of what may be added to a list: all kinds with what they do, searched by typing.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "../../../../parts/popups/dialog";
import type { Variant } from "../schema";

interface KindMenuProps {
  title: string;
  variants: readonly Variant[];
  onChoose: (kind: string) => void;
  onClose: () => void;
}

/** The menu, as a dialog: letters search, arrows move, Enter adds. */
export function KindMenu({ title, variants, onChoose, onClose }: KindMenuProps) {
  const [search, setSearch] = useState("");
  const [active, setActive] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = variants.filter((one) => words.every((word) => `${one.kind} ${one.help}`.toLowerCase().includes(word)));
  const ranked = found.toSorted(
    (one, other) => Number(other.kind.startsWith(search)) - Number(one.kind.startsWith(search)),
  );
  const chosen = ranked[Math.min(active, ranked.length - 1)];

  function onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setActive(Math.min(Math.max(0, active + step), ranked.length - 1));
    else if (event.key === "Enter" && chosen) onChoose(chosen.kind);
    else return;
    event.preventDefault();
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <input
        ref={field}
        class="search"
        role="combobox"
        aria-label="Search kinds"
        aria-expanded="true"
        aria-controls="kinds"
        aria-activedescendant={chosen ? `kind-${chosen.kind}` : undefined}
        placeholder="Search, such as norm or pool"
        autocomplete="off"
        value={search}
        onInput={(event) => {
          setSearch(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKey}
      />
      <div class="kinds" role="listbox" id="kinds" aria-label="Kinds">
        {ranked.map((one) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the search field has the focus and handles the keys
          <div
            key={one.kind}
            id={`kind-${one.kind}`}
            role="option"
            aria-selected={one === chosen}
            onClick={() => onChoose(one.kind)}
          >
            <b>{one.kind}</b> <span class="soft">{one.help}</span>
          </div>
        ))}
      </div>
      {!ranked.length && <p>No kind is like “{search}”.</p>}
    </Dialog>
  );
}
