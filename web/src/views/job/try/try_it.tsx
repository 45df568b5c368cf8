// Try it: images of one's own, and what a finished job's network makes of them.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { DatasetInfo, Job } from "../../../api/schema";
import { percent } from "../../../format";
import { ProblemNote } from "../../../parts/messages/problem";
import { useLive } from "../../../state/live";
import { type Seen, TriedImage } from "./try_image";
import { MOST_IMAGES, Trial } from "./try_images";
import "./try_it.css";

/** The panel, for a job that has a network; nothing for any other. */
export function TryIt({ job }: { job: Job }) {
  return job.status === "succeeded" && job.kind === "train" ? <Panel key={job.id} job={job} /> : null;
}

function Panel({ job }: { job: Job }) {
  const trial = useMemo(() => new Trial(job.id), [job.id]);
  const over = useSignal(false);
  const seen = useSeen(job);
  const input = useRef<HTMLInputElement>(null);
  const images = trial.images.value;
  const noPredictor = trial.problem.value?.code === "no_predictor";

  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) void trial.add(files);
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, [trial]);

  function drop(event: DragEvent): void {
    event.preventDefault();
    over.value = false;
    void trial.add([...(event.dataTransfer?.files ?? [])]);
  }

  return (
    <section
      class={`panel try-it${over.value ? " over" : ""}`}
      aria-labelledby="try-it"
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => (over.value = false)}
      onDrop={drop}
    >
      <h2 id="try-it">Try it</h2>
      <div class="row-of">
        <button type="button" onClick={() => input.current?.click()}>
          Choose images
        </button>
        <span class="soft">
          or drop or paste them here, up to {MOST_IMAGES}. They go to this service alone, and are not kept.
        </span>
        <input
          ref={input}
          class="sr"
          type="file"
          accept="image/*"
          multiple
          tabIndex={-1}
          aria-label="Images"
          onChange={(event) => {
            void trial.add([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        {images.length > 0 && <Controls trial={trial} />}
      </div>
      <ProblemNote problem={trial.problem.value} />
      {noPredictor && (
        <p>
          Start one beside the service, with <code>flightline up --workers cpu=1,predict=1</code> or{" "}
          <code>flightline predictor</code>, then{" "}
          <button type="button" onClick={() => void trial.again()}>
            Ask again
          </button>
        </p>
      )}
      <p class="sr" role="status">
        {spoken(trial)}
      </p>
      {images.length > 0 && (
        <ul class="tries">
          {images.map((tried) => (
            <TriedImage key={tried.key} tried={tried} seen={seen} waiting={trial.busy.value} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Controls({ trial }: { trial: Trial }) {
  return (
    <>
      <label>
        Weights of the{" "}
        <select
          value={trial.weights.value}
          onChange={(event) => void trial.choose(event.currentTarget.value === "last" ? "last" : "best")}
        >
          <option value="best">best epoch</option>
          <option value="last">last epoch</option>
        </select>
      </label>
      <button type="button" class="quiet" onClick={() => trial.clear()}>
        Clear
      </button>
    </>
  );
}

function spoken(trial: Trial): string {
  if (trial.busy.value) return "";
  return trial.images.value
    .flatMap(({ file, prediction: made }) =>
      made ? [`${file.name}: ${made.class}, ${percent(made.probabilities[made.class])}`] : [],
    )
    .join("; ");
}

/** What the job's network sees of an image, once its data set is known. */
function useSeen(job: Job): Seen | null {
  const data = job.spec["dataset"];
  const told = typeof data === "object" && data !== null ? data : {};
  const name = "name" in told ? String(told.name) : "";
  const info = useLive<DatasetInfo>(`/v1/datasets/${encodeURIComponent(name)}`, {});
  const side = "image_size" in told && typeof told.image_size === "number" ? told.image_size : null;
  const [channels, height, width] = info.value.value?.input_shape ?? [];
  const grey = ("channels" in told ? told.channels : channels) === 1;
  return useMemo(() => {
    if (side !== null) return { width: side, height: side, grey };
    return width === undefined || height === undefined ? null : { width, height, grey };
  }, [side, width, height, grey]);
}
