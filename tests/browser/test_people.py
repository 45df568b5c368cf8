"""People: tokens made, shown once, revoked; webhooks added, tested, sent again, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, OpenTab, Team
from tests.browser.test_sign_in import sign_in
from tests.support.people import bearer
from tests.support.receivers import Receiver, receiving
from tests.support.stacks import Stack, until


@pytest.fixture
def people(tab: OpenTab, team: Team, console: Console) -> Page:
    """The view, signed in as an admin."""
    console.expect("401")
    page = tab(team.stack.ready["url"])
    page.goto("/people")
    sign_in(page, team.root)
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    return page


def test_a_token_is_made_shown_once_and_revoked(people: Page, team: Team) -> None:
    """What is shown works at once; after it was revoked, and that was confirmed, it is gone."""
    url = f"{team.stack.ready['url']}/v1/whoami"
    people.get_by_role("button", name="New token").click()
    expect(people.get_by_label("Owner")).to_be_focused()
    people.get_by_label("Owner").fill("dora")
    people.get_by_label("What it allows").select_option("read")
    people.get_by_label("Expires").select_option("in 7 days")
    people.get_by_role("button", name="Make it").click()
    made = people.get_by_role("dialog", name="The token of dora")
    secret = made.get_by_label("Token", exact=True).input_value()
    answer = httpx.get(url, headers=bearer(secret)).json()
    assert (answer["owner"], answer["scope"]) == ("dora", "read")
    made.get_by_role("button", name="I have it").click()
    row = people.get_by_role("row").filter(has_text="dora")
    expect(row).to_contain_text("UTC")
    assert secret not in people.content()

    row.get_by_role("button", name="Revoke").click()
    sure = people.get_by_role("dialog", name="Revoke the token of dora?")
    expect(sure.get_by_role("button", name="Keep")).to_be_focused()
    sure.get_by_role("button", name="Keep").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Revoke").click()
    sure.get_by_role("button", name="Revoke").click()
    expect(row).to_be_hidden()
    expect(people.get_by_text("The token of dora is revoked")).to_be_visible()


def test_a_name_that_is_none_is_refused_in_words(people: Page, console: Console) -> None:
    """At the form, which stays."""
    console.expect("422")
    people.get_by_role("button", name="New token").click()
    people.get_by_label("Owner").fill("No Name!")
    people.get_by_role("button", name="Make it").click()
    expect(people.get_by_role("alert")).to_contain_text("/owner")
    expect(people.get_by_label("Owner")).to_have_value("No Name!")


def test_ones_own_token_is_marked(people: Page) -> None:
    """Revoking it says what that means for oneself."""
    row = people.get_by_role("row").filter(has_text="you").filter(has_text="root")
    row.get_by_role("button", name="Revoke").click()
    expect(people.get_by_text("It is the token that you signed in with.")).to_be_visible()
    people.keyboard.press("Escape")
    expect(people.get_by_text("It is the token that you signed in with.")).to_be_hidden()


def test_without_tokens_the_page_says_how_to_ask_for_them(page: Page) -> None:
    """A service on loopback asks nobody; the view says so, and works."""
    page.goto("/people")
    expect(page.get_by_text("FLIGHTLINE_AUTH=on")).to_be_visible()
    expect(page.get_by_role("heading", name="There is no token")).to_be_visible()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Another service, which is to be told."""
    with receiving() as running:
        yield running


@pytest.fixture
def telling(tmp_path: Path, receiver: Receiver) -> Iterator[Stack]:
    """A service that may tell the receiver."""
    hosts = f"127.0.0.1:{receiver.port}"
    with closing(Stack(tmp_path / "home", "none", FLIGHTLINE_WEBHOOK_HOSTS=hosts)) as running:
        yield running


def test_a_webhook_is_added_tested_and_deleted(
    telling: Stack, receiver: Receiver, tab: OpenTab, console: Console
) -> None:
    """Its secret is shown once, a test and its repetition are delivered, and another host is refused in words."""
    console.expect("422")
    page = tab(telling.ready["url"])
    page.goto("/people")
    page.get_by_role("button", name="New webhook").click()
    page.get_by_label("URL").fill("https://elsewhere.example.com/hook")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("FLIGHTLINE_WEBHOOK_HOSTS")
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_label("A sweep has finished").check()
    page.get_by_role("button", name="Add it").click()
    secret = page.get_by_role("dialog", name="The webhook's secret")
    first = secret.get_by_role("textbox").input_value()
    assert first.startswith("whsec_")
    secret.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name="New secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    second = secret.get_by_role("textbox").input_value()
    assert second.startswith("whsec_")
    assert second != first
    secret.get_by_role("button", name="I have it").click()

    expect(page.get_by_text("Told of: job.finished, sweep.finished")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    sent = page.get_by_role("row").filter(has_text="webhook.test")
    expect(sent).to_contain_text("delivered")
    sent.get_by_role("button", name="Send again").click()
    until(lambda: len(receiver.messages) > 1)
    assert len(set(receiver.ids)) == 1
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No other service is told of anything.")).to_be_visible()
