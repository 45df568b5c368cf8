// What people call a field of a job, in its own words, and in which unit it counts; other names are read as they are.

const LABELS: Record<string, string> = {
  lr: "Learning rate",
  val_per_class: "Validation images per class",
  train_per_class: "Training images per class",
  val_fraction: "Part to validate on",
  holdout_fraction: "Part held out",
  normalize: "Normalisation",
  p: "Probability",
  pct_start: "Rising part",
  div_factor: "Rise factor",
  final_div_factor: "Fall factor",
  anneal_strategy: "Curve",
  min_lr: "Learning rate at the end",
  eps: "Epsilon",
  kernel_size: "Kernel",
  out_channels: "Output channels",
  out_features: "Output features",
  num_groups: "Groups",
  hidden: "Hidden layers",
  augment: "Augmentation",
  weight_average: "Weight average",
  early_stopping: "Early stopping",
  timeout_seconds: "Longest running time",
  max_attempts: "Attempts",
  threads: "CPU threads",
  resources: "Device",
  schedule: "Learning rate schedule",
  output: "Output function",
  step_epochs: "Epochs between cuts",
  min_delta: "Least improvement",
  network: "Network",
};

const UNITS: Record<string, string> = {
  epochs: "epochs",
  warmup_epochs: "epochs",
  step_epochs: "epochs",
  patience: "epochs",
  timeout_seconds: "seconds",
  batch_size: "images",
  train_per_class: "images",
  val_per_class: "images",
  image_size: "pixels",
  kernel_size: "pixels",
  size: "pixels",
};

/** A field's name as people say it. */
export function labelOf(name: string): string {
  const plain = name.replaceAll("_", " ");
  return LABELS[name] ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The unit that a field counts in; "" for a pure number or none. */
export function unitOf(name: string): string {
  return UNITS[name] ?? "";
}

/** A default as the form shows it where nothing is written. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.length ? value.map(shown).join(", ") : "none";
  if (typeof value === "object") return "kind" in value ? String(value.kind) : "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}
