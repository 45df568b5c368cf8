"""Signing in: with which token, what a session keeps, and what a scope shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from flightline import Client
from tests.browser.conftest import Console, OpenTab, Team
from tests.support.proxies import Nginx
from tests.support.stacks import LONG, TINY, Stack, flightline

REFUSED = "401"


def sign_in(page: Page, token: str) -> None:
    """Type a token into the form."""
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_token_opens_the_page_and_the_menu_closes_it(tab: OpenTab, team: Team, console: Console) -> None:
    """The form comes first and the page's files are open; a wrong token is refused in words; signing out ends it."""
    console.expect(REFUSED)
    page = tab(team.stack.ready["url"])
    page.goto("/workers")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    sign_in(page, "fl_" + "x" * 43)
    expect(page.get_by_role("alert")).to_contain_text("token")
    sign_in(page, team.alice)
    expect(page.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    assert page.evaluate("document.cookie") == ""  # no script sees the session

    page.get_by_role("button", name="alice: account and settings").click()
    expect(page.get_by_text("may submit jobs and change their own")).to_be_visible()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_ends_keeps_what_is_shown(tab: OpenTab, team: Team, console: Console) -> None:
    """The form lies above the view; what was typed below it is still there once the token is given again."""
    console.expect(REFUSED)
    page = tab(team.stack.ready["url"])
    page.goto("/people")
    sign_in(page, team.root)
    page.get_by_role("button", name="New token").click()
    page.get_by_label("Owner").fill("carol")
    page.context.clear_cookies()
    page.get_by_role("button", name="Make it").click()
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_be_visible()
    page.keyboard.press("Escape")
    expect(again).to_be_visible()
    sign_in(page, team.root)
    expect(again).to_be_hidden()
    expect(page.get_by_label("Owner")).to_have_value("carol")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("dialog", name="The token of carol")).to_be_visible()


def test_who_signs_in_again_is_let_in_everywhere(tab: OpenTab, team: Team, console: Console) -> None:
    """The session ends under two tabs: the token that one of them is given opens the other too."""
    console.expect(REFUSED)
    page = tab(team.stack.ready["url"])
    page.goto("/")
    sign_in(page, team.alice)
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_attached()
    other = page.context.new_page()
    other.goto("/workers")
    heading = other.get_by_role("heading", name="Workers", exact=True)
    expect(heading).to_be_visible()
    page.context.clear_cookies()
    page.get_by_role("link", name="Data").click()
    for one in (page, other):
        expect(one.get_by_role("dialog", name="Sign in again")).to_be_visible()
    sign_in(page, team.alice)
    for one in (page, other):
        expect(one.get_by_role("dialog")).to_be_hidden()
    expect(heading).to_be_visible()


def test_who_may_only_look_is_shown_nothing_to_write_with(tab: OpenTab, team: Team, console: Console) -> None:
    """No new job, no people; data can be seen and not trained on."""
    console.expect(REFUSED)
    page = tab(team.stack.ready["url"])
    page.goto("/datasets/synthetic")
    sign_in(page, team.victor)
    expect(page.get_by_role("heading", name="synthetic")).to_be_visible()
    expect(page.get_by_role("link", name="New job")).to_be_hidden()
    expect(page.get_by_role("link", name="People")).to_be_hidden()
    expect(page.get_by_role("link", name="Train on this")).to_be_hidden()
    page.goto("/people")
    expect(page.get_by_role("heading", name="This is for admins")).to_be_visible()


def test_another_owners_jobs_are_not_offered_to_be_changed(tab: OpenTab, team: Team, console: Console) -> None:
    """They can be cloned and trained again; renamed, tagged, cancelled or deleted by their owner or an admin alone."""
    console.expect(REFUSED)
    url = team.stack.ready["url"]
    with Client(url, token=team.root) as root, Client(url, token=team.alice) as alice:
        jobs = [(who, who.submit(LONG)) for who in (root, alice)]
        page = tab(url)
        page.goto(f"/jobs/{jobs[0][1].id}")
        sign_in(page, team.alice)
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
        for changes, (_, job) in enumerate(jobs):
            page.goto(f"/jobs/{job.id}")
            expect(page.get_by_role("link", name="Clone", exact=True)).to_be_visible()
            for name in ("Cancel", "Rename", "Tag"):
                expect(page.get_by_role("button", name=name, exact=True)).to_have_count(changes)
        for who, job in jobs:
            who.cancel(job.id)


def test_too_many_wrong_tokens_are_told_when_to_try_again(tab: OpenTab, tmp_path: Path, console: Console) -> None:
    """The service's limit is said with the time that it lasts."""
    console.expect("401|429")
    home = tmp_path / "home"
    assert flightline(home, "token", "create", "--owner", "root", "--scope", "admin").returncode == 0
    stack = Stack(home, "none", FLIGHTLINE_AUTH="on", FLIGHTLINE_FAILED_SIGN_INS_PER_MINUTE="1")
    try:
        page = tab(stack.ready["url"])
        page.goto("/")
        told = page.get_by_role("alert").filter(has_text=re.compile(r"go on in \d+ s"))
        for _ in range(4):  # the limit is of a minute of the clock, which may end between two tries
            sign_in(page, "fl_" + "x" * 43)
            expect(page.get_by_role("alert")).to_be_visible()
            if told.count():
                break
        expect(told).to_be_visible()
    finally:
        stack.close()


@dataclass(frozen=True)
class Below:
    """A service with tokens below `/flightline` of an nginx: its own address, the one for people, an admin's token."""

    own_url: str
    url: str
    token: str


@pytest.fixture
def below(tmp_path: Path) -> Iterator[Below]:
    """The service and its nginx."""
    home = tmp_path / "home"
    made = flightline(home, "token", "create", "--owner", "root", "--scope", "admin")
    behind = {"FLIGHTLINE_AUTH": "on", "FLIGHTLINE_BASE_PATH": "/flightline", "FLIGHTLINE_TRUSTED_PROXIES": "127.0.0.1"}
    stack = Stack(home, "cpu=1,predict=1", **behind)
    port = int(stack.ready["url"].split(":")[2].split("/")[0])
    folder = tmp_path / "nginx"
    folder.mkdir()
    proxy = Nginx(folder, port, below=True)
    try:
        proxy.start()
        yield Below(stack.ready["url"], f"{proxy.url}/flightline/", made.stdout.strip())
    finally:
        proxy.remove()
        stack.close()


def test_below_a_path_behind_nginx_with_tokens(below: Below, tab: OpenTab, console: Console) -> None:
    """Views, events and images below `/flightline` over https: signed in by the cookie, live, and reloaded in place."""
    console.expect(REFUSED)
    page = tab(below.url, ignore_https_errors=True)
    page.goto("datasets/synthetic")
    sign_in(page, below.token)
    first = page.get_by_role("img", name="train 0", exact=True)
    expect(first).to_be_visible()
    expect(first).to_have_js_property("naturalWidth", 32)
    page.get_by_role("link", name="Jobs").click()
    expect(page).to_have_url(below.url)
    with Client(below.own_url, token=below.token) as client:
        client.submit({**TINY, "name": "below"})
    expect(page.get_by_role("row").filter(has_text="below")).to_contain_text("succeeded")
    page.get_by_role("row").filter(has_text="below").get_by_role("link").first.click()
    page.reload()
    expect(page).to_have_title(re.compile("below"))
