// All sweeps, the newest first.

import { href } from "../../address";
import type { Sweep, SweepPage } from "../../api/schema";
import { shortId } from "../../format";
import { Heads, right } from "../../parts/heads";
import { Empty } from "../../parts/messages/empty";
import { ProblemNote } from "../../parts/messages/problem";
import { Moment } from "../../parts/moment";
import { useLive } from "../../state/live";
import { may, viewer } from "../../state/session";
import { useTitle } from "../../state/title";
import { objectiveOf, paramsText, variedOf } from "./space";

const MOST = 100;

/** The list of sweeps. */
export function AllSweeps() {
  useTitle("Sweeps");
  const sweeps = useLive<SweepPage>(`/v1/sweeps?limit=${MOST}`, { sweep: "any" });
  const items = sweeps.value.value?.items ?? [];
  const starts = may("submit") || !viewer.value;
  return (
    <section class="stack sweeps">
      <header class="page-head">
        <h1>Sweeps</h1>
        {starts && (
          <a class="button push" href={href("/new", { search: "" })}>
            New sweep
          </a>
        )}
      </header>
      <ProblemNote problem={sweeps.problem.value} />
      {sweeps.value.value && items.length === 0 && (
        <Empty title="Nothing was searched yet">
          <p>
            A sweep trains many variants of one job, a few at a time, and finds the best. Begin a new job, and choose
            “Search instead of one run” beside its form.
          </p>
        </Empty>
      )}
      {items.length > 0 && (
        <div class="panel scroll-x">
          <table class="plain">
            <Heads of={["Sweep", "Status", right("Points"), right("Jobs running"), right("Best"), "With", "Started"]} />
            <tbody>
              {items.map((sweep) => (
                <Row key={sweep.id} sweep={sweep} />
              ))}
            </tbody>
          </table>
          {sweeps.value.value?.next_cursor && <p class="soft small">The {MOST} newest.</p>}
        </div>
      )}
    </section>
  );
}

function Row({ sweep }: { sweep: Sweep }) {
  const { best } = sweep;
  return (
    <tr>
      <th scope="row">
        <a href={href(`/sweeps/${sweep.id}`)}>
          {sweep.name ?? "sweep"} <span class="soft">{shortId(sweep.id)}</span>
        </a>
        {sweep.owner && <div class="soft small">{sweep.owner}</div>}
      </th>
      <td>
        <SweepStatus sweep={sweep} />
      </td>
      <td class="right points">
        {sweep.points_tried.toLocaleString("en")} of {sweep.points.toLocaleString("en")}
      </td>
      <td class="right running">{sweep.counts.running}</td>
      <td class="right best">{best ? objectiveOf(sweep).text(best.value) : "–"}</td>
      <td class="with">{best && paramsText(best.params, variedOf(sweep))}</td>
      <td class="started">
        <Moment at={sweep.created_at} never="" />
      </td>
    </tr>
  );
}

/** A sweep's status, as a word with the mark that jobs have for the like. */
export function SweepStatus({ sweep }: { sweep: Sweep }) {
  const look = sweep.status === "finished" ? "succeeded" : sweep.status;
  return <span class={`status ${look}`}>{sweep.status}</span>;
}
