// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import { go, place } from "../../../address";
import { Curves } from "../../../state/list/curves";
import { moved } from "./column_menu";
import { columnsOf, idOfPath } from "./columns";
import {
  hidesFailed,
  keep,
  narrow,
  onlyRunning,
  readColumns,
  restore,
  show,
  shownBy,
  USUAL_COLUMNS,
  withFailedToggled,
  withRunningToggled,
  writeColumns,
} from "./shown";

describe("what the address says is shown", () => {
  beforeEach(() => {
    localStorage.clear();
    go("/");
  });

  it("has the usual columns, the newest first, and no filter where it says nothing", () => {
    expect(shownBy(new URLSearchParams())).toEqual({ filter: "", sort: "-created_at", columns: USUAL_COLUMNS });
  });

  it("takes no name of JavaScript's own for a column, and no empty order", () => {
    const shown = shownBy(new URLSearchParams("columns=constructor,toString,lr&sort="));
    expect(columnsOf(shown.columns, new Curves()).map(({ id }) => id)).toEqual(["lr"]);
    expect(shown.sort).toBe("-created_at");
  });

  it("reads back the columns that it writes, and leaves out what is none", () => {
    const columns = [
      { id: "name", width: 240 },
      { id: "training.schedule.gamma", width: null },
    ];
    expect(readColumns(writeColumns(columns))).toEqual(columns);
    expect(readColumns("name~9999999,<b>,name")).toEqual([{ id: "name", width: null }]);
    expect(readColumns("")).toBe(USUAL_COLUMNS);
  });

  it("says only what differs from the usual", () => {
    show({ filter: "failed", sort: "-created_at", columns: USUAL_COLUMNS });
    expect(place.value.query.toString()).toBe("filter=failed");
    narrow("tag:night");
    narrow("tag:night");
    expect(shownBy(place.value.query).filter).toBe("failed tag:night");
  });

  it("comes back for an address that says nothing, until it was cleared", () => {
    show({ filter: "failed", sort: "val_accuracy" });
    keep(place.value.query);
    show({ sort: "nonsense" }); // which the service refuses, so that nobody keeps it
    go("/");
    restore(place.value.query);
    expect(shownBy(place.value.query)).toMatchObject({ filter: "failed", sort: "val_accuracy" });
    show({ filter: "", sort: "-created_at" });
    restore(place.value.query);
    expect(place.value.query.toString()).toBe("");
  });

  it("hides failed and cancelled jobs, and shows them again", () => {
    const hidden = withFailedToggled("lr>0.1");
    expect([hidden, hidesFailed(hidden)]).toEqual(["lr>0.1 -failed -cancelled", true]);
    expect(withFailedToggled(hidden)).toBe("lr>0.1");
    expect(hidesFailed("-failed")).toBe(false);
  });
});

it("only running jobs, and all again", () => {
  const running = withRunningToggled("lr>0.01");
  expect([running, onlyRunning(running), onlyRunning("lr>0.01")]).toEqual(["lr>0.01 running", true, false]);
  expect(withRunningToggled(running).trim()).toBe("lr>0.01");
});

describe("columns", () => {
  const ids = (text: string) => columnsOf(readColumns(text), new Curves()).map(({ id }) => id);

  it("are those of every job and any field of the spec; others are left out", () => {
    expect(ids("status,lr,training.schedule.gamma,loss_curve,nonsense")).toEqual([
      "status",
      "lr",
      "training.schedule.gamma",
      "loss_curve",
    ]);
  });

  it("ask for their fields, and sort where the service can", () => {
    const [lr, loss, training] = columnsOf(readColumns("lr,val_loss~90,train_loss"), new Curves());
    expect(lr).toMatchObject({ fields: ["spec.training.optimizer.lr"], sort: "spec.training.optimizer.lr" });
    expect(loss).toMatchObject({ fields: ["result.val_loss"], width: 90 });
    expect([loss?.sort, training?.sort]).toEqual(["val_loss", undefined]);
  });

  it("go by a path where a short name means another column", () => {
    expect([idOfPath("training.optimizer.lr"), idOfPath("training.engine")]).toEqual(["lr", "training.engine"]);
  });

  it("are moved within their order", () => {
    const order = (by: number) => writeColumns(moved(readColumns("a,b,c"), "b", by));
    expect([order(-1), order(1), order(9), order(0)]).toEqual(["b,a,c", "a,c,b", "a,c,b", "a,b,c"]);
  });
});
