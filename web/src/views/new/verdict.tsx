// What the service says of the job as it is written: whether it fits, what it costs, how long it takes.

import type { FieldProblem } from "../../api/client";
import type { DeviceEstimate, DryRun } from "../../api/schema";
import { duration } from "../../format";
import { Layers } from "../../parts/layers/layers";
import { pathOf } from "./form/document";
import { type Form, lead, useForm } from "./form/form";

/** The verdict, kept on the screen while one types. */
export function Verdict() {
  const form = useForm();
  const { check, draft } = form;
  const verdict = check.verdict.value;
  const sound = check.sound.value?.answer;
  const problems = draft.blank ? [] : (verdict?.problems ?? []);
  return (
    <section class="panel verdict" aria-labelledby="verdict-title">
      <h2 id="verdict-title">
        <span role="status">
          {whyNot(form) ?? verdict?.refusal?.message ?? (verdict ? "Ready to train" : "Checking …")}
        </span>
      </h2>
      <Problems problems={problems} />
      {sound?.warnings.map((warning) => (
        <p key={warning} class="warning">
          {warning}
        </p>
      ))}
      {sound && (
        <div class={verdict?.answer ? undefined : "stale"}>
          {!verdict?.answer && <p class="soft">As it was before:</p>}
          <Cost answer={sound} />
          <details class="fold" open>
            <summary>The network</summary>
            <Layers layers={sound.cost.layers} />
          </details>
        </div>
      )}
    </section>
  );
}

/** Why the job that is written cannot be submitted; null where nothing is known against it. */
export function whyNot({ check, draft }: Pick<Form, "check" | "draft">): string | null {
  const problems = check.verdict.value?.problems.length ?? 0;
  if (draft.blank) return "Choose what to start from";
  if (draft.fault.value) return "Mend the JSON";
  if (problems) return problems === 1 ? "One thing to mend" : `${problems} things to mend`;
  return null;
}

/** What is wrong, each with the way to its field. */
function Problems({ problems }: { problems: readonly FieldProblem[] }) {
  if (!problems.length) return null;
  return (
    <ul class="problems">
      {problems.map((one) => (
        <li key={one.pointer + one.detail}>
          <button type="button" class="link" onClick={() => lead(pathOf(one.pointer))}>
            {one.pointer.slice(1).replaceAll("/", " › ") || "the job"}
          </button>{" "}
          {one.detail}
        </li>
      ))}
    </ul>
  );
}

function Cost({ answer }: { answer: DryRun }) {
  const { cost, estimate } = answer;
  const figures: [string, string][] = [
    ["Parameters", cost.parameters.toLocaleString("en")],
    ["Weights", sized(cost.weight_bytes, "B")],
    ["Computation per epoch", sized(cost.flops_per_epoch, "FLOP")],
    ...estimate.devices.map((device): [string, string] => [`Time on ${device.device_kind}`, timeOn(device)]),
    ["Starts", startOf(estimate.starts_at, estimate.ahead)],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A large figure with three digits and the unit's prefix, such as "1.18 TFLOP". */
export function sized(value: number, unit: string): string {
  const prefixes = ["", "k", "M", "G", "T", "P", "E"];
  const step = Math.min(prefixes.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3));
  return `${Number((value / 1000 ** step).toPrecision(3))} ${prefixes[step]}${unit}`;
}

function timeOn({ seconds, seconds_per_epoch: epoch, jobs }: DeviceEstimate): string {
  if (seconds === null) return "unknown until one like it has finished";
  return `${duration(seconds)} (${duration(epoch)} per epoch, by ${jobs} ${jobs === 1 ? "job" : "jobs"})`;
}

/** When a job would start, in words. */
export function startOf(at: string | null, ahead: number): string {
  const queue = ahead === 1 ? ", after one other job" : ahead ? `, after ${ahead} other jobs` : "";
  if (at === null) return `when a worker that has its images can take it${queue}`;
  const seconds = (Date.parse(at) - Date.now()) / 1000;
  return seconds < 2 ? `at once${queue}` : `in ${duration(seconds)}${queue}`;
}
