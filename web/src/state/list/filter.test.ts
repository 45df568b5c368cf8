import { describe, expect, it } from "vitest";
import { condition, parseFilter, termsOf, withoutTerm, withTerm } from "./filter";
import { sortOf } from "./filter_fields";

function asked(text: string): string[] {
  const { query, problems } = parseFilter(text);
  expect(problems).toEqual([]);
  return [...query].map(([name, value]) => `${name}: ${value}`);
}

function wrong(text: string): string {
  const { problems } = parseFilter(text);
  expect(problems).toHaveLength(1);
  return problems[0]?.text ?? "";
}

describe("filters as they are typed", () => {
  it("asks for each of several tags", () => {
    expect(asked("tag:a tag:b tag:a")).toEqual(["tag: a", "tag: b"]);
  });

  it("reads conditions with and without spaces, tags, states and words", () => {
    expect(asked("lr > 0.01 tag:night failed augmentation words")).toEqual([
      "where: training.optimizer.lr>0.01",
      "tag: night",
      "status: failed",
      "text: augmentation words",
    ]);
    expect(asked('seed=3 name:"my run" owner:ann accuracy>=0.8')).toEqual([
      "where: training.seed=3",
      "name: my run",
      "owner: ann",
      "where: val_accuracy>=0.8",
    ]);
  });

  it("takes numbers as people begin to write them", () => {
    expect(asked("lr>0. momentum!=.9 warmup=null nesterov=true")).toEqual([
      "where: training.optimizer.lr>0",
      "where: training.optimizer.momentum!=0.9",
      "where: training.schedule.warmup_epochs=null",
      "where: training.optimizer.nesterov=true",
    ]);
  });

  it("takes any field of the spec by its path, and lists as values", () => {
    expect(asked("training.schedule.gamma<=0.5 spec.dataset.channels=3 hidden=[512, 128]")).toEqual([
      "where: training.schedule.gamma<=0.5",
      "where: dataset.channels=3",
      "where: architecture.hidden=[512, 128]",
    ]);
  });

  it("asks for any of several states, and for all but some", () => {
    expect(asked("failed running")).toEqual(["status: failed", "status: running"]);
    expect(asked("-failed -cancelled")).toEqual([
      "status: queued",
      "status: running",
      "status: paused",
      "status: succeeded",
    ]);
    expect(asked("status:active")).toEqual(["status: queued", "status: running", "status: paused"]);
    expect(asked("status!=failed finished")).toEqual(["status: succeeded", "status: cancelled"]);
    expect(asked('"failed"')).toEqual(["text: failed"]);
  });

  it("takes per cent, and days", () => {
    expect(asked("best >= 80% accuracy<79.5 after:2026-02-01")).toEqual([
      "where: best_val_accuracy>=0.8",
      "where: val_accuracy<0.795",
      "created_after: 2026-02-01T00:00:00Z",
    ]);
  });

  it("compares accuracies and the loss by every sign, also by the names that the API has for them", () => {
    for (const sign of [">", "<", ">=", "<=", "=", "!="]) {
      expect(asked(`best${sign}0.795`)).toEqual([`where: best_val_accuracy${sign}0.795`]);
    }
    expect(asked("best_val_accuracy>0.795 result.val_accuracy!=null val_loss<1.5")).toEqual([
      "where: best_val_accuracy>0.795",
      "where: val_accuracy!=null",
      "where: val_loss<1.5",
    ]);
  });

  it("says where something is wrong and what to do", () => {
    expect(wrong("learning=3")).toContain("There is no field learning.");
    expect(wrong("optimzer=sgd")).toBe("There is no field optimzer. Did you mean optimizer?");
    expect(wrong("accuracy>=lots")).toBe("accuracy is a share from 0 to 1, or per cent, as in accuracy>0.8.");
    expect(wrong("lr>lots")).toBe("lr is a number; lots is none.");
    expect(wrong("training.schedule.gamma<few")).toContain("is a number");
    expect(wrong("optimizer>sgd")).toBe("Only numbers are ordered: compare optimizer by = or !=.");
    expect(wrong("nesterov=maybe")).toBe("nesterov is true or false.");
    expect(wrong("tag>night")).toBe("tag takes : or =: write tag:night.");
    expect(wrong("owner:a owner:b")).toContain("one owner at a time");
    expect(wrong("lr>")).toBe("What should lr be? Write a value after >.");
    expect(wrong("status:gone")).toContain("A status is one of queued");
    expect(wrong("-augmented")).toContain("Only states can be excluded");
    expect(parseFilter("sunny foo=1").problems[0]).toMatchObject({ from: 6, to: 11 });
  });

  it("leaves what is wrong out, and asks for the rest", () => {
    expect([...parseFilter("foo=1 lr>0.1").query]).toEqual([["where", "training.optimizer.lr>0.1"]]);
  });

  it("adds a condition once, and takes one away where it stands", () => {
    const text = withTerm(withTerm("lr>0.1", condition("tag", ":", "my tag")), 'tag:"my tag"');
    expect(text).toBe('lr>0.1 tag:"my tag"');
    const [first, second] = termsOf(text);
    expect(first && withoutTerm(text, first)).toBe('tag:"my tag"');
    expect(second && withoutTerm(text, second)).toBe("lr>0.1");
  });
});

describe("orders by the names of filters", () => {
  it("are what the API sorts by", () => {
    const sorts = ["-best", "best_val_accuracy", "lr", "-spec.training.optimizer.lr", "-created_at", "val_loss"];
    expect(sorts.map(sortOf)).toEqual([
      "-best_val_accuracy",
      "best_val_accuracy",
      "spec.training.optimizer.lr",
      "-spec.training.optimizer.lr",
      "-created_at",
      "val_loss",
    ]);
  });
});
