// The comparison for programs: in Python with Flightline's client, and with curl.

import { BASE } from "../../address";
import { Code } from "../../parts/clipboard/code";
import { addressed } from "./asked";
import type { Model } from "./model";

/** The section of the code that reads the jobs that are shown. */
export function Programs({ model }: { model: Model }) {
  const url = location.origin + BASE;
  const ids = addressed(model.kept.value.map((run) => run.job.id));
  const python = [
    "from flightline import Client",
    "",
    `with Client(${JSON.stringify(url)}) as client:`,
    `    jobs = ${JSON.stringify(ids, null, 8).replace("\n]", "\n    ]")}`,
    "    found = client.compare(jobs)",
    "    print(list(found.differing))  # what was asked for differently",
    "    frame = found.to_pandas()  # a row for each job",
    '    found.plot("val_accuracy")  # a line for each job, in a notebook',
  ].join("\n");
  const curl = `curl -s '${url}/v1/compare?${ids.map((id) => `job=${id}`).join("&")}'`;
  if (ids.length < 2) return null;
  return (
    <section class="panel programs" aria-labelledby="programs-title">
      <h2 id="programs-title">In Python, in curl</h2>
      <Code python={python} curl={curl} />
    </section>
  );
}
