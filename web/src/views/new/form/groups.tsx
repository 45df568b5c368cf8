// The groups of fields that need no hands of their own: how the network is trained, and where the job runs.

import { AnyField, Fields, Fold, UnionField, Wrong } from "./field";
import { useForm } from "./form";

const FIRST = ["epochs", "batch_size", "optimizer", "schedule", "seed"]; // what most people set
const FIRST_OF_OPTIMIZERS = ["lr", "momentum"];
const RUNNING = ["resources", "priority", "limits"];

/** How long and how the network is trained. */
export function Training() {
  const fields = useForm().inside("training");
  const late = fields.filter((field) => !FIRST.includes(field.name));
  return (
    <section class="panel" aria-labelledby="group-training">
      <h2 id="group-training">Training</h2>
      <Wrong path={["training"]} />
      {FIRST.flatMap((name) => fields.filter((field) => field.name === name)).map((field) =>
        field.name === "optimizer" ? (
          <UnionField key={field.name} path={["training", field.name]} field={field} first={FIRST_OF_OPTIMIZERS} />
        ) : (
          <AnyField key={field.name} path={["training", field.name]} field={field} />
        ),
      )}
      <Fold title="More about the training" paths={late.map((field) => ["training", field.name])}>
        <Fields path={["training"]} fields={late} />
      </Fold>
    </section>
  );
}

/** Where the job runs, and when it is given up. */
export function Running() {
  const form = useForm();
  return (
    <section class="panel" aria-labelledby="group-running">
      <h2 id="group-running">Running</h2>
      <Fold title="Device, priority and limits" paths={RUNNING.map((name) => [name])}>
        {RUNNING.map((name) => (
          <AnyField key={name} path={[name]} field={form.field(name)} />
        ))}
      </Fold>
    </section>
  );
}
