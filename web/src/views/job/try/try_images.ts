// The images that somebody tries a network on: sent together, and what the network made of each, or why not.

import { signal } from "@preact/signals";
import { ask, Problem } from "../../../api/client";
import type { Prediction, Predictions } from "../../../api/schema";

/** The most images that the service takes in a request. */
export const MOST_IMAGES = 64;

/** Which of a job's weights are asked. */
export type Weights = "best" | "last";

/** One image, and what became of it: neither a prediction nor a fault while it is on its way. */
export interface Tried {
  key: number;
  file: File;
  prediction: Prediction | null;
  fault: string | null;
}

let keys = 0;

/** Sends images to a job's network; the newest come first. */
export class Trial {
  readonly images = signal<readonly Tried[]>([]);
  readonly problem = signal<Problem | null>(null);
  readonly weights = signal<Weights>("best");
  readonly busy = signal(false);

  constructor(private readonly job: string) {}

  /** Add files and ask about them; what is no image is left out, and said so. */
  async add(files: readonly File[]): Promise<void> {
    const images = files.filter((file) => file.type === "" || file.type.startsWith("image/"));
    const fresh = images.map((file): Tried => ({ key: keys++, file, prediction: null, fault: null }));
    const room = fresh.slice(0, MOST_IMAGES);
    this.images.value = [...room, ...this.images.value].slice(0, MOST_IMAGES);
    await this.send(room);
    if (images.length < files.length || room.length < fresh.length) {
      this.problem.value ??= new Problem(
        0,
        "left_out",
        `At most ${MOST_IMAGES} images at once; other files are left out.`,
      );
    }
  }

  /** Ask all images again, of the other weights. */
  async choose(weights: Weights): Promise<void> {
    this.weights.value = weights;
    await this.send(this.images.value.filter((one) => one.fault === null));
  }

  /** Ask those again that have no answer, as after a predictor was started. */
  async again(): Promise<void> {
    await this.send(this.images.value.filter((one) => one.prediction === null && one.fault === null));
  }

  /** Take all images away. */
  clear(): void {
    this.images.value = [];
    this.problem.value = null;
  }

  private async send(asked: readonly Tried[]): Promise<void> {
    this.problem.value = null;
    if (!asked.length) return;
    const form = new FormData();
    for (const [index, { file }] of asked.entries()) form.append("image", file, file.name || `image ${index + 1}`);
    this.busy.value = true;
    try {
      const path = `/v1/jobs/${this.job}/predict?weights=${this.weights.value}`;
      const answer: Predictions = await (await ask("POST", path, { body: form })).json();
      this.change(asked, (at) => ({ prediction: answer.items[at] ?? null }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      await this.refused(asked, error);
    } finally {
      this.busy.value = false;
    }
  }

  /** Note what is wrong with which image, and ask about the others. */
  private async refused(asked: readonly Tried[], problem: Problem): Promise<void> {
    if (problem.status === 413) return this.lessAtOnce(asked, problem);
    const faults = faultsOf(problem, asked.length);
    if (!faults.size) {
      this.problem.value = problem;
      return;
    }
    this.change(asked, (at) => ({ fault: faults.get(at) ?? null }));
    await this.send(asked.filter((_, at) => !faults.has(at)));
  }

  /** Send the halves of what was too much, one after the other; an image that is too much alone is at fault. */
  private async lessAtOnce(asked: readonly Tried[], problem: Problem): Promise<void> {
    if (asked.length === 1) return this.change(asked, () => ({ fault: problem.message }));
    const half = Math.ceil(asked.length / 2);
    await this.send(asked.slice(0, half));
    const before = this.problem.value;
    await this.send(asked.slice(half));
    this.problem.value ??= before;
  }

  private change(asked: readonly Tried[], how: (at: number) => Partial<Tried>): void {
    this.images.value = this.images.value.map((one) => {
      const at = asked.findIndex((other) => other.key === one.key);
      return at === -1 ? one : { ...one, ...how(at) };
    });
  }
}

/** What a problem says against single images, by their places in the request. */
export function faultsOf(problem: Problem, count: number): ReadonlyMap<number, string> {
  const faults = problem.errors.map(({ pointer, detail }): [number, string] => [
    Number(/^\/(\d+)$/.exec(pointer)?.[1] ?? -1),
    detail,
  ]);
  return new Map(faults.filter(([at]) => at >= 0 && at < count));
}
