"""Many tabs of one browser, which has six connections to the service between all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from flightline import Client, Job
from tests.browser.conftest import Console, OpenTab
from tests.support.stacks import LONG, Stack


@pytest.fixture
def job(own_stack: Stack) -> Iterator[Job]:
    """A job that trains for as long as the test needs it."""
    with Client(own_stack.ready["url"]) as client:
        running = client.submit({**LONG, "name": "first name"})
        yield running
        running.cancel()


@pytest.fixture
def tabs(tab: OpenTab, own_stack: Stack, console: Console, job: Job) -> list[Page]:
    """Eight tabs that know of the job, one after the other as somebody opens them: more than there are connections."""
    first = tab(own_stack.ready["url"])
    one, compared = f"/jobs/{job.id}", f"/compare?job={job.id}"
    opened: list[Page] = []
    for path in (one, "/", one, compared, one, "/workers", one, "/"):
        page = first if not opened else another(first.context, console)
        page.goto(path)
        opened.append(page)
    return opened


def another(context: BrowserContext, console: Console) -> Page:
    """One more tab of a browser."""
    page = context.new_page()
    page.on("console", console.hear)
    page.on("pageerror", console.catch)
    return page


def expect_name(tabs: list[Page], name: str) -> None:
    """Every tab shows the job by this name."""
    for page in tabs:
        expect(page.get_by_role("main").get_by_text(name).first).to_be_visible()


def test_every_tab_shows_what_happens(tabs: list[Page], job: Job, own_stack: Stack, console: Console) -> None:
    """All load and hear of each change, also after the tab that hears the stream was closed, and the API restarted."""
    console.expect("net::ERR_")  # the browser's own words on each request without an answer
    expect_name(tabs, "first name")
    job.edit(name="second name")
    expect_name(tabs, "second name")
    tabs.pop(0).close()
    job.edit(name="third name")
    expect_name(tabs, "third name")
    with own_stack.without_api():
        for page in tabs:
            expect(page.get_by_text("trying again")).to_be_visible()
    job.edit(name="fourth name")
    expect_name(tabs, "fourth name")
    for page in tabs:
        expect(page.get_by_text("trying again")).to_be_hidden()
