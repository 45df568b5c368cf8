// @vitest-environment happy-dom
import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, test } from "vitest";
import { now } from "../state/clock";
import { Left } from "./left";

const shown = () => document.body.textContent;
const show = (epoch: number, seconds: number | null, read?: number) =>
  act(() =>
    render(<Left progress={{ epoch, epochs: 9, eta_seconds: seconds }} {...(read && { read })} />, document.body),
  );
const wait = (milliseconds: number) =>
  act(() => {
    now.value += milliseconds;
  });

test("the time left goes down with every second, and is said anew after each epoch", async () => {
  await show(1, 90);
  expect(shown()).toBe("1 min 30 s");
  await wait(20_000);
  expect(shown()).toBe("1 min 10 s");
  await show(2, 90);
  expect(shown()).toBe("1 min 30 s");
  await wait(100_000);
  expect(shown()).toBe("0.0 s");
});

test("it counts from when it was read, and is unknown before the first epoch has ended", async () => {
  await show(3, 60, now.value - 10_000);
  expect(shown()).toBe("50 s");
  await show(0, null);
  expect(shown()).toBe("–");
});
