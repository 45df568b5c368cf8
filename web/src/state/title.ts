// The tab's title and sign: what is shown, and how many jobs run meanwhile.

import { computed, effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { BASE } from "../address";
import type { JobPage } from "../api/schema";
import { live } from "./live";

const MOST = 100;
const HIDDEN_SECONDS = 30; // a hidden tab hears no bell, and its title is what one still sees

/** How many jobs run, up to 100; 0 until it is known. */
export const running = signal(0);
/** The same as people read it. */
export const runningText = computed(() => (running.value >= MOST ? `${MOST}+` : String(running.value)));
const shown = signal("");

/** Say in the tab's title what a view shows. */
export function useTitle(text: string): void {
  useEffect(() => {
    shown.value = text;
  }, [text]);
}

effect(() => {
  const name = shown.value ? `${shown.value} – Flightline` : "Flightline";
  document.title = running.value ? `(${runningText.value}) ${name}` : name;
  const icon = running.value ? "icon-running.svg" : "icon.svg";
  document.querySelector('link[rel="icon"]')?.setAttribute("href", `${BASE}/static/${icon}`);
});

/** Keep the count of running jobs; the frame does it once. */
export function countRunning(): () => void {
  const jobs = live<JobPage>(`/v1/jobs?status=running&fields=id&limit=${MOST}`, {
    job: "any",
    seconds: HIDDEN_SECONDS,
  });
  const counted = effect(() => {
    if (jobs.value.value) running.value = jobs.value.value.items.length;
  });
  return () => {
    counted();
    jobs.close();
  };
}
