// The jobs that match a filter, as many as a comparison could take and a few more.

import { read } from "../../../api/client";
import type { Job, JobPage } from "../../../api/schema";

/** Jobs that match, and whether there are more than were read. */
export interface Found {
  jobs: readonly Job[];
  more: boolean;
}

const PAGE = 400; // twice of what is compared: some of them may be compared already
const FIELDS = "id,name,preset,kind,status,cancel_requested,result";
const MOST_PAGES = 4; // a page may be empty while the service looks through many jobs

/** Find the jobs of a query of the list. Raises `Problem`. */
export async function find(query: string, stop: AbortSignal): Promise<Found> {
  const jobs: Job[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES && jobs.length < PAGE; page++) {
    const next: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const answer: JobPage = await read<JobPage>(`/v1/jobs?${query}&limit=${PAGE}&fields=${FIELDS}${next}`, stop);
    jobs.push(...answer.items);
    cursor = answer.next_cursor;
    if (cursor === null) break;
  }
  return { jobs, more: cursor !== null };
}
