"""Data: which sets there are, and one of them to look at."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, OpenTab
from tests.support.stacks import Stack


def loaded(page: Page) -> None:
    """Wait until the first image is drawn."""
    expect(page.locator(".sheet img").first).to_have_js_property("naturalWidth", 32)


def test_sets_are_listed_with_who_holds_them(page: Page) -> None:
    """Those on workers first, then what else a job may name, and how one's own images come here."""
    page.goto("/datasets")
    drawn = page.get_by_role("article").filter(has_text="synthetic")
    expect(drawn).to_contain_text("ready on 1 worker")
    expect(drawn).to_contain_text("10,000")
    expect(page.get_by_role("row").filter(has_text="mnist").first).to_contain_text("28 × 28, grey")
    expect(page.get_by_text("flightline dataset add")).to_be_visible()
    drawn.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/datasets/synthetic$"))


def test_images_are_paged_through_and_the_address_says_which(page: Page) -> None:
    """Both splits, raw and normalised, forwards and back; a reload shows the same."""
    page.goto("/datasets/synthetic")
    loaded(page)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("img", name="train 24", exact=True)).to_be_visible()
    page.get_by_role("button", name="Validation", exact=True).click()
    page.get_by_role("button", name="Normalised").click()
    picture = page.get_by_role("img", name="val 0", exact=True)
    expect(picture).to_have_attribute("src", "/v1/datasets/synthetic/images/val/0?normalized=true")
    expect(page).to_have_url(re.compile(r"\?split=val&show=normalised$"))
    page.reload()
    loaded(page)
    expect(page.get_by_text("1 to 24 of 2,000")).to_be_visible()
    expect(page.get_by_role("button", name="Back")).to_be_disabled()


def test_classes_moments_and_copies_are_drawn(page: Page) -> None:
    """How many images each class has, the mean of each channel, and where the copies are."""
    page.goto("/datasets/synthetic")
    row = page.get_by_role("row").filter(has_text="airplane").first
    expect(row).to_contain_text("5,000")
    expect(page.get_by_role("figure").filter(has_text="The whole set")).to_contain_text("0.4914 ± 0.2470")
    expect(page.get_by_role("region", name="Images of each class")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="drawn by the worker")).to_contain_text("ready")


def test_training_on_a_set_begins_with_the_form(page: Page) -> None:
    """The link names the set."""
    page.goto("/datasets/synthetic")
    expect(page.get_by_role("link", name="Train on this")).to_have_attribute("href", "/new?dataset=synthetic")


def test_without_a_predictor_the_page_says_what_to_start(tab: OpenTab, own_stack: Stack) -> None:
    """Images are read by a predictor; the rest of the view needs none."""
    page = tab(own_stack.ready["url"])
    page.goto("/datasets/synthetic")
    expect(page.get_by_text("flightline predictor")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="airplane").first).to_contain_text("5,000")


def test_an_image_that_cannot_be_read_says_why(page: Page, console: Console) -> None:
    """The service's own words, once for all images of the page."""
    console.expect("503")
    said = {"code": "no_predictor", "title": "Service Unavailable", "detail": "No predictor took the question."}
    page.route(re.compile("/images/"), lambda route: route.fulfill(status=503, json=said))
    page.goto("/datasets/synthetic")
    expect(page.get_by_role("alert")).to_have_text("No predictor took the question.")


def test_a_set_that_is_not_there_is_said(page: Page, console: Console) -> None:
    """With how a set comes to be, and a way back."""
    console.expect("404")
    page.goto("/datasets/nowhere")
    expect(page.get_by_role("heading", name="There is no data set nowhere")).to_be_visible()
    page.get_by_role("link", name="All data sets").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
