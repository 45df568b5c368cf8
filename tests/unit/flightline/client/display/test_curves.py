"""Curves as SVG and as figures of matplotlib."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

from flightline import Client
from flightline.client.display.curves import curves
from flightline.client.records import Epochs
from tests.support.http_service import FakeService

NAMESPACE = "{http://www.w3.org/2000/svg}"


def epochs(**columns: list[float | None]) -> Epochs:
    """Epochs with these losses and accuracies."""
    number = len(next(iter(columns.values())))
    flat: dict[str, list[float | None]] = {
        name: [0.5] * number for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
    }
    return Epochs({"epoch": list(range(1, number + 1)), **flat, **columns})


def pictures(some: Epochs) -> list[ET.Element]:
    """The pictures of these epochs, which must be well-formed."""
    return list(ET.fromstring(f"<div>{curves(some)}</div>"))


def test_two_pictures_with_two_lines() -> None:
    """Within their frames, the lowest value lowest, the last values in words."""
    loss, accuracy = pictures(epochs(train_loss=[2.0, 1.0, 0.5], val_loss=[3.0, 1.5, 1.0]))
    assert accuracy.get("aria-label") == "accuracy over the epochs"
    lines = [line.get("points", "") for line in loss.iter(f"{NAMESPACE}polyline")]
    points = [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]
    assert [len(line) for line in points] == [3, 3]
    assert all(0 <= x <= 320 and 0 <= y <= 120 for line in points for x, y in line)
    assert points[1][0][1] < points[0][0][1] < points[0][2][1]  # 3.0 is above 2.0, which is above 0.5
    assert "".join(loss.itertext()) == "loss: train 0.5000 validation 1.0000"


def test_values_that_are_none() -> None:
    """A loss that is no number is left out; a curve of none of them is no picture."""
    loss, _ = pictures(epochs(train_loss=[1.0, None, 0.5], val_loss=[None, None, None]))
    assert [len((line.get("points") or "").split()) for line in loss.iter(f"{NAMESPACE}polyline")] == [2, 0]
    nothing: list[float | None] = [None]
    assert len(pictures(epochs(train_loss=nothing, val_loss=nothing))) == 1


def test_no_and_one_epoch() -> None:
    """Nothing, and a dot."""
    assert pictures(epochs(val_loss=[])) == []
    (loss, _) = pictures(epochs(val_loss=[0.5]))
    assert len(list(loss.iter(f"{NAMESPACE}circle"))) == 2


def test_a_figure_of_matplotlib(client: Client, service: FakeService) -> None:
    """It has the losses and the accuracies under the job's name, and can be drawn without a screen."""
    picture = client.job(service.add(epochs=3, name="first")["id"]).wait().plot()
    assert [axes.get_ylabel() for axes in picture.axes] == ["loss", "accuracy"]
    assert [list(line.get_ydata()) for line in picture.axes[0].lines] == [[1, 1 / 2, 1 / 3]] * 2
    assert picture.get_suptitle() == "first"
    file = io.BytesIO()
    picture.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert picture._repr_png_().startswith(b"\x89PNG")
