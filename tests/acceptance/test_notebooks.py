"""From a worker's records over HTTP to a notebook that repeats the job in a Python of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from api.services import Services
from tests.support.notebooks import Kernel
from tests.support.service import Service

FIGURES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """An isolated process that runs a notebook."""
    with Kernel() as kernel:
        yield kernel


def read(service: Service, path: str) -> Any:
    """The JSON of an endpoint's answer."""
    services = Services.build(service.settings)
    try:
        response = create_app(services=services).test_client().get(path)
        assert response.status_code == 200, response.text
        return response.json
    finally:
        services.broker.close()
        services.db.dispose()


def assert_repeats(service: Service, kernel: Kernel, job_id: str) -> None:
    """The notebook finds the worker's images, and gets every figure of the job's epochs."""
    ran = kernel.run(read(service, f"/v1/jobs/{job_id}/notebook"))
    epochs = read(service, f"/v1/jobs/{job_id}/epochs")
    assert ran.history == {name: epochs[name] for name in FIGURES}
    assert "These are the job's images." in ran.printed
    assert ran.printed.count(" 0.0e+00") == len(FIGURES)


def test_a_notebook_repeats_a_workers_job_even_after_it_was_resumed(service: Service, kernel: Kernel) -> None:
    """A worker that is stopped within an epoch, and another that resumes there, leave the losses of one run."""
    first, second = service.worker(), service.worker()
    first.gates.shut("hold", 25)
    first.start()
    job_id = service.submit()
    first.gates.wait("hold")
    service.wait_for_checkpoint(job_id)
    service.ask_to_stop(first)
    first.gates.open("hold")
    first.wait()
    second.start()
    service.wait(job_id, "succeeded")
    assert service.outcomes(job_id) == ["released", "succeeded"]
    assert_repeats(service, kernel, job_id)
