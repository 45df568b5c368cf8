// What is done to many jobs at once, and what became of each, in words.

import { call, Problem } from "../../api/client";
import type { Job, JobOutcome, JobOutcomes } from "../../api/schema";

const AT_ONCE = 1000;

/** What became of jobs: how many it was done to, and the others with the reason, each reason once. */
export interface Became {
  done: number;
  refused: readonly { reason: string; ids: readonly string[] }[];
}

/** Cancel jobs, or delete finished ones. Raises `Problem` where nothing was done at all. */
export async function doToMany(what: "cancel" | "delete", ids: readonly string[]): Promise<Became> {
  const outcomes: JobOutcome[] = [];
  for (let first = 0; first < ids.length; first += AT_ONCE) {
    const some = ids.slice(first, first + AT_ONCE);
    outcomes.push(...(await call<JobOutcomes>("POST", `/v1/jobs/${what}`, { ids: some })).items);
  }
  return gathered(
    outcomes.map(({ id, outcome, error }) => ({
      id,
      reason: outcome === null ? (error?.detail ?? error?.code ?? "") : null,
    })),
  );
}

/** Add and take away tags of jobs, one after the other. */
export async function tagMany(
  ids: readonly string[],
  add: readonly string[],
  away: readonly string[],
): Promise<Became> {
  const results: { id: string; reason: string | null }[] = [];
  for (const id of ids) {
    try {
      const job = await call<Job>("GET", `/v1/jobs/${id}`);
      const kept = job.tags.filter((tag) => !away.includes(tag) && !add.includes(tag));
      await call<Job>("PATCH", `/v1/jobs/${id}`, { tags: [...kept, ...add] });
      results.push({ id, reason: null });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      results.push({ id, reason: error.errors[0]?.detail ?? error.message });
    }
  }
  return gathered(results);
}

function gathered(results: readonly { id: string; reason: string | null }[]): Became {
  const refused = new Map<string, string[]>();
  for (const { id, reason } of results) {
    if (reason === null) continue;
    const same = withoutId(reason, id);
    refused.set(same, [...(refused.get(same) ?? []), id]);
  }
  return {
    done: results.filter(({ reason }) => reason === null).length,
    refused: [...refused].map(([reason, ids]) => ({ reason, ids })),
  };
}

/** A reason without the job's id, so that the same reason of many jobs is said once. */
function withoutId(reason: string, id: string): string {
  return reason.replaceAll(id, "").replace(/\s+/g, " ").trim();
}

/** "1 job", "3 jobs". */
export function jobs(count: number): string {
  return count === 1 ? "1 job" : `${count.toLocaleString("en")} jobs`;
}

/** Tags as they are typed: separated by commas, each once. */
export function readTags(text: string): string[] {
  return [...new Set(text.split(",").map((tag) => tag.trim()))].filter(Boolean);
}
