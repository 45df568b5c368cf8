// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from "vitest";
import { go, place } from "../../address";
import { keep } from "../../parts/pictures/parallel/kept";
import { addressed, change, hide, readAsked, select } from "./asked";

const id = (number: number) => `019387a0-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
const asked = () => readAsked(place.value.query);

beforeEach(() => go("/compare?job=aaaa&job=bbbb&job=aaaa"));

test("an address names jobs once each, and the rest is as the page chooses", () => {
  expect(asked().jobs).toEqual(["aaaa", "bbbb"]);
  expect(asked()).toMatchObject({ metric: "val_accuracy", by: "epoch", smooth: 0, drawn: null, axes: null });
});

test("what cannot be understood is as if it were not there", () => {
  go("/compare?smooth=7&drawn=pie&by=weekday&keep=lr,x:..,:1..2&axes=");
  expect(asked()).toMatchObject({ smooth: 0, drawn: null, by: "epoch", axes: [] });
  expect(asked().kept.size).toBe(0);
});

describe("keeping", () => {
  test("is of several fields, and each can be let go", () => {
    keep({ "training.optimizer.lr": { low: 0.001, high: 0.1 }, hidden: { only: ["[64,32]", "a:b"] } });
    expect([...asked().kept]).toEqual([
      ["training.optimizer.lr", { low: 0.001, high: 0.1 }],
      ["hidden", { only: ["[64,32]", "a:b"] }],
    ]);
    keep({ hidden: null });
    expect([...asked().kept.keys()]).toEqual(["training.optimizer.lr"]);
    expect(asked().jobs).toEqual(["aaaa", "bbbb"]);
  });
});

test("many jobs are named by the ends of their ids, few by whole ones", () => {
  const few = [id(1), id(2)];
  expect(addressed(few)).toEqual(few);
  const many = Array.from({ length: 200 }, (_, number) => id(number));
  expect(addressed(many)[1]).toBe("000000000001");
  const alike = many.map((one, number) => `${number.toString(16).padStart(8, "0")}${one.slice(8, 24)}000000000001`);
  expect(addressed(alike)).toEqual(alike);
});

test("other jobs are a step in the history, other views of them are not", () => {
  const before = history.length;
  change({ metric: "lr" });
  hide([id(1)], [id(1), id(2)]);
  expect(history.length).toBe(before);
  select([id(1), id(2)]);
  expect(history.length).toBe(before + 1);
  expect(asked()).toMatchObject({ jobs: [id(1), id(2)], metric: "lr", hidden: ["00000001"] });
});

test("the best of many jobs are said to be some of them, until others are chosen", () => {
  go("/compare?job=aaaa&job=bbbb&best_of=500");
  expect(asked().bestOf).toBe(500);
  select([id(1), id(2)], { replace: true });
  expect(asked().bestOf).toBe(500);
  select([id(1)]);
  expect(asked().bestOf).toBe(0);
});
