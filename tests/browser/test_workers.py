"""Workers and queues: who does what, what waits, what got done."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import Page, expect

from flightline import Client
from tests.browser.conftest import OpenTab
from tests.support.stacks import ENDLESS, LONG, TINY, Stack


def test_a_worker_shows_its_job_as_it_goes_and_the_queue_what_waits(tab: OpenTab, own_stack: Stack) -> None:
    """The job and its epochs by themselves, the one behind it in the queue with its priority, both gone at the end."""
    page = tab(own_stack.ready["url"])
    page.goto("/workers")
    worker = page.get_by_role("article").filter(has_text="Waits for a job")
    expect(worker).to_contain_text("synthetic")
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    with Client(own_stack.ready["url"]) as client:
        endless = client.submit({**LONG, "name": "endless"})
        card = page.get_by_role("article").filter(has_text="endless")
        expect(card).to_contain_text("training")
        expect(card.get_by_role("progressbar", name="Epochs of endless")).to_have_attribute("max", str(ENDLESS))
        expect(card).not_to_contain_text("epoch 0 of")
        behind = client.submit({**TINY, "name": "behind", "priority": 7})
        expect(page.get_by_role("row").filter(has_text="Training, any device")).to_contain_text("1")
        expect(page.get_by_role("row").filter(has_text="no owner")).to_contain_text("7")
        expect(page.get_by_role("link", name="behind")).to_have_attribute("href", f"/jobs/{behind.id}")
        endless.cancel()
        behind.wait()
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    expect(page.get_by_text("1 succeeded, 0 failed, 1 cancelled")).to_be_visible()
    expect(page.get_by_role("img", name="Jobs ended in the last hour: 1 succeeded")).to_be_visible()


def test_a_worker_that_says_nothing_is_marked_late_and_then_gone(tab: OpenTab, own_stack: Stack) -> None:
    """Its age goes on by itself; a worker that is not heard of is none to wait for, and the page says what to start."""
    page = tab(own_stack.ready["url"])
    page.goto("/workers")
    expect(page.get_by_role("article")).to_contain_text("s ago")
    pid = own_stack.child("worker-cpu-0")
    os.killpg(pid, signal.SIGSTOP)
    try:
        expect(page.get_by_role("article")).to_contain_text("late:")
        expect(page.get_by_text("1 worker has gone")).to_be_visible()
        expect(page.get_by_role("heading", name="No worker trains")).to_be_visible()
    finally:
        os.killpg(pid, signal.SIGCONT)
    expect(page.get_by_role("article")).to_contain_text("Waits for a job")


def test_how_to_add_a_worker_is_said(page: Page) -> None:
    """Both commands, and no secret of this service in them."""
    page.goto("/workers")
    expect(page.get_by_text("flightline up --workers")).to_be_visible()
    expect(page.get_by_text("flightline worker --device auto")).to_be_visible()
