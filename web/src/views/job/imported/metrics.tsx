// The metrics of an imported run, each in a chart of its own over the steps that it was logged at.

import { useMemo } from "preact/hooks";
import type { Job, Metric, MetricPage } from "../../../api/schema";
import { figure } from "../../../format";
import { Chart } from "../../../parts/chart/chart";
import { ProblemNote } from "../../../parts/messages/problem";
import { useLive } from "../../../state/live";

const COLOURS = 8;

/** The charts of metrics with several values, and a table of those with one; nothing where there are none. */
export function Metrics({ job }: { job: Job }) {
  const known = useLive<MetricPage>(`/v1/jobs/${job.id}/metrics`, { job: job.id });
  const metrics = known.value.value?.items;
  const curves = useMemo(() => (metrics ?? []).filter(({ steps }) => steps.length > 1), [metrics]);
  const single = useMemo(() => (metrics ?? []).filter(({ steps }) => steps.length === 1), [metrics]);
  if (!metrics) return <ProblemNote problem={known.problem.value} />;
  if (!metrics.length) return null;
  return (
    <section class="panel curves" aria-label="Metrics">
      {curves.length > 0 && (
        <div class="charts">
          {curves.map((metric, number) => (
            <MetricChart key={metric.name} metric={metric} colour={number % COLOURS} />
          ))}
        </div>
      )}
      {single.length > 0 && <Single metrics={single} />}
    </section>
  );
}

function MetricChart({ metric, colour }: { metric: Metric; colour: number }) {
  const { steps, values } = useMemo(() => byStep(metric), [metric]);
  const curves = useMemo(() => [{ name: "", values, colour }], [values, colour]);
  return <Chart title={metric.name} epochs={steps} curves={curves} height={130} />;
}

/** The last value of each step, in the order of the steps. */
export function byStep({ steps, figures }: Metric): { steps: number[]; values: (number | null)[] } {
  const last = new Map(steps.map((step, at) => [step, figures[at] ?? null] as const));
  const ordered = [...last].sort(([one], [other]) => one - other);
  return { steps: ordered.map(([step]) => step), values: ordered.map(([, value]) => value) };
}

function Single({ metrics }: { metrics: readonly Metric[] }) {
  return (
    <div class="scroll-x">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" class="right">
              Value
            </th>
            <th scope="col" class="right">
              Step
            </th>
          </tr>
        </thead>
        <tbody>
          {metrics.map(({ name, steps, figures }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="right">{figure(figures[0])}</td>
              <td class="right soft">{steps[0]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
