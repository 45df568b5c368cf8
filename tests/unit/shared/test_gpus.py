"""Which GPUs there are, as CUDA itself would count them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shared import gpus


def says(monkeypatch: pytest.MonkeyPatch, listing: str, code: int = 0) -> None:
    """A machine whose `nvidia-smi -L` gives this."""
    told = subprocess.CompletedProcess(["nvidia-smi"], code, stdout=listing)
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: told)


def installed(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A machine with so many GPUs."""
    says(monkeypatch, "".join(f"GPU {index}: NVIDIA H100 (UUID: GPU-{index})\n" for index in range(count)))


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
        ("0,0,1", ("0", "1")),
        ("MIG-a,MIG-b,MIG-a", ("MIG-a", "MIG-b")),
    ],
    ids=repr,
)
def test_the_list_that_torch_would_see(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, seen: tuple[str, ...]
) -> None:
    """In its order; it ends at the first entry that is no GPU."""
    installed(monkeypatch, 3)

    assert gpus.visible_gpus({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == seen


def test_a_machine_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the variable says."""
    installed(monkeypatch, 0)

    assert gpus.visible_gpus({}) == gpus.visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}) == ()


def test_no_tool_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The driver's folder has one entry for each."""

    def missing(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    monkeypatch.setattr(gpus, "DRIVER_GPUS", tmp_path / "gpus")
    assert gpus.visible_gpus({}) == ()

    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    assert gpus.visible_gpus({}) == ("0", "1")


PARTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1a2b)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaa-1)
  MIG 3g.40gb     Device  1: (UUID: MIG-bbbb-2)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-3c4d)
"""


def test_every_part_of_a_divided_gpu_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, since CUDA numbers GPUs alone; a GPU that is whole has its number."""
    says(monkeypatch, PARTED)
    assert gpus.visible_gpus({}) == ("MIG-aaaa-1", "MIG-bbbb-2", "1")
    assert gpus.visible_gpus({"CUDA_VISIBLE_DEVICES": "MIG-bbbb-2,1"}) == ("MIG-bbbb-2", "1")


def test_a_gpu_that_has_failed_takes_no_other_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`nvidia-smi` ends with an error then, after listing the others; the driver's folder still shows all."""
    monkeypatch.setattr(gpus, "DRIVER_GPUS", tmp_path)
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    lost = "Unable to determine the device handle for GPU0000:01:00.0: Unknown Error\n"
    says(monkeypatch, f"{lost}GPU 0: NVIDIA H100 (UUID: GPU-3c4d)\n", code=255)
    assert gpus.visible_gpus({}) == ("0",)


def test_a_driver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its folder is counted."""
    monkeypatch.setattr(gpus, "DRIVER_GPUS", tmp_path)
    (tmp_path / "0000:01:00.0").mkdir()
    says(monkeypatch, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", code=9)
    assert gpus.visible_gpus({}) == ("0",)
