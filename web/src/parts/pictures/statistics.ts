// Statistics of several runs: quantiles, mean and deviation, and curves as bands.

/** The quantile `share` (0 to 1) of ascending numbers, between two of them by their distance; NaN of none. */
export function quantile(ascending: readonly number[], share: number): number {
  const place = share * (ascending.length - 1);
  const below = ascending[Math.floor(place)];
  const above = ascending[Math.ceil(place)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** The mean of numbers; NaN of none. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of a sample, with n − 1; null of fewer than two numbers. */
export function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** A run's curve: ascending places along x, and a value for each, null where there is none. */
export interface Line {
  x: readonly number[];
  y: readonly (number | null)[];
}

/** Quantiles of several lines at common places along x, and how many lines reach each place. */
export interface Bands {
  x: number[];
  n: number[];
  /** Of each of `SHARES`, the values at the places. */
  quantiles: number[][];
}

/** The quantiles of a band: 90 % of the runs lie between the outer two, 50 % between the inner two. */
export const SHARES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

/** Bands of lines at `places`, each line as it is between its neighbouring points; places that none reaches are left out. */
export function bandsOf(lines: readonly Line[], places: readonly number[]): Bands {
  const readers = lines.map(along);
  const bands: Bands = { x: [], n: [], quantiles: SHARES.map(() => []) };
  for (const place of places) {
    const values = readers.map((read) => read(place)).filter((value) => value !== null);
    if (!values.length) continue;
    values.sort((one, other) => one - other);
    bands.x.push(place);
    bands.n.push(values.length);
    SHARES.forEach((share, index) => {
      bands.quantiles[index]?.push(quantile(values, share));
    });
  }
  return bands;
}

/** A reader of a line at ascending places: linear between points, null beyond its ends and beside a gap. */
function along({ x, y }: Line): (place: number) => number | null {
  let next = 0;
  return (place) => {
    while (next < x.length && (x[next] ?? 0) < place) next++;
    const right = x[next];
    const high = finite(y[next]);
    if (right === undefined || high === null) return null;
    if (right === place) return high;
    const left = x[next - 1];
    const low = finite(y[next - 1]);
    return left === undefined || low === null ? null : low + ((high - low) * (place - left)) / (right - left);
  };
}

function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/** The places along x that bands of lines are read at: every one that a line has, or `most` at equal distances. */
export function placesOf(lines: readonly Line[], most: number): number[] {
  const every = [...new Set(lines.flatMap((line) => line.x))].sort((one, other) => one - other);
  const first = every[0];
  const last = every.at(-1);
  if (every.length <= most || first === undefined || last === undefined) return every;
  return Array.from({ length: most }, (_, index) => first + ((last - first) * index) / (most - 1));
}
