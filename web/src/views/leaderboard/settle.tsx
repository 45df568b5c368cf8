// Telling configurations apart: how many more seeds that takes, and queuing them.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../../api/client";
import type { Leaderboard, Settlement, Standing } from "../../api/schema";
import { attempt, notify } from "../../parts/messages/notices";

interface SettleProps {
  board: Leaderboard;
  chosen: readonly Standing[];
  refresh: () => Promise<void>;
}

/** What it would take for the chosen configurations, and the button that queues it. */
export function Settle({ board, chosen, refresh }: SettleProps) {
  const plan = useSignal<Settlement | null>(null);
  const groups = chosen.map(({ config_hash }) => config_hash);
  useEffect(() => {
    plan.value = null;
  }, [groups.join(), board.metric, board.level]);
  const request = { groups, metric: board.metric, mode: board.mode, level: board.level };

  async function look(): Promise<void> {
    plan.value = await call<Settlement>("POST", "/v1/leaderboard/settle?dry_run=true", request);
  }
  async function settle(): Promise<void> {
    const done = await call<Settlement>("POST", "/v1/leaderboard/settle", request);
    notify(done.reason ?? (done.jobs === 1 ? "One job is queued." : `${done.jobs} jobs are queued.`));
    plan.value = null;
    await refresh();
  }
  if (groups.length < 2) return <p class="soft">Choose two or more configurations to tell them apart by more seeds.</p>;
  return (
    <div class="row-of">
      <button type="button" onClick={() => void attempt(look)}>
        What would tell {groups.length} apart?
      </button>
      {plan.value && (
        <>
          <span role="status">{planText(plan.value)}</span>
          {plan.value.jobs > 0 && (
            <button type="button" class="primary" onClick={() => void attempt(settle)}>
              Queue {plan.value.jobs} {plan.value.jobs === 1 ? "job" : "jobs"}
            </button>
          )}
        </>
      )}
    </div>
  );
}

/** What a plan comes to, in words. */
export function planText({ jobs, capped, reason }: Settlement): string {
  return reason ?? `${jobs} more ${jobs === 1 ? "seed" : "seeds"}${capped ? ", as many as one request queues" : ""}.`;
}
