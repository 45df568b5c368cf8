"""An imported run on the page: its metrics and params, and nothing of what only a training here has."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from flightline import Client
from tests.browser.test_jobs import rows_of

STEPS = list(range(5))
RUN: dict[str, Any] = {
    "source": "mlflow",
    "id": "0c8a5f0e7b1d4d0fa7a3f1f9f0f7c1de",
    "experiment": "resnets",
    "name": "from there",
    "tags": ["imported"],
    "started_at": "2026-01-31T12:00:00Z",
    "finished_at": "2026-01-31T12:30:00Z",
    "params": {"lr": "0.01", "optimizer": "adam"},
    "metrics": {
        "val_acc": {"steps": STEPS, "figures": [0.5, 0.6, 0.7, 0.65, 0.66]},
        "grad_norm": {"steps": [10, 20, 30], "figures": [1.0, None, 0.5]},
        "test_f1": {"steps": [0], "figures": [0.8125]},
    },
}


def test_its_page_shows_what_is_known_of_it(page: Page, client: Client) -> None:
    """Charts of its metrics, a table of single values, its params; no retry, no log and no empty box."""
    [one] = client.import_runs([RUN])
    page.goto(f"/jobs/{one.job_id}")
    figures = page.get_by_role("region", name="Figures")
    for text in ("Imported from", "mlflow", "resnets", "70.0 %"):
        expect(figures).to_contain_text(text)
    expect(figures).not_to_contain_text("Parameters")
    metrics = page.get_by_role("region", name="Metrics")
    expect(metrics.get_by_role("img", name=re.compile("^val_acc, latest"))).to_be_visible()
    expect(metrics.get_by_role("img", name=re.compile("^grad_norm, latest"))).to_be_visible()
    expect(metrics.get_by_role("row", name="test_f1")).to_contain_text("0.8125")
    expect(page.get_by_role("table").filter(has_text="The run's params")).to_contain_text("params.optimizer")
    sections = page.get_by_role("navigation", name="Sections")
    assert sections.get_by_role("link").all_inner_texts() == ["Spec", "Notes", "Code"]
    expect(page.get_by_role("button", name="Retry")).to_be_hidden()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Replay")).to_be_hidden()


def test_it_is_found_and_compared(page: Page, client: Client) -> None:
    """By its kind and its params, beside other runs."""
    two = client.import_runs(
        [{**RUN, "id": name, "name": f"lr {lr}", "params": {"lr": lr}} for name, lr in (("a", "0.1"), ("b", "0.2"))]
    )
    page.goto("/?filter=kind:imported params.lr>0.05")
    expect(rows_of(page)).to_have_count(2)
    page.goto(f"/compare?job={two[0].job_id}&job={two[1].job_id}")
    for lr in ("0.1", "0.2"):
        expect(page.get_by_text(f"lr {lr}").first).to_be_visible()
