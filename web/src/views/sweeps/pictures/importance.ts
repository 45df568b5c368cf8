// How much of the objective's spread each hyperparameter explains by itself.

import type { Value } from "../../../parts/pictures/scales";
import { mean } from "../../../parts/pictures/statistics";

/** The fewest points of which it is said. */
export const LEAST_POINTS = 10;

const GROUPS = 5;

/**
 * The share of the variance of `values` that lies between groups of points whose hyperparameter is alike (adjusted
 * omega squared): texts are grouped as they are, numbers of many values into fifths by their size. 0 is what chance
 * gives; what two hyperparameters only explain together is in neither's share. Null where too little is known.
 */
export function explained(settings: readonly Value[], values: readonly number[]): number | null {
  const groups = groupsOf(settings).map((members) => members.map((index) => values[index] ?? 0));
  const count = values.length;
  if (count < LEAST_POINTS || groups.length < 2 || groups.length >= count) return null;
  const all = mean(values);
  const total = sum(values.map((value) => (value - all) ** 2));
  const within = sum(groups.map((group) => sum(group.map((value) => (value - mean(group)) ** 2))));
  if (total === 0) return 0;
  const noise = within / (count - groups.length);
  return Math.max(0, (total - within - (groups.length - 1) * noise) / (total + noise));
}

/** The places of equal settings, or of many numbers those of each fifth. */
function groupsOf(settings: readonly Value[]): number[][] {
  const places = settings.map((_, index) => index);
  const distinct = new Set(settings);
  if (distinct.size <= GROUPS || settings.some((one) => typeof one !== "number")) {
    return [...distinct].map((one) => places.filter((index) => settings[index] === one));
  }
  const sorted = places.sort((one, other) => Number(settings[one]) - Number(settings[other]));
  return Array.from({ length: GROUPS }, (_, number) =>
    sorted.slice(Math.round((number * sorted.length) / GROUPS), Math.round(((number + 1) * sorted.length) / GROUPS)),
  ).filter((group) => group.length > 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
