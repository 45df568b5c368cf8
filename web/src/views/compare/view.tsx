// Jobs beside each other: their curves, in what they differ, and which hyperparameters are good.

import { useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { place } from "../../address";
import { ProblemNote } from "../../parts/messages/problem";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { addressed, MOST, select } from "./asked";
import { Headline } from "./headline";
import { Model } from "./model";
import { Curves } from "./pictures/curves";
import { Parallel } from "./pictures/parallel";
import { Scatter } from "./pictures/scatter";
import { Programs } from "./programs";
import { Panel } from "./selection/panel";
import { Differences } from "./tables/differences";
import { Leaderboard } from "./tables/leaderboard";
import "./view.css";

/** The view of the jobs that the address names. */
export function View(_: ViewProps) {
  const model = useMemo(() => new Model(), []);
  useSelection(model);
  useTitle("Compare");

  const { jobs, bestOf } = model.asked.value;
  const count = jobs.length;
  const { problem, answered } = model.store;
  const enough = model.all.value.length > 1;
  return (
    <article class="compare stack">
      <header class="page-head">
        <h1>Compare</h1>
      </header>
      <ProblemNote problem={problem.value} />
      {count > MOST && (
        <p class="warning">
          The address names {count} jobs; the first {MOST} are compared.
        </p>
      )}
      {bestOf > count && (
        <p class="warning">
          {count} of {bestOf.toLocaleString("en")} jobs: those with the best validation accuracy. No picture or table
          here has the other {(bestOf - count).toLocaleString("en")}.
        </p>
      )}
      {count < 2 && <Few count={count} />}
      {count > 1 && answered.value === null && !problem.value && <p class="soft">Reading {count} jobs…</p>}
      <div class={enough ? "beside" : undefined}>
        <Panel model={model} />
        {enough && (
          <div class="pictures">
            <Headline model={model} />
            <Curves model={model} />
            <Scatter model={model} />
            <Parallel model={model} />
            <Later>
              <Leaderboard model={model} />
              <Differences model={model} />
              <Programs model={model} />
            </Later>
          </div>
        )}
      </div>
    </article>
  );
}

/** Compare what the address names, and have it name the jobs as the page does: by whole ids, without those that are gone. */
function useSelection(model: Model): void {
  const texts = model.asked.value.jobs.slice(0, MOST);
  const here = place.value.path === "/compare";
  const wanted = model.wanted.value;
  useEffect(() => {
    if (!here) return;
    model.store.want(wanted);
    model.store.open(texts);
  }, [texts.join(), here, wanted.join()]);
  useEffect(() => () => model.store.close(), []);
  useSignalEffect(() => {
    const ids = addressed(model.all.value.map((run) => run.job.id));
    const jobs = model.asked.value.jobs.slice(0, MOST).join();
    if (model.store.answered.value === jobs && place.value.path === "/compare" && ids.join() !== jobs) {
      select(
        model.all.value.map((run) => run.job.id),
        { replace: true },
      );
    }
  });
}

/** What is drawn after the pictures: long tables, which are below them. */
function Later({ children }: { children: ComponentChildren }) {
  const [drawn, setDrawn] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDrawn(true));
    return () => clearTimeout(timer);
  }, []);
  return drawn ? children : null;
}

function Few({ count }: { count: number }) {
  return (
    <div class="panel few">
      <p>
        {count === 0 ? "No job is chosen yet." : "One job is chosen; it takes two to compare."} Add jobs here by a
        filter, or tick them in the list of jobs and choose “Compare”. Up to {MOST} jobs fit: curves, what differs, and
        which hyperparameters are good.
      </p>
    </div>
  );
}
