"""A worker that trains equal jobs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.worker.run_job.equal_jobs import Service
from worker.run_job import attempt as attempt_module
from worker.run_job.context import Context
from worker.training.trainer import train


@pytest.fixture
def service(context: Context) -> Service:
    """A CPU worker over SQLite and a folder."""
    return Service(context)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The plans that were trained, in order."""
    plans: list[Any] = []

    def counted(plan: Any, *arguments: Any, **options: Any) -> Any:
        plans.append(plan)
        return train(plan, *arguments, **options)

    monkeypatch.setattr(attempt_module, "train", counted)
    return plans
