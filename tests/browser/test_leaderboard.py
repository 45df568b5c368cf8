"""The leaderboard and replays on the page: ties, seeds that tell more, and whether a job trains the same again."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, expect

from flightline import Client
from tests.support.stacks import TINY


def test_ties_are_shown_and_settled(page: Page, client: Client) -> None:
    """Configurations that seeds do not tell apart share a rank; two of them get more seeds by a click, at the level."""
    jobs: list[dict[str, Any]] = [
        {
            **TINY,
            "tags": ["board"],
            "name": f"rate {lr}",
            "training": {"epochs": 2, "batch_size": 32, "seed": seed, "optimizer": {"lr": lr}},
        }
        for lr in (0.1, 0.11)
        for seed in (0, 1)
    ]
    client.wait_all([client.submit(job) for job in jobs])
    page.goto("/?filter=tag:board")
    page.get_by_role("link", name="Leaderboard").click()
    page.wait_for_url("**/leaderboard?filter=*")
    rows = page.locator("tbody").get_by_role("row")
    expect(rows).to_have_count(2)
    expect(page.get_by_text("tied")).to_have_count(2)

    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="What would tell 2 apart?").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("seed|equal|apart"))).to_be_visible()

    expect(page.get_by_text("at most 5 % at one look")).to_be_visible()
    page.get_by_role("spinbutton", name="at level").fill("0.003")
    page.get_by_role("spinbutton", name="at level").press("Enter")
    page.wait_for_url("**/leaderboard?filter=*&level=0.003")
    page.reload()
    expect(page.get_by_role("spinbutton", name="at level")).to_have_value("0.003")
    expect(page.get_by_text("at most 0.3 % at one look")).to_be_visible()
    for box in page.get_by_role("checkbox").all():
        box.check()
    with page.expect_request("**/leaderboard/settle?dry_run=true") as asked:
        page.get_by_role("button", name="What would tell 2 apart?").click()
    assert json.loads(asked.value.post_data or "")["level"] == 0.003


def test_a_job_is_replayed_with_a_verdict(page: Page, client: Client) -> None:
    """From its menu; the new job says of which it is a replay, and in the end that it is the same to the last bit."""
    job = client.submit({**TINY, "name": "again"}).wait()
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Replay").click()
    panel = page.get_by_role("region", name="Replay of")
    expect(panel.get_by_role("link", name=job.id[-8:])).to_be_visible()
    expect(panel).to_contain_text("equal to the last bit")
    expect(panel).to_contain_text("All 2 epochs are the same")
