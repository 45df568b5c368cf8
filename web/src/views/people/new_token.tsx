// Making a token: for whom, what it allows, how long. Then it is shown, this once.

import { useSignal } from "@preact/signals";
import { call } from "../../api/client";
import type { NewToken, TokenRequest } from "../../api/schema";
import { Secret } from "../../parts/clipboard/secret";
import { utc } from "../../parts/moment";
import { Making } from "./making";

const DAY = 86_400;
const SCOPES: [TokenRequest["scope"], string][] = [
  ["submit", "submit: also start jobs, and change, cancel and delete their own"],
  ["read", "read: look at everything, download it, classify images"],
  ["admin", "admin: also what others own, tokens and webhooks"],
];
const EXPIRIES: [string, number | null][] = [
  ["in 90 days", 90 * DAY],
  ["in 7 days", 7 * DAY],
  ["in a year", 365 * DAY],
  ["never", null],
];

interface NewTokenProps {
  onMade: () => void;
  onClose: () => void;
}

/** The form, and after it the token. */
export function NewTokenDialog({ onMade, onClose }: NewTokenProps) {
  const owner = useSignal("");
  const scope = useSignal<TokenRequest["scope"]>("submit");
  const expires = useSignal(0);

  async function make(): Promise<NewToken> {
    const request: TokenRequest = {
      owner: owner.value.trim(),
      scope: scope.value,
      expires_seconds: EXPIRIES[expires.value]?.[1] ?? null,
    };
    const token = await call<NewToken>("POST", "/v1/tokens", request);
    onMade();
    return token;
  }
  return (
    <Making
      title="New token"
      does="Make it"
      make={make}
      onClose={onClose}
      madeTitle={(token) => `The token of ${token.owner}`}
      made={(token) => (
        <>
          <Secret name="Token" text={token.token} />
          <p class="soft hand-over">
            {token.owner} signs in with it here, or by <code>flightline login</code>
            {token.expires_at ? `, until ${utc(token.expires_at)}.` : "."}
          </p>
        </>
      )}
    >
      <div class="field">
        <label for="owner">Owner</label>
        <input
          id="owner"
          aria-describedby="owner-hint"
          value={owner.value}
          required
          autocomplete="off"
          maxLength={39}
          placeholder="alice"
          onInput={(event) => (owner.value = event.currentTarget.value)}
        />
        <span id="owner-hint" class="hint">
          A person or a group, in small letters, digits, ".", "_" and "-". It may have several tokens.
        </span>
      </div>
      <label class="field">
        <span>What it allows</span>
        <select
          value={scope.value}
          onChange={(event) => (scope.value = SCOPES[event.currentTarget.selectedIndex]?.[0] ?? "submit")}
        >
          {SCOPES.map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Expires</span>
        <select value={expires.value} onChange={(event) => (expires.value = event.currentTarget.selectedIndex)}>
          {EXPIRIES.map(([words], at) => (
            <option key={words} value={at}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </Making>
  );
}
