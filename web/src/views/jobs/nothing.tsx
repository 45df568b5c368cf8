// Where no job is to be shown: how to start one, or which condition of the filter to drop.

import { href } from "../../address";
import type { DatasetPage } from "../../api/schema";
import { Empty } from "../../parts/messages/empty";
import { parseFilter, withoutTerm } from "../../state/list/filter";
import { useLive } from "../../state/live";
import { may } from "../../state/session";
import { show } from "./columns/shown";

/** What stands in the place of the rows where there are none. */
export function Nothing({ filter, complete }: { filter: string; complete: boolean }) {
  if (!complete) {
    return (
      <Empty title="None so far">
        <p>No job that has been looked at fits the filter; older ones are being looked at.</p>
      </Empty>
    );
  }
  return filter ? <NothingFits filter={filter} /> : <NoJobYet />;
}

function NothingFits({ filter }: { filter: string }) {
  const { terms } = parseFilter(filter);
  return (
    <Empty title="No job fits the filter">
      <p>{terms.length > 1 ? "Drop one of its conditions:" : "Drop its condition:"}</p>
      <div class="row-of">
        {terms.map((term) => (
          <button key={term.from} type="button" onClick={() => show({ filter: withoutTerm(filter, term) })}>
            Without <code>{term.text}</code>
          </button>
        ))}
        <button type="button" class="primary" onClick={() => show({ filter: "" })}>
          Show all jobs
        </button>
      </div>
    </Empty>
  );
}

function NoJobYet() {
  const datasets = useLive<DatasetPage>("/v1/datasets", { seconds: 10 }).value.value?.items ?? [];
  const photographs = datasets.some(({ name, held }) => name === "cifar10" && held.length > 0);
  return (
    <Empty title="No jobs yet">
      <p>
        A job trains one network and keeps its curves, its weights and what it got wrong. It appears here by itself.
      </p>
      {may("submit") && (
        <div class="row-of">
          <a class="button primary" href={href("/new")}>
            Start a job
          </a>
        </div>
      )}
      <p>From the command line:</p>
      <pre>
        flightline submit --preset notebook-tapered --set training.epochs=5
        {photographs ? "" : " --set dataset=synthetic"}
      </pre>
    </Empty>
  );
}
