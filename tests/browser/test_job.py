"""One job on the page: its curves while it trains, what one can do with it, and what it says when it has ended."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from flightline import Client
from tests.browser.conftest import Console, OpenTab
from tests.support.stacks import LONG, TINY, Stack, until

DIVERGES: dict[str, Any] = {
    **TINY,
    "architecture": {"kind": "mlp", "hidden": [256, 256, 256, 256], "activation": "relu"},
    "training": {"epochs": 50, "optimizer": {"kind": "sgd", "lr": 1000.0, "momentum": 0.99}},
}
"""A job whose loss is soon no number."""
HOSTILE = """# Notes <img src=x onerror="document.title='hacked'">
<script>document.title='hacked'</script>
[click](javascript:document.title='hacked') [good](https://example.org/paper) **bold**
- one
- two
"""


def loss(page: Page) -> Locator:
    """The chart of the losses; its name has the latest values."""
    return page.get_by_role("img", name=re.compile(r"^Loss, latest: training [0-9]"))


def epoch_shown(page: Page) -> int:
    """The latest epoch that the read-out above the charts names."""
    found = re.search(r"Epoch (\d+)", page.locator(".curves .at").inner_text())
    assert found
    return int(found[1])


def test_the_curve_grows_and_the_job_can_be_cancelled(page: Page, client: Client) -> None:
    """Each epoch is there as it ends; the tab says Live until the job has ended."""
    job = client.submit({**LONG, "name": "grows"})
    page.goto(f"/jobs/{job.id}")
    expect(loss(page)).to_be_visible()
    expect(page.get_by_text("● Live")).to_be_visible()
    seen = epoch_shown(page)
    until(lambda: epoch_shown(page) > seen + 5)

    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".status")).to_have_text("cancelled")
    expect(page.get_by_text("● Live")).to_be_hidden()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    assert epoch_shown(page) == len(client.epochs(job.id)["epoch"])


def test_a_finished_job_shows_what_it_reached(page: Page, client: Client) -> None:
    """The end of an id is enough; the address gets all of it. Evaluation, spec, network and code are links."""
    job = client.submit({**TINY, "name": "reached", "training": {"epochs": 3, "batch_size": 16}}).wait()
    page.goto(f"/jobs/{job.id[-8:]}")
    expect(page).to_have_url(re.compile(f"/jobs/{job.id}$"))
    expect(page.locator(".facts")).to_contain_text("3 of 3")
    matrix = page.get_by_role("table", name="Confusion matrix")
    expect(matrix.get_by_role("cell")).to_have_count(4)
    until(lambda: sum(map(int, matrix.locator("td").all_inner_texts())) == 40)
    page.get_by_role("button", name="Per cent").click()
    expect(matrix.get_by_role("cell").filter(has_text="%")).to_have_count(4)

    sections = page.get_by_role("navigation", name="Sections")
    sections.get_by_role("link", name="Spec").click()
    expect(page).to_have_url(re.compile("tab=spec"))
    chosen = page.get_by_role("row").filter(has_text="training.batch_size")
    expect(chosen).to_contain_text("16")
    expect(chosen).to_contain_text("64")
    sections.get_by_role("link", name="Network").click()
    expect(page.locator(".layers")).to_contain_text(f"{job.cost.parameters:,} parameters")
    sections.get_by_role("link", name="Attempts").click()
    expect(page.get_by_role("row").filter(has_text="succeeded")).to_contain_text("cpu")
    sections.get_by_role("link", name="Code").click()
    expect(page.locator(".code")).to_contain_text(job.id)


def test_the_charts_are_read_and_zoomed_by_keys(page: Page, client: Client) -> None:
    """All charts read the same epoch; scale, smoothing and zoom are in the address, and there after a reload."""
    job = client.submit({**TINY, "name": "keys", "training": {"epochs": 12, "batch_size": 32}}).wait()
    page.goto(f"/jobs/{job.id}")
    at = page.locator(".curves .at")
    expect(at).to_contain_text("Epoch 12 (latest)")
    loss(page).focus()
    page.keyboard.press("Home")
    expect(at).to_contain_text("Epoch 1")
    page.keyboard.press("ArrowRight")
    expect(at).to_contain_text("Epoch 2")
    first = client.epochs(job.id)["val_accuracy"][1]
    expect(page.locator("figure").filter(has_text="Accuracy")).to_contain_text(f"validation {100 * first:.1f} %")

    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("epochs=1"))
    page.get_by_role("button", name="Log scale").click()
    page.get_by_label("Smoothing").fill("0.6")
    expect(page).to_have_url(re.compile("smoothing=0.6"))
    page.reload()
    expect(page.get_by_role("button", name="Log scale")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Reset zoom").click()
    expect(page).not_to_have_url(re.compile("epochs="))


def test_labels_are_changed_in_place(page: Page, client: Client) -> None:
    """Name and tags; what was typed is what the API says."""
    job = client.submit({**TINY, "name": "first name", "tags": ["night"]}).wait()
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name").fill("second name")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("second name")
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Tag", exact=True).fill("kept")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Tags")).to_contain_text("kept")
    page.get_by_role("button", name="Remove the tag night").click()
    expect(page.get_by_text("night", exact=True)).to_be_hidden()
    now = client.job(job.id)
    assert (now.name, list(now.tags)) == ("second name", ["kept"])


def test_notes_are_markdown_and_nothing_else(page: Page, client: Client) -> None:
    """Preview and page show the same; scripts and their addresses are text."""
    job = client.submit({**TINY, "name": "noted"}).wait()
    page.goto(f"/jobs/{job.id}?tab=notes")
    page.get_by_role("button", name="Write notes").click()
    page.get_by_label("Notes", exact=True).fill(HOSTILE)
    expect(page.get_by_role("region", name="Preview").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Save").click()
    until(lambda: client.job(job.id).notes == HOSTILE.strip())
    notes = page.locator(".markdown")
    expect(notes.get_by_role("heading")).to_contain_text("Notes <img src=x")
    expect(notes.get_by_role("link")).to_have_count(1)
    expect(notes.get_by_role("link")).to_have_attribute("href", "https://example.org/paper")
    expect(notes).to_contain_text("<script>")
    assert page.locator(".markdown script, .markdown img").count() == 0
    expect(page).to_have_title(re.compile("noted"))


def test_a_failed_job_says_why_and_can_be_retried_or_deleted(page: Page, client: Client, console: Console) -> None:
    """The reason in words, the log's last lines beside it; the retry is linked to it."""
    console.expect("404")  # the page may hear of the deletion before it leaves the job
    job = client.submit({**DIVERGES, "name": "diverges"})
    page.goto(f"/jobs/{job.id}")
    failure = page.get_by_role("region", name="Why it failed")
    expect(failure).to_contain_text("Try a smaller learning rate")
    expect(failure).to_contain_text("non_finite_loss")
    expect(failure.locator("pre")).to_contain_text("Attempt 1")
    page.get_by_role("button", name="Retry").click()
    expect(page).not_to_have_url(re.compile(job.id))
    expect(page.get_by_text("Repeats")).to_contain_text(job.id[-8:])
    expect(page.locator(".status")).to_have_text("failed")

    page.get_by_role("button", name="More").last.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile(r"/$"))
    expect(page.get_by_role("row").filter(has_text="diverges")).to_have_count(1)


def test_the_log_is_found_in_and_downloaded(page: Page, client: Client, tmp_path: Path) -> None:
    """What is looked for is in the address; the file has every line."""
    job = client.submit({**TINY, "name": "logged"}).wait()
    page.goto(f"/jobs/{job.id}?tab=log")
    log = page.get_by_role("log")
    expect(log).to_contain_text("Attempt 1")
    page.get_by_label("Find in the log").fill("data set")
    expect(page).to_have_url(re.compile("find=data"))
    expect(log).not_to_contain_text("Attempt 1")
    expect(log.locator("mark").first).to_have_text("Data set")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    started.value.save_as(tmp_path / "log")
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(list(client.log(job.id)))


def test_weights_and_notebook_are_downloads(page: Page, client: Client, tmp_path: Path) -> None:
    """Plain links, under names that tell which job they are of."""
    job = client.submit({**TINY, "name": "files"}).wait()
    page.goto(f"/jobs/{job.id}?tab=files")
    expect(page.get_by_role("row").filter(has_text="best.safetensors")).to_contain_text("kB")
    with page.expect_download() as started:
        page.get_by_role("link", name="Notebook").click()
    started.value.save_as(tmp_path / "notebook")
    assert json.loads((tmp_path / "notebook").read_text(encoding="utf-8"))["nbformat"] == 4
    with page.expect_download() as started:
        page.get_by_role("link", name="Best weights").click()
    assert started.value.suggested_filename.startswith("files-")
    assert started.value.suggested_filename.endswith(".safetensors")


def test_what_it_got_most_wrong_is_shown(page: Page, client: Client) -> None:
    """Each image with its own class and the one that it was taken for."""
    few = {"epochs": 1, "batch_size": 64, "optimizer": {"kind": "sgd", "lr": 0.0001}}
    job = client.submit({**TINY, "name": "wrong", "training": few}).wait()
    wrong = client.mistakes(job.id)
    page.goto(f"/jobs/{job.id}?tab=mistakes")
    expect(page.locator(".mistakes li")).to_have_count(min(24, len(wrong)))
    first = page.locator(".mistakes li").first
    expect(first).to_contain_text(wrong[0].true)
    expect(first.get_by_role("img")).to_have_js_property("complete", value=True)
    assert first.get_by_role("img").evaluate("image => image.naturalWidth") > 0


def test_an_evaluation_is_a_job_of_its_own(page: Page, client: Client) -> None:
    """Asked for in a dialog, which leads to it; it has no curves, but a matrix, and says whose network it scored."""
    job = client.submit({**TINY, "name": "scored"}).wait()
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="More").last.click()
    page.get_by_role("menuitem", name="Evaluate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Data set").select_option("synthetic")
    dialog.get_by_role("button", name="Evaluate").click()
    expect(page).not_to_have_url(re.compile(job.id))
    expect(page.get_by_role("table", name="Confusion matrix")).to_be_visible()
    expect(page.locator(".facts").get_by_role("link", name=job.id[-8:])).to_be_visible()
    expect(page.locator(".curves")).to_have_count(0)


def test_what_is_not_there_is_said(page: Page, client: Client, console: Console) -> None:
    """An unknown job, and one that is deleted while somebody looks at it."""
    console.expect("404")
    page.goto("/jobs/00000000-0000-7000-8000-000000000000")
    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
    job = client.submit({**TINY, "name": "leaves"}).wait()
    page.goto(f"/jobs/{job.id}")
    expect(page.locator(".facts")).to_be_visible()
    client.delete(job.id)
    expect(page.get_by_text("This job was deleted")).to_be_visible()
    expect(page.locator(".facts")).to_be_visible()


def test_nothing_is_lost_while_the_api_restarts(tab: OpenTab, own_stack: Stack, console: Console) -> None:
    """The curve stays, the page says that it reconnects, and afterwards every epoch is there once."""
    console.expect("net::ERR_")
    page = tab(own_stack.ready["url"])
    with Client(own_stack.ready["url"]) as client:
        job = client.submit({**LONG, "name": "outlives"})
        page.goto(f"/jobs/{job.id}?tab=log")
        expect(page.get_by_text("● Live")).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("Attempt 1")
        seen = epoch_shown(page)
        with own_stack.without_api():
            expect(page.get_by_text("Reconnecting")).to_be_visible()
            expect(loss(page)).to_be_visible()
        expect(page.get_by_text("● Live")).to_be_visible()
        until(lambda: epoch_shown(page) > seen)
        client.cancel(job.id)
        expect(page.locator(".status")).to_have_text("cancelled")
        expect(page.get_by_role("log")).to_contain_text("ancelled")
        epochs = client.epochs(job.id)["epoch"]
        assert epochs == list(range(1, len(epochs) + 1))
        expect(page.locator(".curves .at")).to_contain_text(f"Epoch {epochs[-1]}")


def test_a_double_click_retries_once_and_a_dialog_gives_the_focus_back(page: Page, client: Client) -> None:
    """The second click of a double one submits nothing; "Keep" leaves the focus where the dialog was asked for."""
    job = client.submit(TINY)
    job.wait()
    page.goto(f"/jobs/{job.id}")
    more = page.get_by_role("button", name="More")
    more.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(more).to_be_focused()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Retry").dblclick()
    expect(page).not_to_have_url(re.compile(job.id))
    assert len(sent) == 1


def test_a_browser_whose_language_is_none_draws_the_curves(page: Page, client: Client) -> None:
    """Chromium says `en-US@posix` where a Linux machine's locale is C or POSIX, of which no number format is made."""
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'language', { get: () => 'en-US@posix' })")
    job = client.submit({**TINY, "name": "posix"}).wait()
    page.goto(f"/jobs/{job.id}")
    expect(loss(page)).to_be_visible()
    expect(page.locator(".curves canvas")).to_have_count(4)
