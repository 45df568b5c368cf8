// The data: which set, and which of its classes.

import { href } from "../../address";
import type { DatasetInfo } from "../../api/schema";
import { heldClasses, sizeOf } from "../datasets/held";
import { itemsOf, type Path } from "./form/document";
import { Fields, Fold, Labelled, Wrong } from "./form/field";
import { idOf, useForm } from "./form/form";

const OWN = ["name", "classes"]; // drawn here; the rest as any field

/** The group about the images to train on. */
export function Data() {
  const form = useForm();
  const rest = form.inside("dataset").filter((field) => !OWN.includes(field.name));
  const known = form.datasets.find((one) => one.name === form.dataset());
  // a data set that says nothing of validation images needs to be told, so that is in sight
  const early = rest.filter((field) => field.name === "val_fraction" && known && !known.has_val);
  const late = rest.filter((field) => !early.includes(field));
  return (
    <section class="panel" aria-labelledby="group-data">
      <h2 id="group-data">Data</h2>
      <Wrong path={["dataset"]} />
      <Name known={known} />
      <Classes known={known} />
      <Fields path={["dataset"]} fields={early} />
      <Fold title="More about the data" paths={late.map((field) => ["dataset", field.name])}>
        <Fields path={["dataset"]} fields={late} />
      </Fold>
    </section>
  );
}

function Name({ known }: { known: DatasetInfo | undefined }) {
  const form = useForm();
  const path: Path = ["dataset", "name"];
  const field = form.inside("dataset").find((one) => one.name === "name");
  if (!field) return null;
  const name = form.dataset();

  function choose(next: string): void {
    if (form.draft.inherited(path) === next || (form.draft.inherited(path) ?? field?.fallback) === next)
      form.draft.reset(["dataset"]);
    else form.draft.set(["dataset"], { name: next });
  }

  return (
    <Labelled path={path} field={{ ...field, name: "data set" }} help={known ? describe(known) : field.help}>
      <select
        id={idOf(path)}
        aria-describedby={`${idOf(path)}-help`}
        value={name}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {!known && <option value={name}>{name}</option>}
        {form.datasets.map((one) => (
          <option key={one.name} value={one.name}>
            {one.name}
            {one.held.length ? "" : " (on no worker)"}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

function describe(info: DatasetInfo): string {
  const shape = info.input_shape?.join(" × ") ?? "images of several sizes";
  const [held, all] = [heldClasses(info).length, info.classes.length];
  const classes = held < all ? `${held} of ${all} classes` : `${all} classes`;
  return `${info.title}. ${classes}, ${shape}, ${sizeOf(info, "train").toLocaleString("en")} training images.`;
}

function Classes({ known }: { known: DatasetInfo | undefined }) {
  const form = useForm();
  const path: Path = ["dataset", "classes"];
  const field = form.inside("dataset").find((one) => one.name === "classes");
  if (!field) return null;
  const value = form.value(path, field);
  const all = known ? heldClasses(known) : [];
  const chosen = value === null ? all : itemsOf(value).map(String);
  const shown = [...all, ...chosen.filter((one) => !all.includes(one))];
  const others = known?.classes.filter((one) => !shown.includes(one)).length ?? 0;

  function change(next: readonly string[]): void {
    if (field) form.assign(path, [...next], field);
  }

  return (
    <fieldset class="field classes" id={idOf(path)} tabIndex={-1}>
      <legend>
        Classes{" "}
        <span class="soft">
          {chosen.length} of {all.length || chosen.length}
        </span>
        <button type="button" class="quiet" onClick={() => change([...all])}>
          All
        </button>
        <button type="button" class="quiet" onClick={() => form.draft.reset(path)}>
          The usual ones
        </button>
      </legend>
      <div class="chips">
        {shown.map((name) => (
          <label key={name} class="chip">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={(event) =>
                change(event.currentTarget.checked ? [...chosen, name] : chosen.filter((one) => one !== name))
              }
            />
            {name} {known && !all.includes(name) && <span class="soft">on no worker</span>}
          </label>
        ))}
      </div>
      {others > 0 && (
        <p class="soft">
          No worker holds its other {others} classes.{" "}
          <a href={href(`/datasets/${form.dataset()}`)}>Where its images are</a>
        </p>
      )}
      <Wrong path={path} within />
    </fieldset>
  );
}
