"""Sweeps on the page: started from the form, watched, paused and cancelled; the best as the next job."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, expect

from flightline import Client
from tests.browser.conftest import Console
from tests.support.stacks import ENDLESS, LONG, TINY

SPACE: dict[str, dict[str, Any]] = {
    "training.optimizer.lr": {"kind": "float", "low": 0.01, "high": 0.5, "log": True},
    "training.batch_size": {"kind": "values", "values": [16, 32]},
}

WHOLE = """all => all.map(one => one.scrollWidth <= one.clientWidth
    && one.getBoundingClientRect().right <= one.parentElement.getBoundingClientRect().right + 1)"""
"""Whether each of the names above axes is in sight to its end."""


def started(client: Client, name: str, epochs: int, **changes: Any) -> str:
    """A sweep over tiny jobs; returns its id."""
    base = {**TINY, "training": {"epochs": epochs, "batch_size": 32}}
    return str(client.sweep(base, SPACE, name=name, **changes).id)


def test_a_search_is_started_in_the_form_and_watched(page: Page, client: Client) -> None:
    """What it would be is said before; then each point is there as it ends, and the best can be cloned."""
    page.goto("/new")
    page.get_by_role("textbox", name="JSON").fill(json.dumps({**TINY, "name": "searched"}))
    page.get_by_text("Search instead of one run").click()
    page.get_by_role("textbox", name="Values of Learning rate").fill("0.01 to 0.5 log")
    page.get_by_role("button", name="Vary a field").last.click()
    page.get_by_role("spinbutton", name="Most points").fill("12")
    page.get_by_role("checkbox", name="Stop early").uncheck()
    page.get_by_role("button", name="What would it be?").click()
    expect(page.get_by_text("12 points, 12 jobs, 24 epochs at most")).to_be_visible()

    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/sweeps/*")
    expect(page.get_by_role("heading", name="searched")).to_be_visible()
    expect(page.get_by_text("12 of 12")).to_be_visible()
    expect(page.locator(".page-head .status")).to_have_text("finished")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(13)
    pictures = page.get_by_role("img", name=re.compile("^Parallel coordinates of 12"))
    expect(pictures).to_be_visible()
    expect(page.get_by_text("Colour: worse")).to_be_visible()
    names = page.locator(".parallel-head button")
    assert set(names.evaluate_all(WHOLE)) == {True}
    expect(page.get_by_role("meter", name="optimizer.lr").or_(page.get_by_role("meter", name="lr"))).to_be_visible()

    best = client.find_sweep(page.url.rsplit("/", 1)[1]).best
    assert best is not None
    page.get_by_role("link", name="Clone the best").click()
    expect(page.get_by_role("heading", name="Start from")).to_be_visible()
    written = json.loads(page.get_by_role("textbox", name="JSON").input_value())
    assert written["training"]["optimizer"]["lr"] == best.params["training.optimizer.lr"]


def test_a_mistake_in_a_search_stands_once_where_it_is(page: Page, console: Console) -> None:
    """At its dimension, until that is changed; what a search cannot vary is not offered, and kinds and widths are."""
    console.expect("422")
    page.goto("/sweeps")
    page.get_by_role("link", name="New sweep").click()
    page.get_by_role("textbox", name="JSON").fill(json.dumps(TINY))
    rate = page.get_by_role("textbox", name="Values of Learning rate")
    rate.fill("1 to 5000")
    search = page.locator(".search")
    fields = search.get_by_role("combobox", name="Field")
    expect(fields.locator("option[value='architecture.hidden']")).to_be_attached()
    expect(fields.locator("option[value='training.optimizer.kind']")).to_be_attached()
    for fixed in ("priority", "name", "limits", "cache", "resources"):
        expect(fields.locator(f"option[value^='{fixed}']")).to_have_count(0)
    expect(fields.locator("option[value='training.epochs']")).to_have_count(0)
    early = page.get_by_role("checkbox", name="Stop early")
    early.uncheck()
    fields.select_option("training.epochs")
    early.check()
    expect(search.get_by_text("stop none early")).to_have_count(1)
    expect(page.get_by_role("button", name="Start the search")).to_be_disabled()
    fields.select_option("training.optimizer.lr")
    expect(search.get_by_text("stop none early")).to_have_count(0)
    page.get_by_role("button", name="What would it be?").click()
    expect(search.get_by_text("at most 1,000, not 5000")).to_have_count(1)
    rate.fill("0.01 to 0.5 log")
    expect(search.get_by_text("at most 1,000")).to_have_count(0)

    page.get_by_text("More of the search").click()
    page.get_by_role("spinbutton", name="First stop after").fill("7")
    page.get_by_role("button", name="What would it be?").click()
    expect(search.get_by_text("min_epochs must be below the 2 epochs")).to_have_count(1)
    page.get_by_role("spinbutton", name="First stop after").fill("1")
    page.get_by_role("spinbutton", name="Seed", exact=True).fill("5")
    expect(search.get_by_text("min_epochs")).to_have_count(0)


def test_a_sweep_is_paused_resumed_cancelled_and_deleted(page: Page, client: Client) -> None:
    """From its page; the list shows it meanwhile, and its jobs stay when it is gone."""
    sweep = started(client, "long", ENDLESS, max_trials=4, max_parallel=2)
    page.goto("/sweeps")
    page.get_by_role("link", name="long").click()
    state = page.locator(".page-head .status")
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("running")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel it").click()
    expect(state).to_have_text("cancelled")
    client.find_sweep(sweep).wait()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/sweeps")
    expect(page.get_by_role("link", name="long")).to_be_hidden()


def test_points_are_as_their_jobs_are(page: Page, client: Client) -> None:
    """What becomes of a job is seen at once, also where its result waits for its turn; warnings stand above."""
    values = {"training.seed": {"kind": "values", "values": [1, 2, 3, 4]}}
    sweep = client.sweep(LONG, values, algorithm="tpe", max_trials=9, max_parallel=4)
    page.goto(f"/sweeps/{sweep.id}")
    expect(page.get_by_text("at least 5 of 9 are repeats")).to_be_visible()
    points = page.get_by_role("region", name="Points").get_by_role("row")
    expect(points.filter(has_text="queued").or_(points.filter(has_text="running"))).to_have_count(4)
    expect(points.filter(has_text="running")).not_to_have_count(0)
    last = list(client.trials(sweep.id, sort="number"))[-1]
    client.cancel(last.jobs[0])
    expect(points.filter(has_text="undecided")).to_have_count(1)
    expect(page.get_by_label("How far it is")).to_contain_text("1 cancelled")
    sweep.cancel()
    expect(points.filter(has_text="stopped")).to_have_count(4)
    expect(page.get_by_label("How far it is")).to_contain_text("4 stopped")


def test_a_best_job_that_was_deleted(page: Page, client: Client) -> None:
    """It is no way into nothing, and the best is cloned from its values over what the sweep was asked for."""
    sweep = client.find_sweep(started(client, "outlived", 2, max_trials=2)).wait()
    assert sweep.best is not None
    [job] = sweep.best.jobs
    client.delete(job)
    page.goto(f"/sweeps/{sweep.id}")
    best = page.get_by_label("The best point")
    expect(best).to_contain_text(f"{job[-8:]} (deleted)")
    expect(best.get_by_role("link")).to_have_count(0)
    point = page.get_by_role("region", name="Points").get_by_role("row").nth(1)
    expect(point).to_contain_text(f"{job[-8:]} (deleted)")
    expect(point.get_by_role("link")).to_have_count(0)

    page.get_by_role("link", name="Clone the best").click()
    written = json.loads(page.get_by_role("textbox", name="JSON").input_value())
    assert written["training"]["optimizer"]["lr"] == sweep.best.params["training.optimizer.lr"]
    assert written["dataset"] == TINY["dataset"]


def test_a_sweep_that_is_deleted_elsewhere(page: Page, client: Client, console: Console) -> None:
    """Its open page says so, once, and keeps what it knew; an open list shows it no longer."""
    console.expect("404")
    sweeps = [client.find_sweep(started(client, name, 2, max_trials=2)).wait() for name in ("fleeting", "listed")]
    page.goto(f"/sweeps/{sweeps[0].id}")
    expect(page.get_by_text("2 of 2")).to_be_visible()
    client.delete_sweep(sweeps[0].id)
    expect(page.get_by_role("alert").filter(has_text="This sweep was deleted")).to_be_visible()
    expect(page.get_by_role("heading", name="fleeting")).to_be_visible()
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(1)

    page.goto("/sweeps")
    expect(page.get_by_role("link", name="listed")).to_be_visible()
    client.delete_sweep(sweeps[1].id)
    expect(page.get_by_role("link", name="listed")).to_have_count(0)


def test_a_sweep_whose_points_all_failed(page: Page, client: Client) -> None:
    """Nothing more is to be expected of it, and its page promises nothing."""
    sweep = client.find_sweep(started(client, "in vain", ENDLESS, max_trials=1))
    client.cancel(next(iter(client.trials(sweep.id))).jobs[0])
    page.goto(f"/sweeps/{sweep.id}")
    expect(page.locator(".page-head .status")).to_have_text("finished")
    expect(page.get_by_text("No point has a value.", exact=True)).to_be_visible()


def test_the_list_on_a_phone(phone: Page, client: Client) -> None:
    """State, progress, the best and its values of each sweep are in sight; the bar's names stand apart."""
    client.find_sweep(started(client, "pocket", 2, max_trials=2)).wait()
    long = client.find_sweep(started(client, "under way", ENDLESS, max_trials=2, max_parallel=1))
    phone.set_viewport_size({"width": 320, "height": 844})
    phone.goto("/sweeps")
    expect(phone.get_by_role("row").filter(has_text="under way").get_by_text("running")).to_be_in_viewport(ratio=1)
    long.cancel()
    row = phone.get_by_role("row").filter(has_text="pocket")
    for text in ("pocket", "2 of 2", "%", "lr "):
        expect(row.get_by_text(text).first).to_be_in_viewport(ratio=1)
    names = phone.get_by_label("Views").get_by_role("link")
    within = "all => all.map(one => one.scrollWidth <= one.clientWidth && one.getBoundingClientRect().right <= 320)"
    assert set(names.evaluate_all(within)) == {True}
