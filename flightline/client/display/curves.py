"""Loss and accuracy curves: as inline SVG for notebooks, and by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flightline.client.display.optional import optional

if TYPE_CHECKING:
    from flightline.client.records import Epochs

WIDTH, HEIGHT, MARGIN = 320, 120, 8
TRAIN_COLOUR, VAL_COLOUR = "#8a94a6", "#2563eb"
Curve = Sequence[float | None]


def curves(epochs: Epochs) -> str:
    """The losses and the accuracies over the epochs as two pictures in HTML; empty before the first epoch has ended."""
    if not len(epochs):
        return ""
    losses = _picture("loss", {"train": epochs.train_loss, "validation": epochs.val_loss})
    return losses + _picture("accuracy", {"train": epochs.train_accuracy, "validation": epochs.val_accuracy})


def figure(epochs: Epochs, title: str) -> Any:
    """The losses and the accuracies over the epochs as a `matplotlib.figure.Figure`, which notebooks show.

    Raises:
        UsageError: matplotlib is not installed.
    """
    picture = _empty_figure()
    for axes, what in zip(picture.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for split, colour in (("train", TRAIN_COLOUR), ("val", VAL_COLOUR)):
            axes.plot(epochs.epoch, epochs[f"{split}_{what}"], color=colour, label=split)
        axes.set(xlabel="epoch", ylabel=what)
        axes.legend()
    picture.suptitle(title)
    return picture


def overlay(column: str, epochs: Sequence[int], lines: Mapping[str, Curve]) -> Any:
    """A figure of several jobs' epochs as a `matplotlib.figure.Figure`: one line per job, by its title.

    Raises:
        UsageError: matplotlib is not installed.
    """
    picture = _empty_figure()
    axes = picture.subplots()
    for title, line in lines.items():
        axes.plot(epochs, [float("nan") if value is None else value for value in line], label=title)
    axes.set(xlabel="epoch", ylabel=column)
    axes.legend()
    return picture


def _empty_figure() -> Any:
    kind = optional("matplotlib.figure", "plot()").Figure
    # A figure of pyplot's would be drawn at the end of a notebook's cell too, and stay in memory until it is closed.
    return type("Figure", (kind,), {"_repr_png_": _as_png})(figsize=(9, 3), layout="constrained")


def _as_png(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.savefig(file, format="png")
    return file.getvalue()


def _picture(what: str, lines: Mapping[str, Curve]) -> str:
    known = [value for line in lines.values() for value in line if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    colours = dict(zip(lines, (TRAIN_COLOUR, VAL_COLOUR), strict=True))
    drawn = "".join(_polyline(line, low, (high - low) or 1.0, colours[name]) for name, line in lines.items())
    legend = " ".join(f'<tspan fill="{colours[name]}">{name} {_last(line):.4f}</tspan>' for name, line in lines.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT + 20}" role="img" '
        f'aria-label="{what} over the epochs" style="margin-right:1em">{drawn}'
        f'<text x="{MARGIN}" y="{HEIGHT + 14}" font-size="12" fill="currentColor">{what}: {legend}</text></svg>'
    )


def _polyline(line: Curve, low: float, span: float, colour: str) -> str:
    step = (WIDTH - 2 * MARGIN) / max(1, len(line) - 1)
    heights = {index: (value - low) / span for index, value in enumerate(line) if value is not None}
    points = [
        (MARGIN + index * step, HEIGHT - MARGIN - height * (HEIGHT - 2 * MARGIN)) for index, height in heights.items()
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points[-1:])
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'


def _last(line: Curve) -> float:
    return next((value for value in reversed(line) if value is not None), float("nan"))
