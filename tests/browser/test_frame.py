"""The frame: where one can go, by mouse, keyboard and thumb; themes; the tab's title; what happens to a broken page."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from flightline import Client
from tests.browser.conftest import Console, OpenTab
from tests.support.stacks import LONG, TINY, Stack

DARK = "rgb(15, 18, 22)"
LIGHT = "rgb(245, 246, 248)"
VIEWS = {
    "Jobs": "/",
    "Compare": "/compare",
    "Sweeps": "/sweeps",
    "New job": "/new",
    "Data": "/datasets",
    "Workers": "/workers",
}


def canvas(page: Page) -> str:
    """The colour that the page lies on."""
    colour: str = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return colour


def test_every_view_is_a_link_that_says_where_one_is(page: Page) -> None:
    """The current view is marked, the address changes, and Back goes back."""
    page.goto("/")
    views = page.get_by_role("navigation", name="Views")
    for name, path in VIEWS.items():
        views.get_by_role("link", name=name).click()
        expect(page).to_have_url(re.compile(f"{re.escape(path)}$"))
        expect(views.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(page).to_have_title(re.compile(f"{name} – Flightline$"))
    page.go_back()
    expect(page).to_have_title(re.compile("Data – Flightline$"))


def test_keys_go_to_views_and_are_listed(page: Page) -> None:
    """Two letters go to a view, a question mark shows them all, Escape closes the list; in a field they are text."""
    page.goto("/")
    expect(page).to_have_title(re.compile("Jobs"))
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Workers")
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()


def test_the_menu_is_used_by_keyboard(page: Page) -> None:
    """It opens with the focus on its first entry, arrows and letters move, Escape gives the focus back."""
    page.goto("/workers")
    button = page.get_by_role("button", name="Settings")
    button.focus()
    page.keyboard.press("Enter")
    first = page.get_by_role("menuitemcheckbox", name="Colours as the system")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitemcheckbox", name="Light")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("menuitem", name="API reference")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="OpenAPI document")).to_be_focused()
    page.keyboard.press("Escape")
    expect(first).to_be_hidden()
    expect(button).to_be_focused()


def test_the_api_is_described_where_the_menu_says(page: Page) -> None:
    """The reference and the document answer."""
    page.goto("/")
    for name in ("API reference", "OpenAPI document"):
        page.get_by_role("button", name="Settings").click()
        target = page.get_by_role("menuitem", name=name).get_attribute("href")
        page.keyboard.press("Escape")
        assert target is not None
        assert page.request.get(target).ok


def test_a_theme_is_kept_and_there_before_anything_is_drawn(page: Page) -> None:
    """The choice holds in other tabs and after a reload, before the page's own code has run."""
    page.goto("/workers")
    assert canvas(page) == LIGHT
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("menuitemcheckbox", name="Dark").click()
    assert canvas(page) == DARK
    other = page.context.new_page()
    other.route(re.compile(r"/static/page/index-.*\.js$"), lambda route: route.abort())
    other.goto("/workers")
    assert canvas(other) == DARK
    page.get_by_role("menuitemcheckbox", name="Colours as the system").click()
    assert canvas(page) == LIGHT
    page.emulate_media(color_scheme="dark")
    assert canvas(page) == DARK


def test_the_tab_says_how_many_jobs_run(tab: OpenTab, own_stack: Stack) -> None:
    """A number before the title and another sign while a job runs, neither when it has ended."""
    page = tab(own_stack.ready["url"])
    page.goto("/workers")
    expect(page).to_have_title("Workers – Flightline")
    icon = page.locator('link[rel="icon"]')
    with Client(own_stack.ready["url"]) as client:
        job = client.submit(LONG)
        expect(page).to_have_title("(1) Workers – Flightline")
        expect(icon).to_have_attribute("href", "/static/icon-running.svg")
        assert page.request.get("/static/icon-running.svg").ok
        job.cancel()
    expect(page).to_have_title("Workers – Flightline")
    expect(icon).to_have_attribute("href", "/static/icon.svg")


def test_a_view_that_breaks_takes_nothing_else_with_it(page: Page, console: Console) -> None:
    """It says that it broke and what to do; the other views go on, and trying again works."""
    console.expect("TypeError")
    page.route("**/v1/datasets", lambda route: route.fulfill(json={"items": 7}))
    page.goto("/datasets")
    expect(page.get_by_role("alert")).to_contain_text("This view broke")
    page.get_by_role("link", name="Workers").click()
    expect(page.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    page.get_by_role("link", name="Data").click()
    expect(page.get_by_role("alert")).to_contain_text("This view broke")
    page.unroute("**/v1/datasets")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Your own images")).to_be_visible()


def test_a_newer_page_is_offered_and_old_code_is_loaded_anew(page: Page, console: Console) -> None:
    """After an upgrade another document is served, and code that the open page would load next is gone."""
    console.expect("404")
    page.goto("/workers")
    expect(page.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    gone: list[str] = []

    def away(route: Route) -> None:
        if gone:
            return route.continue_()
        gone.append(route.request.url)
        return route.fulfill(status=404)

    page.route(re.compile(r"/static/page/view-.*\.js$"), away)
    with page.expect_event("load"):
        page.get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Your own images")).to_be_visible()
    assert len(gone) == 1

    def newer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r"index-[^.]+\.js", "index-newer.js", answer.text()))

    page.route(re.compile(r":\d+/$"), newer)
    page.route("**/v1/datasets", lambda route: route.abort(), times=1)  # no answer, then again one
    console.expect("net::ERR_FAILED")
    page.get_by_role("link", name="Workers").click()
    page.get_by_role("link", name="Data").click()
    expect(page.get_by_role("button", name="New version: load it")).to_be_visible()


def test_a_phone_has_the_views_at_its_foot_and_nothing_beside_the_screen(phone: Page, client: Client) -> None:
    """No view is wider than the screen, nor scrolls but within the frame; the links are at the bottom."""
    job = client.submit({**TINY, "name": "on a phone"}).wait()
    for path in (*VIEWS.values(), f"/jobs/{job.id}", "/leaderboard"):
        phone.goto(path)
        expect(phone.locator("main :is(h1, [role=grid])").first).to_be_attached()
        expect(phone.locator(".sections h2.sr")).to_be_attached(attached="/jobs/" in path)
        wide, high = phone.evaluate(
            "(({ scrollWidth, scrollHeight }) => [scrollWidth - innerWidth, scrollHeight - innerHeight])"
            "(document.documentElement)"
        )
        assert (wide <= 0, high <= 0) == (True, True), f"{path} is {wide} wider and {high} higher than the screen"
    links = phone.get_by_role("navigation", name="Views").bounding_box()
    assert links is not None
    assert links["y"] + links["height"] == phone.evaluate("innerHeight")


def test_no_other_host_is_asked(page: Page) -> None:
    """Everything comes from the service: it works without a network beyond it."""
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    for path in VIEWS.values():
        page.goto(path)
        page.wait_for_load_state("load")
    assert asked == {page.url.split("/")[2]}


def test_what_is_not_there_says_so(page: Page, console: Console) -> None:
    """An address within the page that names no view leads back to the jobs."""
    console.expect("404")
    page.goto("/workers")
    page.evaluate("history.pushState(null, '', '/nowhere'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    page.get_by_role("link", name="All jobs").click()
    expect(page).to_have_title(re.compile("Jobs"))
