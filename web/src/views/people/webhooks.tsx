// Webhooks: which services are told of finished jobs and sweeps, and whether they listen.

import { useSignal } from "@preact/signals";
import { call } from "../../api/client";
import type { Delivery, NewWebhook, Webhook, WebhookPage, WebhookRequest } from "../../api/schema";
import { Secret } from "../../parts/clipboard/secret";
import { attempt, notify } from "../../parts/messages/notices";
import { ProblemNote } from "../../parts/messages/problem";
import { Moment } from "../../parts/moment";
import { Confirm } from "../../parts/popups/confirm";
import { useLive } from "../../state/live";
import { Deliveries } from "./deliveries";
import { Making } from "./making";

const SECONDS = 15;
type WebhookEvent = WebhookRequest["events"][number];
/** The events that a webhook may be told of, in words. */
const EVENTS: [WebhookEvent, string][] = [
  ["job.finished", "A job has finished"],
  ["sweep.finished", "A sweep has finished, or was cancelled"],
];

/** The list of webhooks. */
export function Webhooks() {
  const hooks = useLive<WebhookPage>("/v1/webhooks", { seconds: SECONDS });
  const adding = useSignal(false);
  const items = hooks.value.value?.items ?? [];
  return (
    <section class="panel">
      <header>
        <h2>Webhooks</h2>
        <button type="button" class="push" onClick={() => (adding.value = true)}>
          New webhook
        </button>
      </header>
      <ProblemNote problem={hooks.problem.value} />
      {hooks.value.value && items.length === 0 && (
        <p class="soft">No other service is told of anything. A webhook is a URL that gets a signed request.</p>
      )}
      <div class="stack">
        {items.map((hook) => (
          <Hook key={hook.id} hook={hook} refresh={() => void hooks.refresh()} />
        ))}
      </div>
      {adding.value && <Add onMade={() => void hooks.refresh()} onClose={() => (adding.value = false)} />}
    </section>
  );
}

function Hook({ hook, refresh }: { hook: Webhook; refresh: () => void }) {
  const doomed = useSignal(false);
  const rotating = useSignal(false);
  const shown = useSignal(false);
  const path = `/v1/webhooks/${hook.id}`;

  async function test(): Promise<void> {
    await call<Delivery>("POST", `${path}/test`);
    notify("A test is sent. Its delivery says what becomes of it.");
    shown.value = true;
  }
  async function enable(): Promise<void> {
    await call<Webhook>("POST", `${path}/enable`);
    notify("It is enabled; what waited is sent.");
    refresh();
  }
  return (
    <article class="hook">
      <div class="row-of">
        <code class="cut" title={hook.url}>
          {hook.url}
        </code>
        <State hook={hook} />
      </div>
      <p class="soft small">Told of: {hook.events.join(", ")}</p>
      {!hook.enabled && hook.disabled_reason && <p class="warning">{hook.disabled_reason}</p>}
      <div class="row-of">
        <button type="button" class="small" onClick={() => void attempt(test)}>
          Send a test
        </button>
        {!hook.enabled && (
          <button type="button" class="small" onClick={() => void attempt(enable)}>
            Enable
          </button>
        )}
        <button
          type="button"
          class="small"
          aria-expanded={shown.value}
          onClick={() => {
            shown.value = !shown.value;
          }}
        >
          Deliveries
        </button>
        <button type="button" class="small" onClick={() => (rotating.value = true)}>
          New secret…
        </button>
        <button type="button" class="small danger" onClick={() => (doomed.value = true)}>
          Delete
        </button>
      </div>
      {shown.value && <Deliveries path={path} enabled={hook.enabled} />}
      {rotating.value && <Rotate hook={hook} onClose={() => (rotating.value = false)} />}
      {doomed.value && (
        <Confirm
          title="Delete this webhook?"
          does="Delete"
          run={() => call<undefined>("DELETE", path).then(refresh)}
          onClose={() => (doomed.value = false)}
        >
          <p>
            <code>{hook.url}</code> is told of nothing more; what has not been delivered goes too.
          </p>
        </Confirm>
      )}
    </article>
  );
}

function State({ hook }: { hook: Webhook }) {
  if (!hook.enabled) return <span class="chip bad">✗ disabled</span>;
  if (!hook.failing_since) return <span class="chip good">✓ works</span>;
  return (
    <span class="chip warn">
      fails, first <Moment at={hook.failing_since} never="" />
    </span>
  );
}

function Add({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
  const url = useSignal("");
  const events = useSignal<ReadonlySet<WebhookEvent>>(new Set(["job.finished"]));

  function toggle(event: WebhookEvent): void {
    const left = new Set(events.value);
    if (!left.delete(event)) left.add(event);
    events.value = left;
  }
  async function make(): Promise<NewWebhook> {
    const hook = await call<NewWebhook>("POST", "/v1/webhooks", { url: url.value.trim(), events: [...events.value] });
    onMade();
    return hook;
  }
  return (
    <Making title="New webhook" does="Add it" make={make} onClose={onClose} {...SECRET}>
      <div class="field">
        <label for="url">URL</label>
        <input
          id="url"
          aria-describedby="url-hint"
          type="url"
          required
          value={url.value}
          placeholder="https://hooks.example.com/flightline"
          onInput={(event) => (url.value = event.currentTarget.value)}
        />
        <span id="url-hint" class="hint">
          Its host must be listed in <code>FLIGHTLINE_WEBHOOK_HOSTS</code>.
        </span>
      </div>
      <fieldset class="told-of">
        <legend>It is told when</legend>
        {EVENTS.map(([event, words]) => (
          <label key={event} class="check">
            <input type="checkbox" checked={events.value.has(event)} onChange={() => toggle(event)} />
            {words}
          </label>
        ))}
      </fieldset>
    </Making>
  );
}

function Rotate({ hook, onClose }: { hook: Webhook; onClose: () => void }) {
  const make = () => call<NewWebhook>("POST", `/v1/webhooks/${hook.id}/rotate`);
  return (
    <Making title="A new secret for this webhook?" does="Make a new secret" make={make} onClose={onClose} {...SECRET}>
      <p>
        For a day each message to <code>{hook.url}</code> is signed with both secrets, the new one and the one before.
        Give its receiver the new one within that time.
      </p>
    </Making>
  );
}

/** A webhook's secret, once there is one. */
const SECRET = {
  madeTitle: () => "The webhook's secret",
  made: (hook: NewWebhook) => (
    <Secret name="Secret, by which the receiver knows that a message is ours" text={hook.secret} />
  ),
};
