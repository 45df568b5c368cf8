// The filter: typed, with suggestions; what it says is asked for at every letter, and shown as chips. Suggestions take the
// chips' line, so that they cover no job, and nothing moves when they come and go.

import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon } from "../../../parts/icon";
import { type Filter, parseFilter, withoutTerm } from "../../../state/list/filter";
import type { Row } from "../../../state/list/jobs";
import { type SpecPath, specPaths } from "../../../state/list/spec_paths";
import { show } from "../columns/shown";
import { accept, type Suggestion, settled, suggestionsFor } from "./suggestions";

interface FilterBoxProps {
  filter: string;
  /** The rows in sight, for suggestions. */
  rows: () => readonly Row[];
  /** The field, for whoever wants to focus it. */
  field: RefObject<HTMLInputElement | null>;
  /** What stands at the end of the chips' line. */
  children: ComponentChildren;
}

const PAUSE = 30; // milliseconds after a letter before jobs are asked for

/** The field to type a filter into, and the line of its suggestions or conditions. */
export function FilterBox({ filter, rows, field, children }: FilterBoxProps) {
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const [offered, setOffered] = useState<readonly Suggestion[]>([]);
  const [at, setAt] = useState(-1);
  const paths = useRef<readonly SpecPath[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const text = typed ?? filter;

  useEffect(() => () => clearTimeout(timer.current), []);

  function offer(value: string): void {
    const caret = field.current?.selectionStart ?? value.length;
    setOffered(suggestionsFor(value, caret, { rows: rows(), paths: paths.current }));
    setAt(-1);
  }
  function type(value: string): void {
    setTyped(value);
    offer(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => show({ filter: settled(value).trim() }, { replace: true }), PAUSE);
  }
  function take(suggestion: Suggestion): void {
    const next = accept(text, suggestion);
    type(next.text);
    requestAnimationFrame(() => {
      field.current?.setSelectionRange(next.caret, next.caret);
      offer(next.text);
    });
  }
  function point(next: number): void {
    setAt(next);
    document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  function close(): void {
    setOffered([]);
    setAt(-1);
  }
  function apply(): void {
    clearTimeout(timer.current);
    if (typed !== null && typed.trim() !== filter) show({ filter: typed.trim() }, { replace: true });
    setTyped(null);
    close();
  }
  function onKeyDown(event: KeyboardEvent): void {
    const count = offered.length;
    const chosen = offered[at];
    if (event.key === "ArrowDown" && count) point((at + 1) % count);
    else if (event.key === "ArrowUp" && count)
      point((at + count) % (count + 1) === count ? -1 : (at + count) % (count + 1));
    else if ((event.key === "Enter" || event.key === "Tab") && chosen) take(chosen);
    else if (event.key === "Enter") apply();
    else if (event.key === "Escape" && count) close();
    else if (event.key === "Escape") field.current?.blur();
    else return;
    if (event.key !== "Enter" || chosen || count) event.preventDefault();
    event.stopPropagation();
  }

  return (
    <>
      <div class="filter">
        <Icon name="search" />
        <input
          ref={field}
          type="search"
          // biome-ignore lint/a11y/noRedundantRoles: without a list of its own it is a searchbox, which opens none
          role="combobox"
          list={undefined}
          aria-label="Filter jobs"
          aria-expanded={offered.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
          placeholder="Filter: lr > 0.01 tag:night failed"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => type(event.currentTarget.value)}
          onFocus={(event) => {
            void specPaths().then(
              (all) => (paths.current = all),
              () => undefined,
            ); // suggestions of short names remain
            offer(event.currentTarget.value);
          }}
          onClick={() => offer(text)}
          onBlur={apply}
          onKeyDown={onKeyDown}
        />
      </div>
      <div class="below">
        <div id={`${id}-list`} class="offered" role="listbox" aria-label="Suggestions" hidden={!offered.length}>
          {offered.map((one, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field handles the keys of its list
            <div
              key={one.text}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === at}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(one)}
            >
              <code>{one.text}</code> <span class="soft">{one.means}</span>
            </div>
          ))}
        </div>
        <Chips filter={filter} />
        {children}
      </div>
    </>
  );
}

/** The conditions of a filter, each to be clicked away. */
function Chips({ filter }: { filter: string }) {
  const { terms, problems }: Filter = parseFilter(filter);
  return (
    <ul class="chips" aria-label="Filters">
      {terms.map((term) => (
        <li key={term.from}>
          <button
            type="button"
            class={problems.some((one) => one.from === term.from) ? "chip wrong" : "chip"}
            aria-label={`Remove ${term.text}`}
            onClick={() => show({ filter: withoutTerm(filter, term) })}
          >
            {term.text} <Icon name="close" />
          </button>
        </li>
      ))}
      {terms.length > 1 && (
        <li>
          <button type="button" class="quiet" onClick={() => show({ filter: "" })}>
            Clear all
          </button>
        </li>
      )}
    </ul>
  );
}

/** What is wrong in a filter. */
export function Wrong({ filter }: { filter: string }) {
  const { problems } = parseFilter(filter);
  return (
    <div role="status">
      {problems.map((problem) => (
        <p key={problem.from} class="wrong-part">
          <code>{filter.slice(problem.from, problem.to)}</code> {problem.text}
        </p>
      ))}
    </div>
  );
}
