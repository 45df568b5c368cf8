import { describe, expect, it } from "vitest";
import { ago, bytes, duration, figure, nameOf, percent, shortId } from "./format";

describe("figures as people read them", () => {
  it("shows shares as per cent, and a dash for none", () => {
    expect([percent(0.8275), percent(null)]).toEqual(["82.8 %", "–"]);
  });

  it("shows small and large figures by powers of ten, and no NaN", () => {
    expect([figure(0.52341), figure(1e-4), figure(0), figure(Number.NaN)]).toEqual(["0.5234", "1.00e-4", "0", "–"]);
  });

  it("shows every digit of a whole number, as one seed is not another", () => {
    expect([16384, 243938106, 2 ** 32, -123456].map(figure)).toEqual(["16384", "243938106", "4294967296", "-123456"]);
    expect([123456.7, 1e300].map(figure)).toEqual(["1.23e+5", "1.00e+300"]);
  });

  it("shows durations in the two largest units that matter", () => {
    expect([duration(0.04), duration(59.6), duration(200), duration(7500)]).toEqual([
      "0.0 s",
      "1 min",
      "3 min 20 s",
      "2 h 5 min",
    ]);
  });

  it("says how long ago an instant was, also with a clock that is behind", () => {
    const now = Date.parse("2026-01-02T00:00:00Z");
    expect(ago("2026-01-01T23:57:00Z", now)).toBe("3 min");
    expect(ago("2026-01-02T00:00:05Z", now)).toBe("0 s");
  });

  it("shows bytes in the unit that fits", () => {
    expect([bytes(0), bytes(999), bytes(184_320_000), bytes(3e15), bytes(null)]).toEqual([
      "0 B",
      "999 B",
      "184 MB",
      "3000 TB",
      "–",
    ]);
  });

  it("calls a job by the end of its id", () => {
    expect(shortId("019ac3f0-1111-7222-8333-0123456789ab")).toBe("456789ab");
  });

  it("calls a job by its name, its preset, or what it does", () => {
    const called = (name: string | null, preset: string | null, kind: string) => nameOf({ name, preset, kind });
    expect([called("mine", "convnet", "train"), called(null, "convnet", "train")]).toEqual(["mine", "convnet"]);
    expect([called(null, null, "train"), called(null, null, "evaluate")]).toEqual(["job", "evaluation"]);
  });
});
