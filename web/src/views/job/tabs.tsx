// What there is of a job below its curves: one section at a time, named in the address (?tab=log).

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ask, href, place } from "../../address";
import type { Job } from "../../api/schema";
import { useKeys } from "../../parts/popups/keys";
import { Attempts } from "./attempts";
import { Files } from "./files";
import { isImported } from "./job";
import { Log } from "./log/log";
import { Notes } from "./notes";
import { EvaluationTab } from "./results/evaluation";
import { Mistakes } from "./results/mistakes";
import { Network } from "./spec/network";
import { Programs } from "./spec/programs";
import { Spec } from "./spec/spec";
import { TryIt } from "./try/try_it";

interface Tab {
  id: string;
  name: string;
  show: (job: Job, refresh: () => Promise<void>) => ComponentChildren;
  /** Which jobs have it; all, where it is left out. */
  of?: (job: Job) => boolean;
}

const here = (job: Job) => !isImported(job);
const succeeded = (job: Job) => job.status === "succeeded" && here(job);
const trained = (job: Job) => succeeded(job) && job.kind === "train";
const TABS: readonly Tab[] = [
  { id: "evaluation", name: "Evaluation", show: (job) => <EvaluationTab job={job} />, of: succeeded },
  { id: "mistakes", name: "Mistakes", show: (job) => <Mistakes job={job} />, of: trained },
  { id: "try", name: "Try it", show: (job) => <TryIt job={job} />, of: trained },
  { id: "log", name: "Log", show: (job) => <Log job={job} />, of: here },
  { id: "spec", name: "Spec", show: (job) => <Spec job={job} /> },
  { id: "network", name: "Network", show: (job) => <Network job={job} />, of: (job) => job.kind === "train" },
  { id: "attempts", name: "Attempts", show: (job) => <Attempts job={job} />, of: here },
  { id: "notes", name: "Notes", show: (job, refresh) => <Notes job={job} refresh={refresh} /> },
  { id: "files", name: "Files", show: (job) => <Files job={job} />, of: here },
  { id: "code", name: "Code", show: (job) => <Programs job={job} /> },
];

/** The address of a section of the job that is shown. */
export function linkTo(tab: string): string {
  const query = new URLSearchParams(place.value.query);
  query.set("tab", tab);
  return href(place.value.path, query);
}

/** The names of the sections, and the one that the address names; else what matters most in the job's state. */
export function Tabs({ job, refresh }: { job: Job; refresh: () => Promise<void> }) {
  const tabs = TABS.filter((tab) => tab.of?.(job) ?? true);
  const asked = place.value.query.get("tab");
  const first = isImported(job) ? "spec" : succeeded(job) ? "evaluation" : job.status === "queued" ? "spec" : "log";
  const shown = tabs.find((tab) => tab.id === asked) ?? tabs.find((tab) => tab.id === first);
  const at = shown ? tabs.indexOf(shown) : 0;
  const names = useRef<HTMLElement>(null);
  useEffect(() => intoSight(names.current), [at]);
  const step = (by: number) => ask({ tab: tabs[(at + by + tabs.length) % tabs.length]?.id ?? null });
  useKeys({
    "[": { does: "Section before", run: () => step(-1) },
    "]": { does: "Next section", run: () => step(1) },
  });
  return (
    <section class="panel sections">
      <nav class="tabs" aria-label="Sections" ref={names}>
        {tabs.map((tab) => (
          <a key={tab.id} href={linkTo(tab.id)} aria-current={tab === shown ? "page" : undefined}>
            {tab.name}
            {tab.id === "notes" && job.notes ? <span class="dot" title="There are notes" /> : null}
          </a>
        ))}
      </nav>
      {shown && (
        <div class="section" key={shown.id}>
          <h2 class="sr">{shown.name}</h2>
          {shown.show(job, refresh)}
        </div>
      )}
    </section>
  );
}

/** Scroll the row of names, which is longer than a phone is wide, to the one that is shown. */
function intoSight(names: HTMLElement | null): void {
  const name = names?.querySelector<HTMLElement>("[aria-current]");
  if (names && name) names.scrollLeft = name.offsetLeft - names.offsetLeft - (names.clientWidth - name.offsetWidth) / 2;
}
