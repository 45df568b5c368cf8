// Colours of runs and of values: told apart by people with any kind of colour vision, in light and dark.

/** Okabe and Ito's colours, the last two darker than theirs for a white page. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7b00", "#5f6b7a"];
/** Beyond eight, lines are told apart by their dashes too. */
const DASHES: readonly number[][] = [[], [6, 4], [2, 3], [10, 3, 2, 3]];
/** From low to high: blue, green, orange, each lighter than the one before. */
const RAMP: readonly [number, number, number][] = [
  [0, 98, 168],
  [0, 158, 115],
  [230, 159, 0],
];

/** The colour of a number. */
export function colourOf(number: number): string {
  return COLOURS[number % COLOURS.length] ?? "#000";
}

/** The dashes of a number's line, lengths of strokes and gaps: with more lines than colours, a colour comes again with others. */
export function dashOf(number: number, dashed = false): number[] {
  return DASHES[(Math.floor(number / COLOURS.length) + Number(dashed)) % DASHES.length] ?? [];
}

/** The colour of a share from 0 to 1; grey where there is none. */
export function shade(share: number | null): string {
  if (share === null) return "#7d8794";
  const place = Math.min(1, Math.max(0, share)) * (RAMP.length - 1);
  const low = RAMP[Math.floor(place)] ?? [0, 0, 0];
  const high = RAMP[Math.ceil(place)] ?? low;
  const part = place - Math.floor(place);
  const mixed = low.map((value, index) => Math.round(value + ((high[index] ?? value) - value) * part));
  return `rgb(${mixed.join(" ")})`;
}
