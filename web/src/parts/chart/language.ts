// The language that uPlot asks the browser for. uPlot makes a number format of it as it is loaded, and some browsers
// name one that is none: Chromium on Linux says "en-US@posix" where the locale is C or POSIX, as on servers. So this
// module is imported before uPlot is.

/** Have a browser whose language is no language tag (BCP 47) say English, in which the page is written. */
export function nameLanguage(browser: Pick<Navigator, "language">): void {
  try {
    Intl.getCanonicalLocales(browser.language);
  } catch {
    Object.defineProperty(browser, "language", { value: "en" });
  }
}

nameLanguage(navigator);
