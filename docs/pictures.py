"""Takes the pictures of the page in docs/pictures/, light and dark, and the animation of a run (`make pictures`).

It starts a service of its own and trains on it whatever is to be seen: on airplanes and birds of CIFAR-10 where
FLIGHTLINE_DATA_DIR has them, else on the drawn ones.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from flightline import Client, Job
from tests.support.browsers import launch
from tests.support.stacks import Stack, until

TARGET = Path(__file__).parent / "pictures"
WIDE = {"width": 1280, "height": 800}
SMALL = {"width": 960, "height": 640}
LARGEST, LARGEST_ANIMATION = 150_000, 600_000
RATES, SEEDS = (0.003, 0.01, 0.03, 0.1, 0.3), (0, 1)
FRAME_MS, LAST_FRAME_MS = 120, 3000
MLP: dict[str, Any] = {"kind": "mlp", "hidden": [64, 32]}
CONVNET: dict[str, Any] = {
    "kind": "layers",
    "layers": [
        {"kind": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1},
        {"kind": "relu"},
        {"kind": "maxpool2d", "kernel_size": 4},
        {"kind": "flatten"},
        {"kind": "linear"},
    ],
}


def main() -> None:
    """Train, look, and write what was seen."""
    with (
        tempfile.TemporaryDirectory(prefix="fl-pictures-") as folder,
        closing(Stack(Path(folder) / "home", "cpu=1,predict=1")) as stack,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        client, url = stack.client, stack.ready["url"]
        held = any(one.name == "cifar2" and one.usable for one in client.datasets())
        dataset = "cifar2" if held else "synthetic"
        client.submit(_job("too fast", dataset, CONVNET, 6, 1000), tags=["first steps"])
        finished = client.submit(_job("small convnet", dataset, CONVNET, 20, 0.03), tags=["first steps"])
        sweep = [
            client.submit(_job(f"tapered {rate:g}", dataset, MLP, 8, rate, seed), tags=["rates"])
            for rate in RATES
            for seed in SEEDS
        ]
        _animate(browser, url, client, finished)
        for job in sweep:
            job.wait()
        running = client.submit(_job("wider convnet", dataset, CONVNET, 2000, 0.01), tags=["night"], priority=5)
        client.submit(_job("after it", dataset, MLP, 50, 0.1), tags=["night"])
        until(lambda: client.job(running.id).progress.epoch >= 3)
        compared = "&".join(f"job={job.id}" for job in sweep)
        views = {
            "jobs": "/",
            "job": f"/jobs/{finished.id}",
            "compare": f"/compare?{compared}",
            "new": f"/new?from={finished.id}",
            "datasets": f"/datasets/{dataset}",
            "workers": "/workers",
        }
        for scheme in ("light", "dark"):
            for name, path in views.items():
                with _tab(browser, url, WIDE, scheme) as page:
                    page.goto(path)
                    _settle(page)
                    _write(TARGET / f"{name}-{scheme}.png", page.screenshot())
        browser.close()


def _job(
    name: str, dataset: str, architecture: dict[str, Any], epochs: int, lr: float, seed: int = 0
) -> dict[str, Any]:
    training = {"epochs": epochs, "seed": seed, "optimizer": {"kind": "sgd", "lr": lr, "momentum": 0.9}}
    return {"name": name, "dataset": dataset, "architecture": architecture, "training": training}


@contextmanager
def _tab(browser: Browser, url: str, size: Any, scheme: Any) -> Iterator[Page]:
    context = browser.new_context(base_url=url, locale="en-US", viewport=size, color_scheme=scheme)
    page = context.new_page()
    yield page
    context.close()


def _settle(page: Page) -> None:
    """Wait until nothing is asked for any more, and all that came has been drawn."""
    expect(page.get_by_role("heading", level=1)).to_be_attached()
    page.wait_for_timeout(3000)


def _animate(browser: Browser, url: str, client: Client, job: Job) -> None:
    """The course of one job, a frame an epoch from its first one to its end."""
    frames: list[Image.Image] = []
    with _tab(browser, url, SMALL, "light") as page:
        page.goto(f"/jobs/{job.id}")
        until(lambda: client.job(job.id).progress.epoch >= 1)
        seen = 0
        while seen < job.progress.epochs:
            until(lambda: client.job(job.id).progress.epoch > seen)  # noqa: B023 -- called before it changes
            seen = client.job(job.id).progress.epoch
            page.wait_for_timeout(100)
            frames.append(_image(page.screenshot()))
        job.wait()
        _settle(page)
        frames.append(_image(page.screenshot()))
    _write_animation(TARGET / "run.webp", frames)


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _write(path: Path, png: bytes) -> None:
    """Write a picture with as many colours as a screen of text and lines needs."""
    for colours in (256, 128, 64):
        buffer = io.BytesIO()
        _image(png).quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    _keep(path, buffer.getvalue(), LARGEST)


def _write_animation(path: Path, frames: Sequence[Image.Image]) -> None:
    buffer = io.BytesIO()
    times = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    first, *rest = frames
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=times,
        loop=0,
        quality=70,
        method=6,
        minimize_size=True,
    )
    _keep(path, buffer.getvalue(), LARGEST_ANIMATION)


def _keep(path: Path, contents: bytes, most: int) -> None:
    if len(contents) > most:
        sys.exit(f"{path.name} has {len(contents):,} bytes; at most {most:,}")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(contents)
    print(f"{path.name}: {len(contents) / 1000:.0f} kB")  # noqa: T201 -- what the script says


if __name__ == "__main__":
    main()
