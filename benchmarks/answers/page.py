"""The page in a real Chromium: how soon it shows what one asks for and what happens, and the memory that it takes.

Every time is taken inside the page (support/probes.js), so the driver's own time is no part of it. `MINUTES=60` watches
a running job for an hour; by default it is two minutes.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from api.http.page import BUILD
from benchmarks.answers.lists import filled_service
from benchmarks.support.lines import Line, median
from benchmarks.support.stack.service import TINY, Service, service
from tests.support.browsers import launch

PROBES = Path(__file__).with_name("probes.js")
SIZES = {10_000: 500.0, 100_000: 700.0}
"""How many jobs there are, and within how many milliseconds rows must be visible among them."""
COMPARED, COMPARED_EPOCHS = 200, 100
OTHERS = 20
POINTS = 50
KILOBYTE, MEGABYTE = 1000.0, 1e6
MINUTES = float(os.environ.get("MINUTES", "2"))
LOOKS = 12
"""How often within these minutes the heap is looked at: one that only grows is a leak, however small it is yet."""
ENDLESS = {**TINY, "dataset": {"name": "synthetic", "train_per_class": 2000}, "training": {"epochs": 10_000}}
"""A job of well over an hour, with an epoch every few tenths of a second."""


def lines(rounds: int) -> Iterator[Line]:
    """What the page weighs, then each figure of a view with the data that is hardest for it."""
    yield from _weights()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for jobs, target in SIZES.items():
            with filled_service(None, jobs) as made:
                yield from _table(browser, made, f"{jobs:,} jobs", target, rounds)
        with filled_service(None, 1000, COMPARED_EPOCHS) as made:
            yield _compared(browser, made, rounds)
        with service(workers=2) as made:
            yield from _live(browser, made)
        browser.close()


def _weights() -> Iterator[Line]:
    for name, suffix in (("gzip", ".gz"), ("brotli", ".br")):
        size = sum(path.stat().st_size for path in [*BUILD.glob(f"*{suffix}"), BUILD / "index.html"])
        yield Line(f"all files of the page, {name}", "kB", size / KILOBYTE, at_most=150.0)


@contextmanager
def _tab(browser: Browser, made: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=made.url, locale="en-US", viewport={"width": 1280, "height": 800})
    context.add_init_script(path=PROBES)
    yield context.new_page()
    context.close()


def _table(browser: Browser, made: Service, where: str, target: float, rounds: int) -> Iterator[Line]:
    """The table of jobs: loaded again, filtered, scrolled."""
    with _tab(browser, made) as page:
        times = []
        for _ in range(rounds + 1):
            page.goto("/")
            times.append(float(page.evaluate("probes.rows")))
        yield median(f"{where}: rows visible after a warm navigation", "ms", times[1:], at_most=target)
        times = [_filtered(page, made, number) for number in range(2 * rounds)]
        yield median(f"{where}: filter typed to rows shown", "ms", times, at_most=150.0)
    with _tab(browser, made) as page:  # without the filter, which the browser keeps
        page.goto("/")
        page.evaluate("probes.rows")
        found = page.evaluate("probes.scroll(300, 400)")
        passed = f"{where}: pictures with a blank row while {found['top'] / 34:.0f} rows are scrolled through"
        yield Line(passed, "%", 100 * found["blank"] / found["frames"], at_most=0.0)


def _filtered(page: Page, made: Service, number: int) -> float:
    """From the last letter of an owner's name until the newest of that owner's jobs is the first row."""
    typed, last = f"owner:owner-{number + 10}"[:-1], str(number + 10)[-1]
    newest = made.http.get(f"/v1/jobs?limit=1&owner=owner-{number + 10}").json()["items"][0]["id"]
    field = page.get_by_label("Filter jobs")
    field.fill("")
    field.press_sequentially(typed)
    page.wait_for_timeout(300)  # what came before the last letter has been answered
    page.evaluate(f"void (probes.answer = probes.filtered({newest!r}))")
    page.keyboard.type(last)
    return float(page.evaluate("probes.answer"))


def _compared(browser: Browser, made: Service, rounds: int) -> Line:
    query = f"/v1/jobs?status=succeeded&limit={COMPARED}&fields=id"
    chosen = [job["id"] for job in made.http.get(query).json()["items"]]
    assert len(chosen) == COMPARED
    times = []
    with _tab(browser, made) as page:
        for _ in range(rounds + 1):
            page.goto("/compare?" + "&".join(f"job={job_id}" for job_id in chosen))
            times.append(float(page.evaluate("probes.compared()")))
    what = f"{COMPARED} jobs of {COMPARED_EPOCHS} epochs compared: from their answer to all pictures"
    return median(what, "ms", times[1:], at_most=300.0)


def _live(browser: Browser, made: Service) -> Iterator[Line]:
    """A running job beside others, of which one runs and is followed by the next."""
    watched = made.submit(ENDLESS)
    made.wait(lambda: made.job(watched)["status"] == "running")
    epochs = round(10 * MINUTES)  # so that the last of them is done towards the end
    others = [made.submit({**TINY, "training": {"epochs": epochs}}) for _ in range(OTHERS)]
    with _tab(browser, made) as page:
        page.goto(f"/jobs/{watched}")
        points: list[float] = page.evaluate(f"probes.followed({POINTS})")
        yield Line("a live point after its event, median", "ms", statistics.median(points), at_most=50.0, values=points)
        heaps = [_heap_later(page, MINUTES / LOOKS) for _ in range(LOOKS)]
        state = made.job(watched)
        assert state["status"] == "running", state
        where = f"{MINUTES:g} minutes of a running job ({state['progress']['epoch']:,} epochs) beside {OTHERS} others"
        yield Line(f"heap after {where}", "MB", heaps[-1], at_most=40.0, values=heaps)
    for job_id in (watched, *others):
        made.http.post(f"/v1/jobs/{job_id}/cancel", {})


def _heap_later(page: Page, minutes: float) -> float:
    """What the page's scripts hold after so many minutes, in MB, once what they have let go of is collected."""
    page.wait_for_timeout(minutes * 60_000)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: dict[str, Any] = session.send("Runtime.getHeapUsage")
    return float(used["usedSize"]) / MEGABYTE
