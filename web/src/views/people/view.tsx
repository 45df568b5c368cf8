// People: the tokens by which the service knows them, and the webhooks by which it tells other services.

import { Empty } from "../../parts/messages/empty";
import { may, viewer } from "../../state/session";
import { useTitle } from "../../state/title";
import type { ViewProps } from "..";
import { Tokens } from "./tokens";
import { Webhooks } from "./webhooks";
import "./view.css";

/** The view of tokens and webhooks, for admins. */
export function View(_: ViewProps) {
  useTitle("People");
  if (!viewer.value) return null; // until it is known who looks
  if (!may("admin")) {
    return (
      <Empty alone title="This is for admins">
        <p>
          Your token's scope is <strong>{viewer.value.scope}</strong>. An admin makes and revokes tokens here, and looks
          after webhooks.
        </p>
      </Empty>
    );
  }
  return (
    <section class="stack">
      <h1>People</h1>
      {!viewer.value.authentication && <Open />}
      <Tokens />
      <Webhooks />
    </section>
  );
}

function Open() {
  return (
    <p class="warning">
      This service asks nobody who they are: everybody who reaches it may do everything, and jobs have no owner. Tokens
      that you make here are asked for once it is started with <code>FLIGHTLINE_AUTH=on</code>, or where others reach
      it: <code>flightline up --host 0.0.0.0</code>.
    </p>
  );
}
