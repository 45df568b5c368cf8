import { describe, expect, it } from "vitest";
import type { DatasetInfo } from "../../api/schema";
import { beginnings, copiesOf, heldClasses, sizeOf } from "./held";

const FOLDER = {
  name: "shapes",
  source: "folder",
  place: "/data/shapes",
  classes: ["circle", "square"],
  counts: { circle: [30, 3], square: [20, 2] },
  ready: true,
  ignored: { ".txt": 4 },
  workers: ["a", "b"],
};
const INFO: DatasetInfo = {
  name: "shapes",
  title: "Shapes",
  classes: ["circle", "square", "triangle"],
  input_shape: [3, 8, 8],
  counts: { circle: [30, 3], square: [20, 2], triangle: [10, 1] },
  train_per_class: 30,
  val_per_class: 3,
  has_val: true,
  decoded_bytes: null,
  mean: null,
  std: null,
  fingerprint: null,
  reported_at: null,
  held: [],
};

describe("what workers say of their copies", () => {
  it("is read from their reports, whatever else is in them", () => {
    const [copy] = copiesOf({ held: [{ ...FOLDER, novel: { deep: 1 } }] });
    expect(copy).toMatchObject({ workers: ["a", "b"], place: "/data/shapes", ready: true, ignored: [[".txt", 4]] });
  });

  it("may lack what older workers did not say", () => {
    expect(copiesOf({ held: [{}] })).toEqual([
      {
        workers: [],
        source: "",
        place: null,
        classes: [],
        counts: {},
        ready: true,
        ignored: [],
        mean: null,
        std: null,
      },
    ]);
  });

  it("decides how many images there are to page through, and without a copy the set does", () => {
    expect(sizeOf({ ...INFO, held: [FOLDER] }, "train")).toBe(50);
    expect(sizeOf(INFO, "val")).toBe(6);
  });

  it("says where a class begins only where the images are in the order of the classes", () => {
    expect(beginnings({ ...INFO, held: [FOLDER] }, "train")).toEqual([
      ["circle", 0],
      ["square", 30],
    ]);
    expect(beginnings({ ...INFO, held: [{ ...FOLDER, source: "torchvision" }] }, "train")).toEqual([]);
    expect(beginnings({ ...INFO, held: [FOLDER, { ...FOLDER, place: "/elsewhere" }] }, "train")).toEqual([]);
    expect(beginnings(INFO, "train")).toEqual([]);
  });

  it("says which classes there are images of: all where nobody holds the set, as it may come", () => {
    expect(heldClasses({ ...INFO, held: [FOLDER] })).toEqual(["circle", "square"]);
    expect(heldClasses(INFO)).toEqual(["circle", "square", "triangle"]);
  });
});
