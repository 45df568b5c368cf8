// A new job: a form of what the API describes, checked while one types, with the job's JSON beside it.

import { effect, untracked, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { place } from "../../address";
import { Problem, read } from "../../api/client";
import type { DatasetInfo, Job, PresetInfo, Sweep } from "../../api/schema";
import { ProblemNote } from "../../parts/messages/problem";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { Check, specOf } from "./check";
import { atPoint, differing, withOpenEnd, withRate } from "./clone";
import { Data } from "./data";
import { isObject, type Json, type JsonObject } from "./form/document";
import { Draft } from "./form/draft";
import { Form, FormProvider } from "./form/form";
import { Running, Training } from "./form/groups";
import { Schema } from "./form/schema";
import { JsonEditor } from "./json";
import { Launch, Revise } from "./launch";
import { Network } from "./network";
import { Start, specsOf } from "./start";
import { NETWORKS } from "./starters";
import { Verdict } from "./verdict";
import "./view.css";

/**
 * The form at its address: `?preset=NAME`, `?from=ID` and `?dataset=NAME` say what it begins with; with `rate=0.1`
 * a clone learns at a tenth of the rate. With `sweep=ID` it is the sweep's best point; `search` unfolds the search.
 */
export function View(_: ViewProps) {
  useTitle("New job");
  const origin = place.value.query.toString();
  const form = useSignal<Form | null>(null);
  const problem = useSignal<Problem | null>(null);
  const check = useMemo(() => new Check(), []);

  useEffect(() => {
    const stop = new AbortController();
    let end: () => void = () => undefined;
    form.value = null;
    opened(origin, check, stop.signal)
      .then((next) => {
        form.value = next;
        end = effect(() => {
          const document = next.draft.document.value;
          untracked(() => (next.draft.blank ? check.close() : check.show(document)));
        });
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        problem.value = error;
      });
    return () => {
      stop.abort();
      end();
      check.close();
    };
  }, [origin]);

  return (
    <div class="new-job">
      <header class="row-of">
        <h1>New job</h1>
        {form.value && (
          <FormProvider value={form.value}>
            <Revise />
          </FormProvider>
        )}
      </header>
      <ProblemNote problem={problem.value} />
      {form.value && (
        <FormProvider value={form.value}>
          <div class="columns">
            <div class="fields">
              <Start />
              <Data />
              <Network />
              <Training />
              <Running />
            </div>
            <div class="beside">
              <Launch />
              <Verdict />
              <JsonEditor />
            </div>
          </div>
        </FormProvider>
      )}
    </div>
  );
}

/** Read what the form is made from, and begin with what the address says, unless the browser has kept it unfinished. */
async function opened(origin: string, check: Check, stop: AbortSignal): Promise<Form> {
  const [description, presets, datasets] = await Promise.all([
    read<JsonObject>("/openapi.json", stop),
    read<{ items: PresetInfo[] }>("/v1/presets", stop),
    read<{ items: DatasetInfo[] }>("/v1/datasets", stop),
  ]);
  const draft = new Draft(origin);
  draft.presets.value = specsOf(presets.items);
  const form = new Form(draft, check, new Schema(description).fields("Submission"), presets.items, datasets.items);
  if (!draft.blank) return form;
  const query = new URLSearchParams(origin);
  const [preset, dataset] = [query.get("preset"), query.get("dataset")];
  if (query.has("from") || query.has("sweep")) draft.begin(await cloned(query, form, stop));
  else if (preset !== null) draft.begin({ preset });
  else if (dataset !== null) draft.begin({ architecture: NETWORKS["layers"] ?? {}, dataset: { name: dataset } });
  return form;
}

/** What a clone begins with: the best point of a sweep, which is there whatever was deleted, or else a job. */
async function cloned(query: URLSearchParams, form: Form, stop: AbortSignal): Promise<JsonObject> {
  const sweep = query.get("sweep");
  if (sweep !== null) {
    const { base, best } = await read<Sweep>(`/v1/sweeps/${encodeURIComponent(sweep)}`, stop);
    return atPoint(base as JsonObject, (best?.params ?? {}) as JsonObject);
  }
  const job = await read<Job>(`/v1/jobs/${encodeURIComponent(query.get("from") ?? "")}`, stop);
  return clonedFrom(job, form, Number(query.get("rate") ?? 1));
}

/** What a job's spec says beyond its preset and the defaults, with the job's present labels; its learning rate `times` as high. */
function clonedFrom(job: Job, form: Form, times: number): JsonObject {
  if (job.kind !== "train") {
    throw new Problem(
      409,
      "not_cloneable",
      "This job scores another's network; only jobs that train one can be cloned.",
    );
  }
  const preset = job.preset === null ? undefined : form.draft.presets.value.get(job.preset);
  const spec: Record<string, Json> = { ...specOf(job), name: job.name, tags: job.tags, priority: job.priority };
  const short = differing(withOpenEnd(withRate(spec, times)), form.fields, isObject(preset) ? preset : {});
  return preset && job.preset !== null ? { preset: job.preset, ...short } : short;
}
