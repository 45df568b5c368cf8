"""A real Chromium beside real services. Whatever a tab's console says, and no test has foreseen, fails the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from benchmarks.support.stack.many_jobs import fill
from flightline import Client
from shared.database.engine import Database
from shared.settings import Settings
from tests.support.browsers import launch
from tests.support.stacks import Stack, flightline

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}
MANY = 10_000
PICTURES = Path(__file__).resolve().parents[2] / "build" / "browser"
"""Where the tabs of a failed test are kept as pictures."""
_FAILED = pytest.StashKey[bool]()

expect.set_options(timeout=30_000)

OpenTab = Callable[..., Page]
"""``tab(url, **context)``: a tab of a browser of its own at `url`, with further arguments of Playwright's contexts."""


@dataclass
class Console:
    """What the consoles of a test's tabs say, and which of it the test has foreseen."""

    said: list[str] = field(default_factory=list)
    foreseen: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let be the lines with this pattern: what the browser itself writes of answers that the test provokes."""
        self.foreseen.append(pattern)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep a message, and where it came from."""
        self.said.append(f"{message.type}: {message.text} ({message.location['url']})")

    def catch(self, error: Error) -> None:
        """Keep an error that nobody caught."""
        self.said.append(f"error: {error}")

    @property
    def unforeseen(self) -> list[str]:
        """What no test expected."""
        return [line for line in self.said if not any(re.search(pattern, line) for pattern in self.foreseen)]


@dataclass(frozen=True)
class Team:
    """A service that asks for tokens, with a token of each scope: `root` may do all, `alice` submit, `victor` look."""

    stack: Stack
    root: str
    alice: str
    victor: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test time for the services that it may be the first to need."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(400))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Note that a test failed, for its tabs."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module's tests; each tab has a profile of its own.

    It ends with the module: while it lives, its driver has an event loop that tests of other folders would run into.
    """
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service that most tests share: a worker and a predictor. What a test submits, others see."""
    with closing(Stack(tmp_path_factory.mktemp("stack") / "home", "cpu=1,predict=1")) as running:
        yield running


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service that a module keeps to itself, to hurt it (`stack.without_api()`) or to begin with no job at all."""
    with closing(Stack(tmp_path_factory.mktemp("own") / "home")) as running:
        yield running


@pytest.fixture(scope="package")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A service with tokens and a worker."""
    home = tmp_path_factory.mktemp("team") / "home"
    first = flightline(home, "token", "create", "--owner", "root", "--scope", "admin")
    assert first.returncode == 0, first.stderr
    root = first.stdout.strip()
    with (
        closing(Stack(home, FLIGHTLINE_AUTH="on")) as running,
        Client(running.ready["url"], token=root) as admin,
    ):
        alice, victor = (admin.create_token(*who).token for who in (("alice", "submit"), ("victor", "read")))
        yield Team(running, root, alice, victor)


@pytest.fixture(scope="package")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service without workers that has 10,000 finished jobs, of 40 epochs each."""
    home = tmp_path_factory.mktemp("many") / "home"
    home.mkdir()
    fill(Database(Settings(home=home).sqlalchemy_url), MANY)
    with closing(Stack(home, "none")) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """The shared service's client."""
    with Client(stack.ready["url"]) as connected:
        yield connected


@pytest.fixture
def console() -> Iterator[Console]:
    """What the consoles of the test's tabs say; the test fails if it has not foreseen all of it."""
    heard = Console()
    yield heard
    assert heard.unforeseen == []


@pytest.fixture
def tab(browser: Browser, console: Console, request: pytest.FixtureRequest) -> Iterator[OpenTab]:
    """Opens tabs; those of a test that fails are kept as pictures."""
    opened: list[Page] = []

    def open_tab(url: str, **options: Any) -> Page:
        page = browser.new_context(**{"base_url": url, "locale": "en-US", "viewport": WIDE, **options}).new_page()
        page.on("console", console.hear)
        page.on("pageerror", console.catch)
        opened.append(page)
        return page

    yield open_tab
    for number, page in enumerate(opened):
        if request.node.stash.get(_FAILED, False):
            page.screenshot(path=PICTURES / f"{request.node.name}-{number}.png")
        page.context.close()


@pytest.fixture
def page(tab: OpenTab, stack: Stack) -> Page:
    """A tab for the shared service: light, 1280 × 800. Begin with ``page.goto("/")``."""
    return tab(stack.ready["url"])


@pytest.fixture
def phone(tab: OpenTab, stack: Stack) -> Page:
    """The same on a phone: 390 × 844, with touch."""
    return tab(stack.ready["url"], viewport=NARROW, device_scale_factor=2, is_mobile=True, has_touch=True)
