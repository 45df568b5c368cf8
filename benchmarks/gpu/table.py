"""The records as a table for docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HEAD = (
    "| network | precision | engine | 100 epochs, s | of the notebook's loop | an epoch, ms | set-up, s | peak, MiB |\n"
    "|---|---|---|---|---|---|---|---|"
)
TARGET_SECONDS, TARGET_RATIO = 1.0, 50.0

Record = dict[str, Any]


def read(path: Path) -> list[Record]:
    """The records of a file with one on each line; none where there is no file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def markdown(records: Iterable[Record]) -> str:
    """The records as a Markdown table, below a line that describes the machine."""
    found = [record for record in records if "hundred_epochs_s" in record]
    if not found:
        return "Nothing was measured."
    about = f"{found[0]['device']}, torch {found[0]['torch']}, {found[0]['images']:,} drawn training images"
    return "\n".join([f"On {about}; ≈ is estimated from fewer epochs.", "", HEAD, *_rows(found)])


def _rows(records: list[Record]) -> Iterator[str]:
    slow = {record["network"]: record for record in records if record["engine"] == "notebook"}
    for record in records:
        base = slow.get(record["network"])
        ratio = f"{base['hundred_epochs_s'] / record['hundred_epochs_s']:.1f} ×" if base and base is not record else ""
        about = "≈ " if record["estimated"] else ""
        setup = f"{record['setup_s']:.2f}" if "setup_s" in record else ""
        peak = f"{record['peak_mib']:.0f}" if record.get("peak_mib") else ""
        unrecorded = " (not recorded)" if record.get("not_recorded") else ""
        names = f"{record['network']} | {record['precision']} | {record['engine']}{unrecorded}"
        seconds = f"{about}{record['hundred_epochs_s']:.2f}"
        yield f"| {names} | {seconds} | {ratio} | {1e3 * record['epoch_s']:.2f} | {setup} | {peak} |"


def verdicts(records: Iterable[Record]) -> list[str]:
    """Whether the targets are met: the tapered network's 100 epochs by CUDA graphs."""
    found = [record for record in records if record["network"] == "tapered" and "hundred_epochs_s" in record]
    base = next((record for record in found if record["engine"] == "notebook"), None)
    lines = []
    for record in found:
        if record["engine"] == "graphs" and base:
            seconds = record["hundred_epochs_s"]
            ratio = base["hundred_epochs_s"] / seconds
            fast, many = seconds <= TARGET_SECONDS, ratio >= TARGET_RATIO
            lines.append(
                f"tapered {record['precision']}: {seconds:.2f} s (target ≤ {TARGET_SECONDS:g}: {_met(fast)}), "
                f"{ratio:.1f} × the notebook's loop (target ≥ {TARGET_RATIO:g}: {_met(many)})"
            )
    return lines


def _met(holds: bool) -> str:
    return "met" if holds else "MISSED"
