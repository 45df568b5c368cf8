"""A new job in the form: presets, a network of one's own layer by layer, JSON beside it, a clone, keyboard alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from flightline import Client
from tests.support.stacks import TINY


def opened(page: Page, query: str = "") -> None:
    """The form at its address."""
    page.goto(f"/new{query}")
    expect(page.get_by_role("heading", name="Start from")).to_be_visible()


def written(page: Page) -> Any:
    """What the JSON beside the form says."""
    return json.loads(editor(page).input_value())


def editor(page: Page) -> Locator:
    """The JSON beside the form."""
    return page.get_by_role("textbox", name="JSON")


def layer(page: Page, name: str) -> Locator:
    """The title of a layer in the list, such as "4 flatten"."""
    return page.get_by_role("button", name=name)


def verdict(page: Page, headline: str) -> Locator:
    """The panel of the check, once it says so."""
    panel = page.get_by_role("region", name=headline)
    expect(panel).to_be_visible()
    return panel


def test_a_preset_is_changed_submitted_and_watched(page: Page, client: Client) -> None:
    """Only what was changed is written beside the preset's name, and the job is there to be watched."""
    opened(page)
    page.get_by_role("button", name="notebook-linear").click()
    page.get_by_role("textbox", name="Name").fill("from the form")
    page.get_by_role("textbox", name="Epochs").fill("1")
    page.get_by_role("combobox", name="Data set").select_option("synthetic")
    page.get_by_text("More about the data").click()
    page.get_by_role("textbox", name="Training images per class").fill("64")
    assert written(page) == {
        "preset": "notebook-linear",
        "name": "from the form",
        "training": {"epochs": 1},
        "dataset": {"name": "synthetic", "train_per_class": 64},
    }

    expect(verdict(page, "Ready to train")).to_contain_text("1,574,402")
    page.get_by_role("button", name="Submit and watch").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("from the form")
    job = client.job(page.url.split("/")[-1])
    assert job.preset == "notebook-linear"
    assert (job.spec["training"]["epochs"], job.spec["dataset"]["train_per_class"]) == (1, 64)


def test_a_job_that_cannot_be_submitted_says_why_and_leads_there(page: Page) -> None:
    """The grey button is described by the reason, and a click on it leads to what is to be done."""
    opened(page)
    button = page.get_by_role("button", name="Submit and watch")
    expect(button).to_have_accessible_description("Choose what to start from")
    button.click(force=True)
    expect(page.locator("[id='field/preset']")).to_be_focused()

    editor(page).fill('{"preset": ')
    expect(button).to_have_accessible_description("Mend the JSON")
    button.click(force=True)
    expect(editor(page)).to_be_focused()

    editor(page).fill('{"preset": "convnet", "training": {"epochs": 0}}')
    expect(button).to_have_accessible_description("One thing to mend")
    button.click(force=True)
    expect(page.get_by_role("textbox", name="Epochs")).to_be_focused()
    page.get_by_role("textbox", name="Epochs").fill("1")
    expect(button).to_have_accessible_description("")
    expect(button).to_be_enabled()


def test_classes_that_no_worker_holds_are_not_offered(page: Page) -> None:
    """Those that are held can be chosen; another one that the job asks for stands there and is marked."""

    def held(route: Route) -> None:
        answer = route.fetch()
        sets = answer.json()
        mnist = next(one for one in sets["items"] if one["name"] == "mnist")
        mnist["held"] = [{"place": "/data/mnist", "classes": ["0", "1"], "counts": {"0": [5, 2], "1": [6, 2]}}]
        route.fulfill(response=answer, json=sets)

    page.route("**/v1/datasets", held)
    opened(page, "?dataset=mnist")
    classes = page.get_by_role("group", name=re.compile("^Classes"))
    editor(page).fill('{"architecture": "mlp", "dataset": {"name": "mnist", "classes": ["0", "7"]}}')
    expect(classes.get_by_role("checkbox")).to_have_count(3)
    expect(classes).to_contain_text("No worker holds its other 7 classes.")
    classes.get_by_role("checkbox", name="7 on no worker").click()
    classes.get_by_role("checkbox", name="1").check()
    assert written(page)["dataset"]["classes"] == ["0", "1"]
    expect(page.get_by_text("2 of 10 classes, 1 × 28 × 28, 11 training images")).to_be_visible()


def test_a_layer_that_does_not_fit_says_so_until_it_is_mended(page: Page) -> None:
    """The problem stands at the layer and in a list that leads there; the suggested layer is put in at a button."""
    opened(page)
    page.get_by_role("button", name="My own, layer by layer").click()
    expect(verdict(page, "Ready to train")).to_contain_text("17,346")
    expect(page.get_by_role("listitem").filter(has=layer(page, "4 flatten"))).to_contain_text("8,192")

    page.get_by_role("button", name="Remove flatten 4").click()
    panel = verdict(page, "One thing to mend")
    panel.get_by_role("button", name="architecture › layers › 4").click()
    linear = layer(page, "4 linear")
    expect(linear).to_be_focused()
    expect(linear).to_have_accessible_description(re.compile("takes features, but its input is an image"))

    page.get_by_role("button", name="Put flatten before it").click()
    verdict(page, "Ready to train")
    assert [one["kind"] for one in written(page)["architecture"]["layers"]][4:] == ["flatten", "linear"]


def test_layers_are_added_moved_doubled_and_taken_back(page: Page) -> None:
    """By the menu with its search, by a drag, by keys, by their buttons; undo takes back the last of these."""
    opened(page)
    page.get_by_role("button", name="My own, layer by layer").click()
    page.get_by_role("button", name="Add after relu 2").click()
    page.get_by_role("combobox", name="Search kinds").fill("zeros a random")
    page.keyboard.press("Enter")
    expect(layer(page, "3 dropout")).to_be_focused()
    kinds = ["conv2d", "batchnorm", "relu", "dropout", "maxpool2d", "flatten", "linear"]
    assert [one["kind"] for one in written(page)["architecture"]["layers"]] == kinds

    grips, first = page.get_by_title("Drag to move"), layer(page, "0 conv2d")
    top = first.bounding_box()
    assert top is not None
    grips.nth(3).hover()
    page.mouse.down()
    page.mouse.move(top["x"], top["y"] + 2, steps=4)
    page.mouse.up()
    expect(layer(page, "0 dropout")).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    expect(layer(page, "1 dropout")).to_be_focused()
    page.get_by_role("button", name="Duplicate dropout 1").click()
    expect(layer(page, "2 dropout")).to_be_focused()
    page.keyboard.press("Delete")
    expect(layer(page, "2 dropout")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(layer(page, "2 dropout")).to_be_visible()


def test_json_and_form_are_in_step(page: Page) -> None:
    """Typing in JSON changes the fields; a fault is placed, and the fields stay as they were."""
    opened(page)
    editor(page).fill('{"architecture": {"kind": "mlp", "hidden": [32, 16]}, "training": {"epochs": 7}}')
    expect(page.get_by_role("textbox", name="Epochs")).to_have_value("7")
    expect(page.get_by_role("textbox", name="Hidden layers")).to_have_value("32, 16")
    page.get_by_role("textbox", name="Hidden layers").fill("32, 8")
    assert written(page)["architecture"] == {"kind": "mlp", "hidden": [32, 8]}

    editor(page).fill('{\n  "training": {"epochs": 9,}\n}')
    expect(page.get_by_text("one too many")).to_contain_text("Line 2, column 28")
    expect(page.get_by_role("textbox", name="Epochs")).to_have_value("7")
    page.get_by_role("button", name="Reset Epochs").click()
    assert written(page) == {"architecture": {"kind": "mlp", "hidden": [32, 8]}}


def test_a_field_that_is_refused_is_marked_and_says_why(page: Page) -> None:
    """The service's words stand at the field, also for what is no number."""
    opened(page, "?preset=notebook-linear")
    epochs = page.get_by_role("textbox", name="Epochs")
    epochs.fill("many")
    expect(epochs).to_have_attribute("aria-invalid", "true")
    expect(epochs).to_have_accessible_description(re.compile("epochs must be a whole number"))
    expect(page.get_by_role("button", name="Submit and watch")).to_have_attribute("aria-disabled", "true")
    epochs.fill("2")
    verdict(page, "Ready to train")


def test_an_unfinished_form_survives_a_reload_and_a_visit_elsewhere(page: Page) -> None:
    """What is written comes back at its address, in this browser."""
    opened(page, "?preset=convnet")
    page.get_by_role("textbox", name="Epochs").fill("3")
    page.reload()
    expect(page.get_by_role("textbox", name="Epochs")).to_have_value("3")
    page.get_by_role("link", name="Jobs").click()
    page.go_back()
    expect(page.get_by_role("textbox", name="Epochs")).to_have_value("3")


@pytest.mark.parametrize(
    "spec",
    [
        {**TINY, "name": "plain", "tags": ["night"]},
        {"preset": "convnet", "training": {"optimizer": {"momentum": 0.5}, "weight_average": None}},
        {"dataset": {"name": "mnist", "channels": 3}, "architecture": {"kind": "mlp", "hidden": []}},
        {**TINY, "training": {"early_stopping": {}, "augment": [{"kind": "flip"}], "optimizer": {"kind": "adam"}}},
    ],
    ids=["plain", "preset", "other data", "optional parts"],
)
def test_a_clone_asks_for_the_same_training(page: Page, client: Client, spec: dict[str, Any]) -> None:
    """What the form writes of a job is short, and means the job's whole spec."""
    job = client.submit({**spec, "resources": {"device": "cuda"}})  # which waits for a worker that has one
    opened(page, f"?from={job.id}")
    verdict(page, "Ready to train")
    checked = client.check(written(page))
    assert checked.spec_hash == job.spec_hash
    assert written(page).get("preset") == spec.get("preset")
    assert written(page).keys() <= spec.keys() | {"resources"}
    client.cancel(job.id)


def test_a_job_is_cloned_with_a_tenth_of_its_rate(page: Page, client: Client) -> None:
    """From its menu; all else stays as it was."""
    job = client.submit({**TINY, "name": "too fast", "training": {"epochs": 1, "optimizer": {"lr": 0.3}}}).wait()
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Clone with a tenth of the learning rate").click()
    expect(page.get_by_role("heading", name="Start from")).to_be_visible()
    assert written(page)["training"]["optimizer"]["lr"] == 0.03
    assert written(page)["name"] == "too fast"


def test_several_seeds_make_as_many_jobs(page: Page, client: Client) -> None:
    """A batch of every combination, all or none, which are compared then."""
    opened(page)
    editor(page).fill(json.dumps({**TINY, "tags": ["several"]}))
    page.get_by_text("Several at once").click()
    page.get_by_role("button", name="Vary a field").click()
    page.get_by_role("textbox", name="Values of Seed").fill("0-2")
    page.get_by_role("button", name="Submit 3 jobs and watch").click()
    page.wait_for_url("**/compare?job=*")
    assert {job.spec["training"]["seed"] for job in client.jobs(tag="several")} == {0, 1, 2}


def test_a_job_is_made_with_the_keyboard_alone(page: Page) -> None:
    """Tab reaches everything, and the focus is where one goes on."""
    opened(page)
    page.get_by_role("button", name="Fully connected").first.focus()
    page.keyboard.press("Enter")
    verdict(page, "Ready to train")
    for _ in range(200):
        if page.evaluate("document.activeElement?.textContent") == "Submit and watch":
            break
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.id") == "field/training/epochs":
            page.keyboard.type("1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/*")
