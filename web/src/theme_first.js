// Runs before anything is drawn, so that a chosen theme does not flash; state/theme.ts is where it is chosen.
try {
  const theme = localStorage.getItem("flightline.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing shows the system's theme.
}
