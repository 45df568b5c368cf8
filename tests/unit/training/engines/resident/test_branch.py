"""Work beside the main stream: joined where there is some, done at once on a CPU."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch

from worker.training.engines.resident import branch
from worker.training.engines.resident.branch import Branch


class Stream:
    """Takes note of what it waits for."""

    def __init__(self, waits: list[str], name: str) -> None:
        self._waits, self._name = waits, name

    def wait_stream(self, other: Stream) -> None:
        """See torch."""
        self._waits.append(f"{self._name} for {other._name}")


def test_a_branch_is_joined_only_after_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a stream that takes no part in a recording would end the recording."""
    waits: list[str] = []
    main: Any = Stream(waits, "main")
    monkeypatch.setattr(branch, "stream_beside", lambda device, name: Stream(waits, name))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: main)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    beside = Branch(torch.device("cuda:0"), "weights")
    beside.join()
    assert waits == []
    for _ in range(2):
        with beside.beside(torch.zeros(1)):
            pass
    beside.join()
    beside.join()
    assert waits == ["weights for main", "weights for main", "main for weights"]


def test_on_a_cpu_it_is_done_at_once() -> None:
    """There is nothing to wait for."""
    beside, done = Branch(torch.device("cpu"), "weights"), []
    with beside.beside(torch.zeros(1)):
        done.append(True)
    beside.join()
    assert done == [True]
