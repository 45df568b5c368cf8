// Which fields take several values, one job for each: "seed: 0-4", "learning rate: 0.1, 0.03, 0.01".

import { labelOf } from "../../../parts/words";
import type { Path } from "../form/document";
import { useForm } from "../form/form";
import { countOf, type Varied, valuesOf, variable } from "./vary";

const SEED: Varied = { path: ["training", "seed"], text: "0-4" };
const RATE: Varied = { path: ["training", "optimizer", "lr"], text: "" };
const LABELS = ["name", "preset"]; // of which several values mean nothing

interface VaryProps {
  varied: readonly Varied[];
  onChange: (varied: readonly Varied[]) => void;
}

/** The fields that vary, and how many jobs come of them. */
export function Vary({ varied, onChange }: VaryProps) {
  const { fields, spec } = useForm();
  const paths = variable(fields, spec).filter((path) => !LABELS.includes(String(path[0])));
  return (
    <details class="fold vary">
      <summary>
        Several at once{varied.length > 0 && <span class="count">{countOf(varied).toLocaleString("en")} jobs</span>}
      </summary>
      <p class="soft">
        A job for each value, such as <code>0-4</code>, <code>0.1, 0.03, 0.01</code>, or <code>0.001 to 1 log 4</code>{" "}
        for four values at equal factors; of several fields every combination.
      </p>
      <VaryRows
        varied={varied}
        onChange={onChange}
        paths={paths}
        first={[SEED, RATE]}
        placeholder="0.1, 0.03, 0.01"
        count={({ text }) => String(valuesOf(text).length)}
      />
    </details>
  );
}

interface RowsProps {
  varied: readonly Varied[];
  onChange: (varied: readonly Varied[]) => void;
  /** The fields to choose from. */
  paths: readonly Path[];
  /** What a further row begins with: the first of these fields that does not vary yet. */
  first: readonly Varied[];
  placeholder: string;
  /** What is said behind a row's text: how many values it has, or that it is none. */
  count: (one: Varied) => string;
  /** What is wrong with a row. */
  wrong?: (one: Varied) => readonly string[];
}

/** A row for each field that varies: which field, its values, and the way to take it out. */
export function VaryRows({ varied, onChange, paths, first, placeholder, count, wrong }: RowsProps) {
  const free = first.find((one) => !varied.some((other) => sameAs(one.path, other.path)));

  function change(index: number, next: Partial<Varied>): void {
    onChange(varied.map((one, at) => (at === index ? { ...one, ...next } : one)));
  }

  return (
    <>
      {varied.map((one, index) => (
        <div key={index /* rows are told apart by their place alone */} class="row-of">
          <select
            aria-label="Field"
            value={one.path.join(".")}
            onChange={(event) => change(index, { path: event.currentTarget.value.split(".") })}
          >
            {withIts(paths, one.path).map((path) => (
              <option key={path.join(".")} value={path.join(".")}>
                {path.map(String).map(labelOf).join(" › ")}
              </option>
            ))}
          </select>
          <input
            aria-label={`Values of ${labelOf(String(one.path.at(-1)))}`}
            value={one.text}
            placeholder={placeholder}
            onInput={(event) => change(index, { text: event.currentTarget.value })}
          />
          <span class="soft">{count(one)}</span>
          <button
            type="button"
            class="quiet"
            aria-label={`Do not vary ${labelOf(String(one.path.at(-1)))}`}
            onClick={() => onChange(varied.filter((_, at) => at !== index))}
          >
            ✕
          </button>
          <div class="wrong" role="alert">
            {wrong?.(one).map((text) => (
              <p key={text}>{text}</p>
            ))}
          </div>
        </div>
      ))}
      <button type="button" onClick={() => onChange([...varied, free ?? { path: paths[0] ?? ["name"], text: "" }])}>
        + Vary a field
      </button>
    </>
  );
}

function sameAs(one: Path, other: Path): boolean {
  return one.join(".") === other.join(".");
}

function withIts(paths: readonly Path[], own: Path): readonly Path[] {
  return paths.some((path) => sameAs(path, own)) ? paths : [own, ...paths];
}
