// The names that filters and orders know: short ones for results and the fields of a job's spec, and those of the API's
// own filters.

/** What a name of a filter stands for. */
export interface FilterField {
  name: string;
  /** What it is, in a few words, for suggestions. */
  means: string;
  /** A field of the spec by its dotted path, or one of `RESULTS`; compared by any sign. */
  path?: string;
  /** What its values are; not known of a field that is named by its path. */
  holds?: "number" | "text" | "boolean";
  /** A parameter of the API, compared by `:` or `=` alone. */
  parameter?: string;
}

/** The states of a job. */
export const STATES = ["queued", "running", "paused", "succeeded", "failed", "cancelled"] as const;

/** Words for several states at once. */
export const STATE_GROUPS: Readonly<Record<string, readonly string[]>> = {
  active: ["queued", "running", "paused"],
  finished: ["succeeded", "failed", "cancelled"],
};

const PARAMETERS: readonly (readonly [name: string, means: string, parameter?: string])[] = [
  ["status", "queued, running, paused, succeeded, failed or cancelled"],
  ["tag", "has this tag"],
  ["name", "has exactly this name"],
  ["owner", "belongs to this person"],
  ["preset", "was submitted from this preset"],
  ["kind", "train, evaluate or imported"],
  ["device", "ran on cpu, cuda or cuda:1"],
  ["architecture", "mlp, layers or torchvision", "architecture_kind"],
  ["after", "submitted after a day or instant", "created_after"],
  ["before", "submitted before a day or instant", "created_before"],
  ["config", "same job but for the seed", "config_hash"],
  ["sweep", "was made by this sweep"],
  ["id", "one job by its whole id"],
];

const TEXTS = "optimizer loss precision schedule engine dataset classes hidden activation network".split(" ");
const PATHS: readonly (readonly [name: string, path: string, means: string])[] = [
  ["accuracy", "val_accuracy", "validation accuracy of the latest epoch"],
  ["best", "best_val_accuracy", "validation accuracy of the best epoch"],
  ["val_loss", "val_loss", "validation loss"],
  ["lr", "training.optimizer.lr", "learning rate"],
  ["optimizer", "training.optimizer.kind", "sgd, adam, adamw …"],
  ["momentum", "training.optimizer.momentum", "momentum of the optimizer"],
  ["nesterov", "training.optimizer.nesterov", "Nesterov momentum"],
  ["weight_decay", "training.optimizer.weight_decay", "weight decay"],
  ["batch", "training.batch_size", "batch size"],
  ["epochs", "training.epochs", "epochs asked for"],
  ["seed", "training.seed", "seed"],
  ["loss", "training.loss", "loss function"],
  ["smoothing", "training.label_smoothing", "label smoothing"],
  ["precision", "training.precision", "fp32, bf16 …"],
  ["schedule", "training.schedule.kind", "schedule of the learning rate"],
  ["warmup", "training.schedule.warmup_epochs", "epochs of warm-up"],
  ["patience", "training.early_stopping.patience", "epochs before early stopping"],
  ["engine", "training.engine", "engine asked for"],
  ["dataset", "dataset.name", "data set"],
  ["classes", "dataset.classes", "classes, as a list"],
  ["image_size", "dataset.image_size", "pixels of an image's side"],
  ["hidden", "architecture.hidden", "hidden layers, such as [512,128]"],
  ["activation", "architecture.activation", "activation function"],
  ["network", "architecture.network", "torchvision network"],
  ["threads", "resources.threads", "CPU threads"],
  ["priority", "priority", "0 to 9"],
  ["timeout", "limits.timeout_seconds", "seconds before the job is stopped"],
];

/** Figures of a job's result, which its list can be filtered and sorted by. */
export const RESULTS: ReadonlySet<string | undefined> = new Set(PATHS.slice(0, 3).map(([, path]) => path));

/** Every name, in the order in which they are suggested. */
export const FIELDS: readonly FilterField[] = [
  ...PARAMETERS.map(([name, means, parameter = name]) => ({ name, means, parameter })),
  ...PATHS.map(([name, path, means]) => ({ name, path, means, holds: heldBy(name) })),
];

function heldBy(name: string): "number" | "text" | "boolean" {
  return name === "nesterov" ? "boolean" : TEXTS.includes(name) ? "text" : "number";
}

const BY_NAME = new Map(
  FIELDS.flatMap((field) => [field.name, field.path ?? field.name].map((name) => [name, field] as const)),
);

/** The field of a name or a path; dotted paths are fields of the spec by themselves. */
export function fieldOf(name: string): FilterField | undefined {
  const path = name.replace(/^(spec|result)\./, "");
  return BY_NAME.get(path) ?? (path.includes(".") ? { name: path, means: "", path } : undefined);
}

/** The shortest name of a field of the spec. */
export function shortName(path: string): string {
  return fieldOf(path)?.name ?? path;
}

/** An order as the API takes it, by any name that filters know: `-best` is `-best_val_accuracy`. */
export function sortOf(text: string): string {
  const name = text.replace(/^-/, "");
  const path = fieldOf(name)?.path;
  return path ? text.replace(name, RESULTS.has(path) ? path : `spec.${path}`) : text;
}

/** The known name that is most like a mistyped one. */
export function similar(name: string): string | undefined {
  const likely = FIELDS.map((field) => ({ field: field.name, far: distance(name, field.name) }));
  likely.sort((one, other) => one.far - other.far);
  const [first] = likely;
  return first && first.far <= Math.max(1, Math.floor(name.length / 3)) ? first.field : undefined;
}

/** How many letters have to be changed, added or left out to make one word of another. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (let index = 1; index <= other.length; index++) {
      const swapped = (row[index - 1] ?? 0) + (letter === other[index - 1] ? 0 : 1);
      next.push(Math.min(swapped, (row[index] ?? 0) + 1, (next[index - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
