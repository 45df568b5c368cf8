// Which hyperparameters matter: how much of the objective's spread each explains by itself.

import { useMemo } from "preact/hooks";
import type { PictureProps } from "../shared";
import { explained, LEAST_POINTS } from "./importance";

/** A bar for each hyperparameter, the longest first. */
export function Importance({ trials, varied, objective }: PictureProps) {
  const shares = useMemo(() => {
    const values = trials.map(({ value }) => value ?? 0);
    return varied
      .map((field) => ({ field, share: explained(trials.map(field.of), values) }))
      .sort((one, other) => (other.share ?? -1) - (one.share ?? -1));
  }, [trials, varied]);
  return (
    <section class="panel" aria-labelledby="importance-title">
      <h2 id="importance-title">What each explains</h2>
      {trials.length < LEAST_POINTS ? (
        <p class="soft">It takes {LEAST_POINTS} points with a value to tell.</p>
      ) : (
        <ul class="importance">
          {shares.map(({ field, share }) => (
            <li key={field.id} title={field.id}>
              <span class="cut">{field.label}</span>
              <meter min={0} max={1} value={share ?? 0} aria-label={field.label} />
              <span class="right">{share === null ? "–" : `${Math.round(100 * share)} %`}</span>
            </li>
          ))}
        </ul>
      )}
      <p class="soft note">
        How much of the spread of {objective.label} each explains by itself, beyond chance. What two explain only
        together is in neither. What sets the best tenth of the points apart is another question:{" "}
        <code>flightline sweep show --importance</code>.
      </p>
    </section>
  );
}
