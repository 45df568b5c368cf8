// Small signs beside words. They say nothing alone: a button of a sign alone has an aria-label.

const PATHS = {
  jobs: "M2 4h12M2 8h12M2 12h8",
  compare: "M2 13 6 7l3 3 5-7M2 2v12h12",
  sweeps: "M2.5 13.5 6 9M9 6.5l4.5-4M6 9a1.5 1.5 0 1 0 3-2.5A1.5 1.5 0 0 0 6 9zM2.5 2.5v11h11",
  add: "M8 2.5v11M2.5 8h11",
  data: "M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM9.5 9.5h4v4h-4z",
  workers: "M4.5 4.5h7v7h-7zM6 2v2.5M10 2v2.5M6 11.5V14M10 11.5V14M2 6h2.5M2 10h2.5M11.5 6H14M11.5 10H14",
  people: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.5c.6-2.4 2.5-3.5 5-3.5s4.4 1.1 5 3.5",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  down: "m4.5 6.5 3.5 3.5 3.5-3.5",
  close: "m4 4 8 8M12 4l-8 8",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 14 14",
  lost: "M8 10.5v.01M8 5v3M8 1.5 15 14H1z",
} as const;

/** The names of the signs. */
export type IconName = keyof typeof PATHS;

/** A sign of 16 pixels in the colour of the text. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "more" ? 2.5 : 1.5}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
