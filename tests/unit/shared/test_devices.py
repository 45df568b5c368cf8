"""Which GPUs there are, as CUDA itself would count them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shared import devices


def installed(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A machine with so many GPUs."""
    listing = "".join(f"GPU {index}: NVIDIA H100 (UUID: GPU-{index})\n  MIG 1g\n" for index in range(count))
    told = subprocess.CompletedProcess(["nvidia-smi"], 0, stdout=listing)
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: told)


@pytest.mark.parametrize(
    "visible,seen",
    [
        (None, ("0", "1", "2")),
        ("", ()),
        ("-1", ()),
        ("2,0", ("2", "0")),
        ("1,-1,2", ("1",)),
        ("0,9,1", ("0",)),
        (" 1 , 2 ", ("1", "2")),
        ("GPU-abc,MIG-def", ("GPU-abc", "MIG-def")),
        ("none", ()),
    ],
    ids=repr,
)
def test_the_list_that_torch_would_see(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, seen: tuple[str, ...]
) -> None:
    """In its order; it ends at the first entry that is no GPU."""
    installed(monkeypatch, 3)

    assert devices.visible_gpus({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == seen


def test_a_machine_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the variable says."""
    installed(monkeypatch, 0)

    assert devices.visible_gpus({}) == devices.visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}) == ()


def test_no_tool_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The driver's folder has one entry for each."""

    def missing(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    monkeypatch.setattr(devices, "DRIVER_GPUS", tmp_path / "gpus")
    assert devices.visible_gpus({}) == ()

    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    assert devices.visible_gpus({}) == ("0", "1")
