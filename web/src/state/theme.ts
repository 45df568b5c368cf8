// The theme: as the system says, light or dark. The choice stays in the browser; theme_first.js applies it at a start.

import { computed, signal } from "@preact/signals";

/** What somebody may choose. */
export type Theme = "system" | "light" | "dark";

const KEY = "flightline.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", () => {
  systemIsDark.value = system.matches;
});

/** What was chosen. */
export const theme = signal<Theme>(themeOf(document.documentElement.dataset["theme"]));

/** Whether the page is dark now. Whatever draws by itself (a canvas) draws again when this changes. */
export const dark = computed(() => (theme.value === "system" ? systemIsDark.value : theme.value === "dark"));

function themeOf(text: string | undefined): Theme {
  return text === "light" || text === "dark" ? text : "system";
}

/** Choose a theme, for this tab at once and for the next visit. */
export function chooseTheme(chosen: Theme): void {
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  theme.value = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing forgets the choice.
  }
}

addEventListener("storage", (event) => {
  if (event.key === KEY) chooseTheme(themeOf(event.newValue ?? undefined)); // chosen in another tab
});
