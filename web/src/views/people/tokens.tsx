// The tokens: whose, what they allow, when they were last used, when they end. Made and revoked here.

import { useSignal } from "@preact/signals";
import { call } from "../../api/client";
import type { Token, TokenPage } from "../../api/schema";
import { Heads } from "../../parts/heads";
import { Empty } from "../../parts/messages/empty";
import { notify } from "../../parts/messages/notices";
import { ProblemNote } from "../../parts/messages/problem";
import { Moment } from "../../parts/moment";
import { Confirm } from "../../parts/popups/confirm";
import { useLive } from "../../state/live";
import { viewer } from "../../state/session";
import { NewTokenDialog } from "./new_token";

const SECONDS = 15;

/** The list of tokens. */
export function Tokens() {
  const tokens = useLive<TokenPage>("/v1/tokens", { seconds: SECONDS });
  const making = useSignal(false);
  const revoking = useSignal<Token | null>(null);
  const items = tokens.value.value?.items ?? [];
  const doomed = revoking.value;

  async function revoke(token: Token): Promise<void> {
    await call<undefined>("DELETE", `/v1/tokens/${token.id}`);
    notify(`The token of ${token.owner} is revoked. Nothing accepts it after five seconds.`);
    void tokens.refresh();
  }
  return (
    <section class="panel">
      <header>
        <h2>Tokens</h2>
        <button type="button" class="primary push" onClick={() => (making.value = true)}>
          New token
        </button>
      </header>
      <ProblemNote problem={tokens.problem.value} />
      {tokens.value.value && items.length === 0 && (
        <Empty title="There is no token">
          <p>A token has an owner, a person or a group, and a scope. Give everybody one of their own.</p>
        </Empty>
      )}
      {items.length > 0 && <Table items={items} onRevoke={(token) => (revoking.value = token)} />}
      {making.value && <NewTokenDialog onMade={() => void tokens.refresh()} onClose={() => (making.value = false)} />}
      {doomed && (
        <Confirm
          title={`Revoke the token of ${doomed.owner}?`}
          does="Revoke"
          run={() => revoke(doomed)}
          onClose={() => (revoking.value = null)}
        >
          <p>
            Programs and browsers that use it are signed out within five seconds, for good. Jobs of {doomed.owner} stay
            and run on.
          </p>
          {doomed.id === viewer.value?.token_id && <p class="warning">It is the token that you signed in with.</p>}
        </Confirm>
      )}
    </section>
  );
}

function Table({ items, onRevoke }: { items: readonly Token[]; onRevoke: (token: Token) => void }) {
  return (
    <div class="scroll-x">
      <table class="plain">
        <Heads of={["Owner", "Scope", "Last used", "Expires", "Made", { words: "Revoke", how: "sr" }]} />
        <tbody>
          {items.map((token) => (
            <tr key={token.id}>
              <th scope="row">
                {token.owner} {token.id === viewer.value?.token_id && <span class="chip">you</span>}
                <div class="soft small mono">{token.id}</div>
              </th>
              <td>{token.scope}</td>
              <td>
                <Moment at={token.last_used_at} never="never" />
              </td>
              <td>
                <Moment at={token.expires_at} never="never" exact />
              </td>
              <td>
                <Moment at={token.created_at} never="" />
              </td>
              <td class="right">
                <button
                  type="button"
                  class="small danger"
                  aria-label={`Revoke the token ${token.id} of ${token.owner}`}
                  onClick={() => onRevoke(token)}
                >
                  Revoke
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
