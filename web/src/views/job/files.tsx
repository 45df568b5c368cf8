// What a job left behind, to take away: weights, ONNX, a notebook, the epochs as a table.

import { BASE } from "../../address";
import type { ArtifactPage, Job } from "../../api/schema";
import { bytes } from "../../format";
import { Heads, right } from "../../parts/heads";
import { ProblemNote } from "../../parts/messages/problem";
import { useLive } from "../../state/live";

const WORDS: Record<string, string> = {
  "best.safetensors": "Weights of the best epoch",
  "last.safetensors": "Weights of the last epoch",
  "logits.safetensors": "Scores of every validation image",
  "best.onnx": "The network with its best weights as ONNX",
  "last.onnx": "The network with its last weights as ONNX",
};

/** The downloads and the stored files. */
export function Files({ job }: { job: Job }) {
  const known = useLive<ArtifactPage>(`/v1/jobs/${job.id}/artifacts`, { job: job.id });
  const files = known.value.value?.items;
  const weights = files?.some((file) => file.name === "best.safetensors");
  return (
    <>
      {job.kind === "train" && (
        <p class="row-of">
          {weights && (
            <>
              <Download job={job} path="model?format=safetensors&weights=best" text="Best weights" />
              <Download job={job} path="model?format=safetensors&weights=last" text="Last weights" />
              <Download job={job} path="model?format=onnx&weights=best" text="ONNX" title="Made at the first request" />
            </>
          )}
          <Download job={job} path="notebook" text="Notebook" title="Plain PyTorch that repeats the job" />
        </p>
      )}
      {!files && <ProblemNote problem={known.problem.value} />}
      {files?.length === 0 && <p class="soft">There are no files until the job has succeeded.</p>}
      {files && files.length > 0 && (
        <div class="scroll-x">
          <table class="plain">
            <Heads of={["File", "What it is", right("Size"), "SHA-256"]} />
            <tbody>
              {files.map((file) => (
                <tr key={file.name}>
                  <th scope="row">
                    <a data-server download href={`${BASE}/v1/jobs/${job.id}/artifacts/${file.name}`}>
                      {file.name}
                    </a>
                  </th>
                  <td>{WORDS[file.name] ?? ""}</td>
                  <td class="right">{bytes(file.bytes)}</td>
                  <td title={file.sha256}>
                    <code>{file.sha256.slice(0, 12)}…</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Download({ job, path, text, title }: { job: Job; path: string; text: string; title?: string }) {
  return (
    <a class="button" data-server download title={title} href={`${BASE}/v1/jobs/${job.id}/${path}`}>
      {text}
    </a>
  );
}
