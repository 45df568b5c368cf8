// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { nameLanguage } from "./language";

class Browser {
  constructor(private readonly said: string) {}
  get language(): string {
    return this.said;
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

it("leaves a language that is one", () => {
  const browser = new Browser("de-AT");
  nameLanguage(browser);
  expect(browser.language).toBe("de-AT");
});

it("says English for what is no language", () => {
  const browser = new Browser("en-US@posix");
  nameLanguage(browser);
  expect(browser.language).toBe("en");
});

it("comes before uPlot wherever a chart is loaded", async () => {
  vi.stubGlobal("navigator", new Browser("en-US@posix"));
  await expect(import("./chart")).resolves.toHaveProperty("Chart");
});
