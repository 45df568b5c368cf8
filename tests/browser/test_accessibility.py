"""axe over every view, light and dark, wide and on a phone, with real jobs in it: it finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flightline import Client, Job
from tests.browser.conftest import NARROW, WIDE, Console, OpenTab, Team
from tests.browser.test_job import DIVERGES
from tests.support.browsers import WEB
from tests.support.stacks import LONG, TINY, Stack

AXE = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast"]
"""The rule whose findings the colour scheme can change."""
VIEWS = {
    "/": "endless",
    "/?filter=tag:nothing": "No job fits the filter",
    "/jobs/{succeeded}": "Validation loss",
    "/jobs/{running}": "Validation loss",
    "/jobs/{failed}": "Why it failed",
    "/jobs/0000000000000000": "There is no such job",
    "/compare?job={succeeded}&job={other}": "What differs",
    "/compare": "Compare",
    "/leaderboard": "Proven better than",
    "/sweeps": "rates",
    "/sweeps/{sweep}": "One by one",
    "/sweeps/00000000-0000-0000-0000-000000000000": "There is no such sweep",
    "/new": "Start from",
    "/new?dataset=synthetic": "Start from",
    "/datasets": "Your own images",
    "/datasets/synthetic": "Where it is",
    "/datasets/nothing": "There is no data set nothing",
    "/workers": "Add a worker",
    "/people": "There is no token",
}
"""Every view by its address, with words that are there once it is; the jobs are those of the fixture."""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, dict[str, str]]]:
    """A service with a job of each kind."""
    with (
        closing(Stack(tmp_path_factory.mktemp("axe") / "home", "cpu=1,predict=1")) as stack,
        Client(stack.ready["url"]) as client,
    ):
        named: dict[str, Job] = {
            "succeeded": client.submit({**TINY, "name": "good", "tags": ["night"]}),
            "other": client.submit({**TINY, "name": "other", "training": {"epochs": 3, "optimizer": {"lr": 0.5}}}),
            "failed": client.submit({**DIVERGES, "name": "bad"}),
        }
        client.wait_all(list(named.values()))
        space = {"training.optimizer.lr": {"kind": "float", "low": 0.01, "high": 0.5, "log": True}}
        sweep = client.sweep(TINY, space, name="rates", max_trials=12).wait()
        named["running"] = client.submit({**LONG, "name": "endless"})
        yield stack, {"sweep": str(sweep.id), **{name: str(job.id) for name, job in named.items()}}


def findings(page: Page, rules: list[str] = RULES) -> list[str]:
    """What axe finds wrong in what is shown."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", rules)
    return [
        f"{violation['id']}: {violation['help']}\n    {node['html'][:300]}\n    {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_axe_finds_nothing_in_any_view(
    tab: OpenTab, jobs: tuple[Stack, dict[str, str]], console: Console, size: str
) -> None:
    """In each size, all views one after another, in both schemes; what is wrong is said for all of them at once."""
    console.expect("404")
    stack, ids = jobs
    page = tab(stack.ready["url"], viewport=WIDE if size == "wide" else NARROW)
    wrong: dict[str, list[str]] = {}
    for path, words in VIEWS.items():
        page.emulate_media(color_scheme="light")
        page.goto(path.format(**ids))
        expect(page.locator("main").get_by_text(words).first).to_be_visible()
        found = findings(page)
        page.emulate_media(color_scheme="dark")
        if found := found + findings(page, COLOURS):
            wrong[path] = found
    assert not wrong, "\n".join(f"{path}:\n  " + "\n  ".join(found) for path, found in wrong.items())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_opens_above(
    tab: OpenTab, jobs: tuple[Stack, dict[str, str]], team: Team, console: Console, scheme: str
) -> None:
    """The menu, the list of keys, a dialog, the form to sign in."""
    console.expect("401")
    page = tab(jobs[0].ready["url"], color_scheme=scheme)
    page.goto("/people")
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_role("menu")).to_be_visible()
    wrong = findings(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    wrong += findings(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New token").click()
    expect(page.get_by_role("dialog", name="New token")).to_be_visible()
    wrong += findings(page)
    page.goto(f"{team.stack.ready['url']}/workers")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    wrong += findings(page)
    assert not wrong, "\n".join(wrong)
