// Calls of the API: JSON in, JSON out, and problems (RFC 9457) as errors that people can read.

import { signal } from "@preact/signals";
import { BASE } from "../address";
import { learnTime } from "../state/clock";

/** How the service stands to the page: it answers, it does not answer, or it wants a token first. */
export const service = signal<"open" | "lost" | "signed_out">("open");

/** One thing that is wrong in what was sent: where (a JSON pointer), and what to do. */
export interface FieldProblem {
  pointer: string;
  detail: string;
}

/** The API refused a request, or does not answer (status 0). `message` says what to do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: readonly FieldProblem[] = [],
    /** Ids of the jobs that are meant, where an end of an id fits several. */
    readonly jobs: readonly string[] = [],
  ) {
    super(message);
    this.name = "Problem";
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const known = (body ?? {}) as {
    code?: string;
    detail?: string;
    title?: string;
    errors?: FieldProblem[];
    jobs?: string[];
  };
  const message = known.detail ?? known.title ?? `The service answered ${response.status}.`;
  return new Problem(response.status, known.code ?? "unknown", message, known.errors, known.jobs);
}

/** What a request may say beside its method and path. */
export interface Asked {
  /** Sent as JSON, unless it is a form or a file. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** Ask the API, and return its answer. Raises `Problem`; `service` says afterwards whether the service answers. */
export async function ask(method: string, path: string, asked: Asked = {}): Promise<Response> {
  const { body, headers = {}, signal: stop } = asked;
  const init: RequestInit = { method, headers: { Accept: "application/json", ...headers } };
  if (stop) init.signal = stop;
  if (body instanceof Blob || body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(`${BASE}${path}`, init);
  } catch (error) {
    if (stop?.aborted) throw error;
    service.value = "lost";
    throw new Problem(0, "no_answer", "The service does not answer. The page tries again by itself.");
  }
  learnTime(response.headers.get("Date"));
  if (response.status === 401)
    service.value = "signed_out"; // until state/session.ts has somebody recognised
  else if (service.value === "lost") service.value = "open";
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Ask the API, and return the JSON of its answer. Raises `Problem`. */
export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await ask(method, path, { body, signal });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Read from the API; see `call`. */
export function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>("GET", path, undefined, signal);
}
