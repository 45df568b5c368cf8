"""The table of jobs: what appears, filters, columns, views, keys, and what is done with the selected jobs."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import FloatRect, Locator, Page, expect

from flightline import Client
from tests.support.stacks import LONG, TINY


def rows_of(page: Page) -> Locator:
    """The rows in the document, those of jobs alone."""
    return page.get_by_role("grid", name="Jobs").get_by_role("row").filter(has=page.get_by_role("link"))


def row_of(page: Page, name: str) -> Locator:
    """The row of the job of a name."""
    return rows_of(page).filter(has=page.get_by_role("link", name=re.compile(f"^{name} ")))


def named(*names: str) -> list[re.Pattern[str]]:
    """What the links of jobs say: the name, and the end of the id."""
    return [re.compile(f"^{name} ") for name in names]


def box_of(place: Locator) -> FloatRect:
    """Where something stands in the window."""
    box = place.bounding_box()
    assert box is not None
    return box


def asked(page: Page, name: str) -> str:
    """What a parameter of the address says."""
    return parse_qs(urlsplit(page.url).query).get(name, [""])[0]


def submit(client: Client, name: str, tag: str, **training: Any) -> str:
    """Submit a job of a second, of a tag that only one test uses."""
    changed: dict[str, Any] = {**TINY, "name": name, "tags": [tag]}
    return client.submit(changed | {"training": dict(changed["training"], **training)}).id


def queued(client: Client, name: str, tag: str) -> str:
    """Submit a job that no worker of the shared service takes."""
    return client.submit({**TINY, "name": name, "tags": [tag], "resources": {"device": "cuda"}}).id


def test_a_job_appears_and_its_curves_are_drawn(page: Page, client: Client) -> None:
    """It comes by itself, a click shows it, and the address is one to share."""
    page.goto("/")
    job = client.submit({**TINY, "name": "seen"})
    row = row_of(page, "seen")
    expect(row).to_contain_text("succeeded")
    expect(row).to_contain_text("2 / 2")
    expect(row.locator(".sparkline path")).to_be_attached()

    row.get_by_role("link").click()
    expect(page).to_have_url(f"{page.url.split('/jobs')[0]}/jobs/{job.id}")
    expect(page.get_by_role("img", name="Loss, latest: training")).to_be_visible()
    expect(page).to_have_title("seen – Flightline")


def test_a_filter_is_typed_and_stays_in_the_address(page: Page, client: Client) -> None:
    """Rows follow what is typed; a reload shows the same; a chip takes a condition away."""
    for name, lr in (("slow", 0.001), ("fast", 0.1)):
        submit(client, name, "typed", optimizer={"kind": "sgd", "lr": lr})
    page.goto("/")
    expect(row_of(page, "fast")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("tag:typed lr > 0.01")
    expect(rows_of(page)).to_have_count(1)
    expect(row_of(page, "fast")).to_be_visible()
    assert asked(page, "filter") == "tag:typed lr > 0.01"

    page.reload()
    expect(rows_of(page)).to_have_count(1)
    expect(page.get_by_role("combobox", name="Filter jobs")).to_have_value("tag:typed lr > 0.01")
    page.get_by_role("button", name="Remove lr > 0.01").click()
    expect(rows_of(page)).to_have_count(2)
    assert asked(page, "filter") == "tag:typed"


def test_a_filter_is_helped_with(page: Page, client: Client) -> None:
    """Names and values are suggested; what is wrong is said at its place, and what fits nothing can be dropped."""
    submit(client, "helped", "suggested tag")
    page.goto("/")
    expect(row_of(page, "helped")).to_be_visible()
    table, field = page.get_by_role("grid", name="Jobs"), page.get_by_role("combobox", name="Filter jobs")
    before = box_of(table)
    field.press_sequentially("l")
    expect(page.get_by_role("option", name="lr learning rate", exact=True)).to_be_visible()
    offered = box_of(page.get_by_role("listbox", name="Suggestions"))
    assert offered["y"] + offered["height"] <= before["y"] == box_of(table)["y"], "they cover jobs, or move them"
    field.press_sequentially("ear")
    expect(page.get_by_role("option", name="lr learning rate", exact=True)).to_be_visible()
    field.fill("tag:sug")
    page.get_by_role("option", name='tag:"suggested tag"').wait_for()
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value('tag:"suggested tag" ')
    expect(rows_of(page)).to_have_count(1)

    field.fill('tag:"suggested tag" optimzer=sgd')
    expect(page.get_by_text("There is no field optimzer. Did you mean optimizer?")).to_be_visible()
    field.fill('tag:"suggested tag" seed=77')
    page.get_by_role("button", name="Without seed=77").click()
    expect(rows_of(page)).to_have_count(1)


def test_a_click_on_a_value_narrows(page: Page, client: Client) -> None:
    """A tag and a status become conditions; going back takes the last one away."""
    submit(client, "clicked", "by click")
    submit(client, "other", "not by click")
    page.goto("/")
    row = row_of(page, "clicked")
    expect(row).to_contain_text("succeeded")
    row.get_by_role("button", name="by click").click()
    expect(rows_of(page)).to_have_count(1)
    row.get_by_role("button", name="succeeded").click()
    expect(page.get_by_role("button", name="Remove succeeded")).to_be_visible()
    assert asked(page, "filter") == 'tag:"by click" succeeded'
    page.go_back()
    expect(page.get_by_role("button", name="Remove succeeded")).to_be_hidden()


def test_columns_are_chosen_and_sorted_by(page: Page, client: Client) -> None:
    """Any hyperparameter is found, shown, sorted by, made wider and moved; the browser keeps it for the next time."""
    for name, batch in (("small", 16), ("large", 48), ("middle", 32)):
        submit(client, name, "columns", batch_size=batch)
    page.goto("/?filter=tag:columns")
    expect(rows_of(page)).to_have_count(3)
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_label("Find a column").fill("batch")
    page.get_by_role("button", name=re.compile("^Training › Batch size")).click()
    page.get_by_role("button", name="Remove tags").click()
    page.keyboard.press("Escape")
    heading = page.get_by_role("columnheader", name="batch")
    expect(heading).to_be_visible()
    expect(page.get_by_role("columnheader", name="Tags")).to_be_hidden()

    heading.get_by_role("button").click()
    expect(rows_of(page).get_by_role("link")).to_have_text(named("small", "middle", "large"))
    heading.get_by_role("button").click()
    expect(rows_of(page).get_by_role("link")).to_have_text(named("large", "middle", "small"))
    expect(heading).to_have_attribute("aria-sort", "descending")
    heading.get_by_role("separator").press("ArrowRight")
    heading.get_by_role("button").press("Alt+ArrowLeft")
    expect(page).to_have_url(re.compile("sort=-spec.training.batch_size"))
    assert re.search(r"batch~\d+,age$", asked(page, "columns"))

    page.goto("/")
    expect(rows_of(page).get_by_role("link")).to_have_text(named("large", "middle", "small"))
    expect(heading).to_have_attribute("aria-sort", "descending")


def test_a_column_that_has_no_order_says_so(page: Page) -> None:
    """A click on its heading changes nothing."""
    page.goto("/?columns=status,name,train_loss,age")
    heading = page.get_by_role("button", name="Train loss")
    expect(heading).to_have_attribute("title", re.compile("no order by training loss"))
    heading.click(force=True)  # which a disabled button would not hear
    assert asked(page, "sort") == ""


def test_a_view_is_saved_by_name(page: Page, client: Client) -> None:
    """It is opened again after a reload, under another name if one likes, and removed."""
    submit(client, "viewed", "views")
    page.goto("/?filter=tag:views")
    expect(rows_of(page)).to_have_count(1)
    page.get_by_role("button", name="Views", exact=True).click()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("textbox", name="Name").fill("mine")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="View: mine")).to_be_visible()

    page.get_by_role("button", name="Remove tag:views").click()
    expect(page.get_by_role("button", name="Views", exact=True)).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Views", exact=True).click()
    page.get_by_role("link", name="mine").click()
    expect(page.get_by_role("combobox", name="Filter jobs")).to_have_value("tag:views")
    page.reload()
    page.get_by_role("button", name="View: mine").click()
    page.get_by_role("button", name="Rename mine").click()
    page.get_by_role("textbox", name="Name").fill("ours")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.reload()
    page.get_by_role("button", name="View: ours").click()
    page.get_by_role("button", name="Remove ours").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Views", exact=True)).to_be_visible()


def test_the_keyboard_does_it_all(page: Page, client: Client) -> None:
    """Move, select, compare, open, and hide what failed, without a mouse."""
    ids = [submit(client, f"key {number}", "keys") for number in range(3)]
    client.cancel(queued(client, "key cancelled", "keys"))
    page.goto("/?filter=tag:keys")
    expect(rows_of(page)).to_have_count(4)
    page.keyboard.press("h")
    expect(rows_of(page)).to_have_count(3)
    expect(page.get_by_role("button", name="Hide failed")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(page.get_by_text("2 jobs selected")).to_be_visible()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_text("3 jobs selected")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("3 jobs selected")).to_be_hidden()
    page.keyboard.press("x")
    page.keyboard.press("Shift+K")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(r"/compare\?job="))
    assert set(parse_qs(urlsplit(page.url).query)["job"]) == set(ids[:2])

    expect(page.get_by_role("grid", name="Jobs")).to_be_hidden()
    page.go_back()
    expect(rows_of(page)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{ids[1]}$"))


def test_selected_jobs_are_tagged_cancelled_and_deleted(page: Page, client: Client) -> None:
    """Each is asked for once; what became of each is said, also of those to which nothing was done."""
    endless = client.submit({**LONG, "name": "endless", "tags": ["acts"]}).id
    queued(client, "waits", "acts")
    page.goto("/?filter=tag:acts")
    expect(row_of(page, "endless")).to_contain_text("running")
    page.get_by_label("Select all rows").check()
    page.get_by_role("button", name="Tag …").click()
    page.get_by_label("Add tags, separated by commas").fill("seen twice, later")
    page.get_by_role("button", name="Change the tags").click()
    expect(page.get_by_text("2 jobs tagged.")).to_be_visible()
    expect(row_of(page, "waits")).to_contain_text("later")

    page.get_by_label("Select waits").check()
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_role("button", name="Cancel 1 job").click()
    expect(row_of(page, "waits")).to_contain_text("cancelled")
    page.get_by_label("Select all rows").check()
    page.get_by_role("button", name="Delete …").click()
    expect(page.get_by_text("can't be brought back")).to_be_visible()
    page.get_by_role("button", name="Delete 2 jobs").click()
    refused = page.get_by_role("dialog", name="Not all were deleted")
    expect(refused).to_contain_text("1 job")
    refused.get_by_role("button", name="Close").click()
    expect(rows_of(page)).to_have_count(1)

    client.cancel(endless)
    expect(row_of(page, "endless")).to_contain_text("cancelled")


def test_a_selected_job_is_cloned_into_the_form(page: Page, client: Client) -> None:
    """The link names the job."""
    job = submit(client, "original", "clones")
    page.goto("/?filter=tag:clones")
    page.get_by_label("Select original").check()
    expect(page.get_by_role("link", name="Clone")).to_have_attribute("href", f"/new?from={job}")


def test_what_is_shown_is_saved_as_csv(page: Page, client: Client) -> None:
    """Every job of the filter, with the columns that are shown."""
    for name in ("first", "second"):
        submit(client, name, "as csv", optimizer={"kind": "sgd", "lr": 0.02})
    page.goto("/?filter=tag:%22as+csv%22")
    expect(rows_of(page)).to_have_count(2)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV", exact=True).click()
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert "spec.training.optimizer.lr" in lines[0].split(",")
    assert "second" in lines[1]


def test_a_phone_shows_cards(phone: Page, client: Client) -> None:
    """Name, state, progress and accuracy of each job fit, and nothing has to be scrolled sideways."""
    client.job(submit(client, "pocket", "phones")).wait()
    phone.goto("/?filter=tag:phones")
    card = rows_of(phone)
    expect(card).to_contain_text("pocket")
    expect(card).to_contain_text("succeeded")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
