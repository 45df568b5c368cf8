"""A finished job's network, tried on images of one's own."""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from flightline import Client
from tests.support.stacks import TINY


def picture(colour: tuple[int, int, int]) -> bytes:
    """A PNG, wider than it is high."""
    content = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(content, "PNG")
    return content.getvalue()


def test_images_that_are_dropped_show_the_probability_of_each_class(page: Page, client: Client) -> None:
    """As it is and as the network sees it, the classes by probability, the same as the API says."""
    job = client.wait(client.submit({**TINY, "name": "tried"}).id)
    page.goto(f"/jobs/{job.id}?tab=try")
    panel = page.get_by_role("region", name="Try it")
    sky = picture((120, 170, 240))
    transfer = page.evaluate_handle(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "sky.png", { type: "image/png" }));
            return data;
        }""",
        list(sky),
    )
    panel.dispatch_event("drop", {"dataTransfer": transfer})

    image = panel.get_by_role("listitem").filter(has_text="sky.png")
    expect(image.get_by_role("img")).to_have_count(2)
    expect(image.get_by_role("img", name="as the network sees it")).to_have_js_property("width", 32)
    told = client.predict(job.id, sky)
    rows = image.get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text(told.class_)
    expect(rows.first).to_contain_text(f"{100 * told.probabilities[told.class_]:.1f} %")

    panel.get_by_label("Images", exact=True).set_input_files(
        FilePayload(name="grass.png", mimeType="image/png", buffer=picture((40, 120, 40)))
    )
    expect(panel.get_by_role("listitem")).to_have_count(2)
    panel.get_by_role("combobox", name="Weights of the").select_option("last")
    expect(panel.get_by_role("status")).to_contain_text("grass.png")


def test_a_job_without_a_network_has_nothing_to_try(page: Page, client: Client) -> None:
    """The panel is there for jobs that have succeeded alone."""
    job = client.submit({**TINY, "resources": {"device": "cuda"}, "name": "waits"})
    page.goto(f"/jobs/{job.id}?tab=try")
    expect(page.get_by_role("heading", level=1)).to_contain_text("waits")
    expect(page.get_by_role("link", name="Try it")).to_have_count(0)
    expect(page.get_by_role("region", name="Try it")).to_have_count(0)
    client.cancel(job.id)
