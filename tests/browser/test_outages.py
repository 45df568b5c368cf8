"""A service that goes away and comes back under an open page."""

from __future__ import annotations

from playwright.sync_api import expect

from flightline import Client
from tests.browser.conftest import Console, OpenTab
from tests.support.stacks import TINY, Stack


def test_the_page_outlives_its_api(tab: OpenTab, own_stack: Stack, console: Console) -> None:
    """What is known stays on the screen, the page says that it tries again, and goes on by itself."""
    console.expect("net::ERR_")  # the browser's own words on each request without an answer
    before, after = ({**TINY, "name": name} for name in ("before", "after"))
    page = tab(own_stack.ready["url"])
    with Client(own_stack.ready["url"]) as client:
        client.submit(before).wait()
        page.goto("/")
        row = page.get_by_role("row").filter(has_text="before")
        expect(row).to_contain_text("succeeded")
        with own_stack.without_api():
            expect(page.get_by_text("trying again")).to_be_visible()
            expect(row).to_contain_text("succeeded")
        client.submit(after).wait()
    expect(page.get_by_role("row").filter(has_text="after")).to_contain_text("succeeded")
    expect(page.get_by_text("trying again")).to_be_hidden()
