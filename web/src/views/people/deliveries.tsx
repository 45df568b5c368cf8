// What was sent to a webhook, and what became of it.

import { href } from "../../address";
import { call } from "../../api/client";
import type { Delivery, DeliveryPage } from "../../api/schema";
import { shortId } from "../../format";
import { Heads } from "../../parts/heads";
import { attempt, notify } from "../../parts/messages/notices";
import { ProblemNote } from "../../parts/messages/problem";
import { Moment } from "../../parts/moment";
import { useLive } from "../../state/live";

const SECONDS = 3;
const LATEST = 20;
const MARKS: Record<string, [string, string]> = {
  delivered: ["good", "✓ delivered"],
  failed: ["bad", "✗ failed"],
  pending: ["busy", "○ pending"],
};
/** Where what an event is about is shown. */
const PLACES: Record<string, string> = { "job.finished": "jobs", "sweep.finished": "sweeps" };

/** The latest deliveries of the webhook at `path`. */
export function Deliveries({ path, enabled }: { path: string; enabled: boolean }) {
  const sent = useLive<DeliveryPage>(`${path}/deliveries?limit=${LATEST}`, { seconds: SECONDS });
  const items = sent.value.value?.items ?? [];

  async function again(delivery: Delivery): Promise<void> {
    await call<Delivery>("POST", `${path}/deliveries/${delivery.id}/redeliver`);
    notify("It is sent once more.");
    void sent.refresh();
  }
  return (
    <>
      <ProblemNote problem={sent.problem.value} />
      {sent.value.value && items.length === 0 && <p class="soft">Nothing was sent in the last 30 days.</p>}
      {items.length > 0 && (
        <div class="scroll-x">
          <table class="plain">
            <Heads of={["State", "Event", "Answer", "Tried", { words: "Send again", how: "sr" }]} />
            <tbody>
              {items.map((delivery) => (
                <Row
                  key={delivery.id}
                  delivery={delivery}
                  again={enabled ? () => void attempt(() => again(delivery)) : null}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Row({ delivery, again }: { delivery: Delivery; again: (() => void) | null }) {
  const [look, words] = MARKS[delivery.status] ?? ["", delivery.status];
  return (
    <tr>
      <td>
        <span class={`chip ${look}`}>{words}</span>
      </td>
      <td>
        {delivery.event} <About delivery={delivery} />
      </td>
      <td>
        {delivery.response_status ?? "–"} <span class="soft">{delivery.error}</span>
      </td>
      <td>
        <Moment at={delivery.attempted_at} never="not yet" />
        {delivery.attempts > 1 && <span class="soft">, {delivery.attempts} times</span>}
        {delivery.next_at && (
          <div class="soft small">
            again <Moment at={delivery.next_at} never="" />
          </div>
        )}
      </td>
      <td class="right">
        {again && delivery.status !== "pending" && (
          <button type="button" class="small" onClick={again}>
            Send again
          </button>
        )}
      </td>
    </tr>
  );
}

/** A link to the job or sweep that a delivery is about. */
function About({ delivery }: { delivery: Delivery }) {
  const { data } = delivery.payload;
  const place = PLACES[delivery.event];
  if (!place || typeof data !== "object" || !data || !("id" in data) || typeof data.id !== "string") return null;
  return <a href={href(`/${place}/${data.id}`)}>{shortId(data.id)}</a>;
}
