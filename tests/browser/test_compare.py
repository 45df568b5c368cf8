"""Jobs beside each other: from the ids in the address to pictures that are brushed, changed in place, and live."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from flightline import Client
from tests.browser.conftest import NARROW, OpenTab
from tests.browser.test_accessibility import findings
from tests.support.stacks import LONG, TINY, Stack, until

RATES = (0.001, 0.01, 0.1)
COLOURED = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
        const [red, green, blue, alpha] = data.subarray(at, at + 4);
        if (alpha > 30 && Math.max(red, green, blue) - Math.min(red, green, blue) > 40) count++;
    }
    return count;
}"""
"""How many pixels of a canvas have a colour: neither axes nor their names do."""


@pytest.fixture(scope="module")
def ids(stack: Stack) -> list[str]:
    """Three finished jobs of three learning rates."""
    training = {"epochs": 2, "batch_size": 32}
    specs = [
        {**TINY, "name": f"rate {rate}", "tags": ["rates"], "training": training | {"optimizer": {"lr": rate}}}
        for rate in RATES
    ]
    return [job.id for job in stack.client.wait_all(stack.client.submit_many(specs))]


def address(ids: list[str], **asked: str) -> str:
    """The address that compares jobs."""
    return "/compare?" + "&".join([*(f"job={one}" for one in ids), *(f"{key}={value}" for key, value in asked.items())])


def rows(page: Page) -> Locator:
    """The rows of the table of what differs."""
    return page.get_by_role("region", name="Table of what differs").locator("tbody tr")


def epoch_reached(page: Page) -> int:
    """The epoch that the curves go up to."""
    label = page.get_by_role("group", name="jobs, up to epoch").get_attribute("aria-label") or ""
    return int(label.partition("up to epoch ")[2].partition(".")[0])


def test_ids_in_the_address_become_pictures(page: Page, ids: list[str]) -> None:
    """Curves, points and axes are painted; the table has what differs and nothing else; the best job is named."""
    page.goto(address(ids))
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_role("button", name="lr", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="batch_size")).to_have_count(0)
    expect(page.get_by_role("group", name="Validation accuracy by epoch of 3 jobs, up to epoch 2")).to_be_visible()
    for name in ("curves", "scatter", "parallel"):
        assert page.locator(f".{name} canvas").first.evaluate(COLOURED) > 100
    expect(page.locator(".headline a")).to_have_text(re.compile("^rate 0"))


def test_without_jobs_it_says_how_to_add_some(page: Page, ids: list[str]) -> None:
    """One job, and none, are not enough; they are added by a filter, without leaving the view."""
    page.goto("/compare")
    expect(page.get_by_text("No job is chosen yet.")).to_be_visible()
    page.get_by_role("button", name="Add jobs").click()
    dialog = page.get_by_role("dialog", name="Add jobs")
    dialog.get_by_label("Filter").fill("rates")
    expect(dialog.get_by_text(re.compile("^3 jobs match"))).to_be_visible()
    dialog.get_by_role("button", name=f"Add rate 0.1 {ids[2][-8:]}").click()
    expect(page.get_by_text("One job is chosen; it takes two to compare.")).to_be_visible()
    dialog.get_by_role("button", name="Add all 2", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(rows(page)).to_have_count(3)
    assert page.url.count("job=") == 3


def test_jobs_are_removed_and_hidden_in_place(page: Page, ids: list[str]) -> None:
    """The others keep their colours, the address says what is left, and the browser's way back brings it back."""
    page.goto(address(ids))
    expect(rows(page)).to_have_count(3)
    last = page.locator(".jobs li", has_text="rate 0.1").locator("line")
    colour = last.get_attribute("stroke")
    page.get_by_role("button", name="Remove rate 0.001").click()
    expect(rows(page)).to_have_count(2)
    assert last.get_attribute("stroke") == colour
    assert ids[0] not in page.url
    page.go_back()
    expect(rows(page)).to_have_count(3)

    page.get_by_role("checkbox", name="Show rate 0.01").uncheck()
    expect(rows(page)).to_have_count(2)
    page.reload()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_role("checkbox", name="Show rate 0.01")).not_to_be_checked()


def test_brushing_narrows_the_table(page: Page, ids: list[str]) -> None:
    """A box in the scatter plot by the mouse, a range of an axis by keys; the address keeps both."""
    page.goto(address(ids, x="training.optimizer.lr", y="epochs"))
    picture = page.get_by_role("group", name="epochs against lr of 3 jobs")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 24)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 42, steps=3)
    page.mouse.up()
    expect(rows(page)).to_have_count(2)
    assert "keep=" in page.url
    page.reload()
    expect(rows(page)).to_have_count(2)

    page.get_by_role("button", name="Keep all").click()
    expect(rows(page)).to_have_count(3)
    axis = page.get_by_role("button", name="lr, axis")
    axis.focus()
    axis.press("ArrowDown")
    expect(rows(page)).to_have_count(2)
    axis.press("Escape")
    expect(rows(page)).to_have_count(3)
    axis.press("ArrowRight")
    expect(page.get_by_role("button", name="lr, axis 2 of 2")).to_be_focused()
    assert "axes=best_val_accuracy" in page.url


def test_the_run_under_the_pointer_is_named_and_a_click_opens_it(page: Page, ids: list[str]) -> None:
    """By keys as well: arrows go from job to job, Enter opens it."""
    page.goto(address(ids))
    curves = page.get_by_role("group", name="Validation accuracy by epoch")
    curves.focus()
    curves.press("ArrowDown")
    curves.press("ArrowDown")
    expect(curves.get_by_role("status")).to_contain_text("rate 0.01")
    expect(curves.get_by_role("status")).to_contain_text("epoch 2")
    curves.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{ids[1]}$"))


def test_a_click_on_a_configuration_keeps_its_jobs(page: Page, ids: list[str]) -> None:
    """The leaderboard has a row for each, marked where a single seed speaks for it."""
    page.goto(address(ids))
    board = page.get_by_role("region", name=re.compile("^Leaderboard"))
    expect(board.get_by_role("cell", name="one seed")).to_have_count(3)
    board.get_by_role("button", name="lr 0.01", exact=True).click()
    expect(rows(page)).to_have_count(1)
    board.get_by_role("button", name="lr 0.01", exact=True).click()
    expect(rows(page)).to_have_count(3)


def test_a_running_jobs_curve_goes_on(page: Page, client: Client, ids: list[str]) -> None:
    """By itself, while the page stays as it is."""
    running = client.submit({**LONG, "name": "goes on"})
    try:
        page.goto(address([ids[0], running.id]))
        expect(page.get_by_role("group", name=re.compile(r"up to epoch \d\d"))).to_be_visible()
        before = epoch_reached(page)
        until(lambda: epoch_reached(page) > before + 20)
    finally:
        client.cancel(running.id)


def test_two_hundred_jobs_are_drawn_as_bands(tab: OpenTab, many: Stack) -> None:
    """From whole ids, which the address then has shortly; more than fit are counted, and none is drawn twice."""
    jobs = httpx.get(f"{many.ready['url']}/v1/jobs?sort=created_at&limit=201&fields=id").json()["items"]
    page = tab(many.ready["url"])
    page.goto(address([job["id"] for job in jobs]))
    expect(page.get_by_text("The address names 201 jobs; the first 200 are compared.")).to_be_visible()
    expect(rows(page)).to_have_count(200)
    assert len(page.url) < 4000
    assert page.locator(".curves canvas").first.evaluate(COLOURED) > 100
    expect(page.get_by_text("all jobs 200 jobs")).to_be_visible()
    page.get_by_role("combobox", name="of", exact=True).select_option("training.batch_size")
    expect(page.locator(".legend").get_by_text("batch_size 256")).to_be_visible()
    page.reload()
    expect(rows(page)).to_have_count(200)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_with_all_that_opens(tab: OpenTab, stack: Stack, ids: list[str], scheme: str) -> None:
    """Axe finds nothing on a phone, nor does the page scroll sideways there."""
    page = tab(stack.ready["url"], color_scheme=scheme, viewport=NARROW)
    page.goto(address(ids, keep="training.optimizer.lr:0.005..1", drawn="bands"))
    expect(rows(page)).to_have_count(2)
    page.get_by_text("The same as a table").click()
    page.get_by_text(re.compile("^Axes: ")).click()
    assert findings(page) == []
    page.get_by_role("button", name="Add jobs").click()
    expect(page.get_by_role("dialog").get_by_text("match")).to_be_visible()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
