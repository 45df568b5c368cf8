import { describe, expect, it } from "vitest";
import { Rows } from "./rows";

interface Item {
  id: string;
  value: number;
}

const item = (value: number, id = `job ${value}`): Item => ({ id, value });

function rowsOf(pages: number, size = 10): Rows<Item> {
  const rows = new Rows<Item>((one, other) => one.value - other.value);
  for (let page = 0; page < pages; page++) {
    rows.append(
      Array.from({ length: size }, (_, index) => item((page * size + index) * 10)),
      page ? `after ${page}` : null,
      0,
    );
  }
  return rows;
}

const valuesOf = (rows: Rows<Item>) => rows.slice(0, rows.length).map(({ value }) => value);

describe("rows of a long list", () => {
  it("has each page once, also where pages overlap", () => {
    const rows = rowsOf(2);
    rows.append([item(190), item(200)], "after 2", 0);
    expect(rows.length).toBe(21);
    expect(rows.slice(18, 30).map(({ value }) => value)).toEqual([180, 190, 200]);
  });

  it("changes a row where it is", () => {
    const rows = rowsOf(2);
    const changed = { ...item(50), name: "changed" };
    expect(rows.put(changed, false)).toBe(true);
    expect(rows.of("job 50")).toBe(changed);
    expect(rows.placeOf("job 50")).toBe(5);
  });

  it("puts a row where its order wants it, also one that has moved there", () => {
    const rows = rowsOf(2);
    rows.put(item(-5, "new"), false);
    rows.put(item(55, "job 190"), false);
    expect([rows.placeOf("new"), rows.placeOf("job 190"), rows.length]).toEqual([0, 7, 21]);
  });

  it("leaves a row beyond the last one to the pages that are still to be read", () => {
    const rows = rowsOf(1);
    expect(rows.put(item(1000, "far"), false)).toBe(false);
    expect(rows.put(item(95, "job 0"), false)).toBe(false);
    expect(rows.length).toBe(9);
    expect(rows.put(item(1000, "far"), true)).toBe(true);
    expect(rows.placeOf("far")).toBe(9);
  });

  it("takes the first row of an empty list that is complete", () => {
    const rows = rowsOf(0);
    expect([rows.put(item(1), false), rows.put(item(1), true), rows.length]).toEqual([false, true, 1]);
  });

  it("takes rows out, and a block with its last one", () => {
    const rows = rowsOf(3, 2);
    for (const id of ["job 20", "job 30", "no job"]) rows.remove(id);
    expect([valuesOf(rows), rows.blocks.length]).toEqual([[0, 10, 40, 50], 2]);
  });

  it("agrees with a page that is read again, as far as that reaches", () => {
    const rows = rowsOf(2);
    const [first] = rows.blocks;
    if (!first) throw new Error("there is a first block");
    expect(rows.reconcile(first, [item(-1, "new"), item(0), item(30)], false)).toBe(false);
    expect(valuesOf(rows).slice(0, 5)).toEqual([-1, 0, 30, 40, 50]);
    expect(rows.reconcile(first, [item(0)], true)).toBe(true);
    expect(valuesOf(rows).slice(0, 3)).toEqual([0, 100, 110]);
  });

  it("keeps what lies far away as text, and shows it again without asking", () => {
    const rows = rowsOf(40);
    expect(rows.slice(0, 5)).toHaveLength(5);
    expect(rows.slice(390, 400)).toHaveLength(10);
    const asleep = rows.blocks.filter((block) => block.rows === null);
    expect(asleep.length).toBeGreaterThan(20);
    expect(asleep.every((block) => block.asleep.length > 0)).toBe(true);
    expect(valuesOf(rows)).toEqual(Array.from({ length: 400 }, (_, index) => index * 10));
    expect(rows.ids()).toHaveLength(400);
  });
});
