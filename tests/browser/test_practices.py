"""What an audit looks at beside accessibility (test_accessibility.py): good manners towards browser and user."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, expect

from flightline import Client
from tests.support.stacks import TINY, Stack

LARGEST_BYTES = 60_000
"""Of any file as it is sent."""
VIEWS = ("/", "/compare", "/leaderboard", "/sweeps", "/new", "/datasets", "/workers")


@pytest.mark.parametrize("path", VIEWS)
def test_a_view_keeps_to_good_practice(page: Page, stack: Stack, path: str) -> None:
    """HTML of today, words for search and bookmarks, no file from elsewhere, none that is large or sent for nothing."""
    asked: list[Request] = []
    page.on("requestfinished", lambda request: asked.append(request))  # noqa: PLW0108 -- Playwright takes no builtin
    answer = page.goto(path)
    expect(page.locator("main h1")).to_be_attached()
    assert answer is not None
    assert answer.text().lower().startswith('<!doctype html>\n<html lang="en">')
    assert {"utf-8"} == {page.evaluate("document.characterSet").lower()}
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert "width=device-width" in str(page.locator("meta[name=viewport]").get_attribute("content"))
    assert not re.search("user-scalable|maximum-scale", page.content())
    assert page.title().endswith("Flightline")
    assert page.locator('link[rel="icon"]').count() == 1
    assert {request.url.startswith(f"{stack.ready['url']}/") for request in asked} == {True}
    files = [request for request in asked if "/static/page/" in request.url]
    assert files
    for request in files:
        sent = request.response()
        assert sent is not None
        assert {sent.headers.get("content-encoding"), sent.headers["cache-control"]} == {
            "br",
            "public, max-age=31536000, immutable",
        }
        assert request.sizes()["responseBodySize"] <= LARGEST_BYTES


def test_nothing_inline_and_no_event_attribute(page: Page, client: Client) -> None:
    """The policy forbids it, so nothing needs an exception; images say how large they are, links where they lead."""
    job = client.submit(TINY)
    job.wait()
    for path in (*VIEWS, f"/jobs/{job.id}"):
        page.goto(path)
        expect(page.locator("main h1")).to_be_attached()
        found = page.evaluate(
            """() => [...document.querySelectorAll("*")].flatMap((one) => [
              one.matches("script:not([src]), style") ? `inline ${one.tagName}` : [],
              [...one.attributes].some(({ name }) => name.startsWith("on")) ? `handler in ${one.outerHTML}` : [],
              one.matches("a:not([href])") ? `no address: ${one.outerHTML}` : [],
              one.matches("a[target=_blank]:not([rel~=noopener])") ? `opener: ${one.outerHTML}` : [],
              one.matches("img:not([width][height])") ? `no size: ${one.outerHTML}` : [],
              one.matches("button:not([type])") ? `no type: ${one.outerHTML}` : [],
            ].flat())"""
        )
        assert found == [], path


def test_no_deprecated_api_is_called(page: Page) -> None:
    """Chromium's own reports of deprecations and interventions stay empty."""
    page.add_init_script(
        "globalThis.reports = []; new ReportingObserver((all) => reports.push(...all.map((one) => one.body.message)),"
        " { buffered: true }).observe()"
    )
    for path in VIEWS:
        page.goto(path)
        expect(page.locator("main h1")).to_be_attached()
        assert page.evaluate("reports") == []
