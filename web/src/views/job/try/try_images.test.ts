// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../../api/client";
import { faultsOf, Trial } from "./try_images";

describe("what is wrong with single images", () => {
  it("is told by their places in the request; anything else is about the whole", () => {
    const errors = [
      { pointer: "/1", detail: "no image" },
      { pointer: "/9", detail: "not asked" },
      { pointer: "", detail: "too many pixels" },
    ];
    expect([...faultsOf(new Problem(422, "invalid_image", "No.", errors), 3)]).toEqual([[1, "no image"]]);
  });
});

describe("images that are too much for one request", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("go in several, and one that is too much alone is at fault", async () => {
    const most = 100;
    vi.stubGlobal("fetch", async (_: string, { body }: { body: FormData }) => {
      const files = body.getAll("image") as File[];
      const size = files.reduce((sum, file) => sum + file.size, 0);
      if (size > most) return Response.json({ detail: "too large" }, { status: 413 });
      return Response.json({ items: files.map((file) => ({ class: file.name, probabilities: {} })) });
    });
    const trial = new Trial("a job");
    const sizes = [60, 60, 101, 30, 30];
    await trial.add(sizes.map((size, at) => new File(["x".repeat(size)], `${at}.png`, { type: "image/png" })));
    expect(trial.images.value.map(({ prediction, fault }) => prediction?.class ?? fault)).toEqual([
      "0.png",
      "1.png",
      "too large",
      "3.png",
      "4.png",
    ]);
    expect(trial.problem.value).toBeNull();
  });
});
