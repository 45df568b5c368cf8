"""The table of jobs with ten thousand of them."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from flightline import Client
from tests.browser.conftest import OpenTab
from tests.support.stacks import TINY, Stack

BLANKS = """async (grid) => {
    const blank = [];
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const named = (y) => {
        const { left, top } = grid.getBoundingClientRect();
        return document.elementFromPoint(left + 200, top + y)?.closest('[role="row"] ')?.querySelector("a") != null;
    };
    let last = 0;
    while (grid.scrollHeight < 34 * 9990) {
        grid.scrollTop = grid.scrollHeight;
        await frame();
        for (const y of [60, 300, grid.clientHeight - 20]) if (!named(y)) blank.push([grid.scrollTop, y]);
        if (grid.scrollHeight === last) await new Promise((done) => setTimeout(done, 100));
        last = grid.scrollHeight;
    }
    for (const share of [0.1, 0.9, 0.02, 0.5, 1, 0, 0.75, 0.3]) {
        grid.scrollTop = share * grid.scrollHeight;
        for (let more = 0; more < 3; more++) {
            for (const y of [60, 300, grid.clientHeight - 20]) if (!named(y)) blank.push([grid.scrollTop, y]);
            await frame();
        }
    }
    return { blank, height: grid.scrollHeight };
}"""
"""Drags the scrollbar down as fast as rows come, then to and fro; says where a place within the table had no row."""


def test_ten_thousand_jobs_scroll_without_a_gap(tab: OpenTab, many: Stack) -> None:
    """However far the scrollbar is dragged, rows are there in every frame; only those in sight are in the document."""
    page = tab(many.ready["url"])
    page.goto("/")
    grid = page.get_by_role("grid", name="Jobs")
    expect(grid.get_by_role("link").first).to_be_visible()
    said = grid.evaluate(BLANKS)
    assert said["blank"] == []
    assert said["height"] > 34 * 9990
    expect(page.get_by_text("10,000 jobs")).to_be_visible()
    assert grid.get_by_role("row").count() < 80


def test_the_best_of_many_is_found(tab: OpenTab, many: Stack) -> None:
    """A filter and a click on a heading order them all, not only those that were read."""
    page = tab(many.ready["url"])
    page.goto("/?filter=lr+%3E+0.1+optimizer%3Dsgd")
    page.get_by_role("button", name="Best val. acc.", exact=True).click()
    with Client(many.ready["url"]) as client:
        best = client.jobs(where=["training.optimizer.lr>0.1"], sort="-best_val_accuracy", limit=1)
        first = next(iter(best))
    expect(page.get_by_role("grid").get_by_role("link").first).to_contain_text(first.id[-8:])


def test_the_best_of_too_many_to_compare_are_said_to_be_some(tab: OpenTab, many: Stack) -> None:
    """Of how many they are stands on the button, above the pictures and below the scatter, until others are chosen."""
    page = tab(many.ready["url"])
    page.goto("/?filter=succeeded&sort=-best")
    expect(page.get_by_text(re.compile(r"^\d,\d{3}\+ jobs$"))).to_be_visible()
    page.get_by_role("grid").get_by_role("checkbox").first.check()
    link = page.get_by_role("link", name=re.compile("^Compare the best 200 of"))
    many_of = link.inner_text().rsplit(" ", 1)[1]
    link.click()
    expect(page.get_by_text(f"200 of {many_of} jobs: those with the best validation accuracy.")).to_be_visible()
    scatter = page.get_by_role("region", name="One against another")
    expect(scatter).to_contain_text(f"The best 200 of {many_of} jobs alone.")

    page.get_by_role("button", name=re.compile("^Remove run")).first.click()
    expect(page.get_by_text("those with the best validation accuracy")).to_be_hidden()
    expect(scatter).not_to_contain_text("alone")


def test_new_jobs_do_not_move_what_is_read(tab: OpenTab, many: Stack) -> None:
    """They come on top; whoever has scrolled down keeps their rows."""
    page = tab(many.ready["url"])
    page.goto("/")
    grid = page.get_by_role("grid", name="Jobs")
    expect(grid.get_by_role("link").first).to_be_visible()
    grid.evaluate("(grid) => { grid.scrollTop = 340; }")
    tenth = grid.get_by_role("link").filter(has_text=re.compile("^run "))
    expect(tenth.first).to_be_visible()
    read = grid.evaluate(FIRST_IN_SIGHT)
    with Client(many.ready["url"]) as client:
        client.submit({**TINY, "name": "new on top"})
    expect(grid).to_have_js_property("scrollTop", 374)
    assert grid.evaluate(FIRST_IN_SIGHT) == read
    grid.evaluate("(grid) => { grid.scrollTop = 0; }")
    expect(grid.get_by_role("link").first).to_contain_text("new on top")


FIRST_IN_SIGHT = """(grid) => {
    const { left, top } = grid.getBoundingClientRect();
    return document.elementFromPoint(left + 200, top + 50).closest('[role="row"]').textContent;
}"""
