"""`python -m worker.predictor.onnx_export JOB WEIGHTS`: writes a network as ONNX, checks the file and stores it.

Prints a line of JSON: the code and detail of the error where there is no file, otherwise an empty object.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from functools import partial
from typing import Any

from torch import Tensor

from shared import logs
from shared.database.engine import Database
from shared.errors import FlightlineError, JobNotFound, NotExportable
from shared.fleet import predictions
from shared.jobs.actor import EVERYBODY
from shared.settings import Settings
from shared.storage.orphans import names_files
from shared.storage.store import Storage
from worker.predictor import onnx_file
from worker.predictor.networks import Network, Networks
from worker.predictor.onnx_file import Reference
from worker.run_job.records.artifacts import LOGITS
from worker.run_job.records.tensors import read_safetensors
from worker.training.data import Datasets
from worker.training.errors import TrainingError

logger = logging.getLogger(__name__)

CHECKED_IMAGES = 256
"""The number of validation images that a file's scores are compared on."""


def main(job_id: str, weights: str) -> dict[str, str]:
    """Export a network, check the file and store it as the job's artifact; return why there is none, or {}."""
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    try:
        _export(settings, job_id, weights)
    except FlightlineError as error:
        return {"code": error.code, "detail": error.detail}
    except TrainingError as error:
        return {"code": NotExportable.code, "detail": error.detail}
    return {}


def _export(settings: Settings, job_id: str, weights: str) -> None:
    db = Database(settings.sqlalchemy_url)
    storage = Storage(settings.storage_url, in_use=partial(names_files, db))
    job = predictions.weights_of(db, job_id, weights, actor=EVERYBODY)
    name = f"{weights}.onnx"
    if name in job.artifacts:  # another request was quicker
        return
    data = Datasets(settings.datasets_dir, settings.cache_dir)
    network = Networks(data, db, storage).get(job_id, weights)
    scores = storage.read(job.artifacts[LOGITS].path) if LOGITS in job.artifacts else None
    reference = _reference(data, network, None if scores is None else _scores(scores, weights))
    content = onnx_file.write(network, _about(job_id, weights, network))
    content = onnx_file.checked(content, network, reference)
    stored = storage.put(f"{job_id}/exports/{hashlib.sha256(content).hexdigest()[:16]}.onnx", content)
    named = predictions.add_artifact(db, job_id, name, stored)
    if named is None or named.path != stored.path:
        storage.delete([stored.path])
    if named is None:
        raise JobNotFound(job_id)


def _scores(content: bytes, weights: str) -> Tensor:
    tensors, _ = read_safetensors(bytearray(content))
    return tensors[weights]


def _reference(datasets: Datasets, network: Network, scores: Tensor | None) -> Reference | None:
    """Validation images with the scores that the job stored for them; None where this machine lacks those images."""
    try:
        data = datasets.load(network.plan.dataset)
    except TrainingError as error:
        logger.warning("export_without_data", extra={"reason": error.detail})
        return None
    recorded = network.about.get("data_fingerprint", data.fingerprint)
    if scores is None or recorded != data.fingerprint or len(scores) != len(data.val):
        logger.warning("export_with_other_data", extra={"recorded": recorded, "here": data.fingerprint})
        return None
    step = max(1, len(scores) // CHECKED_IMAGES)
    return Reference(data.val.images[::step], scores[::step])


def _about(job_id: str, weights: str, network: Network) -> dict[str, Any]:
    """The metadata of the file: those of the weights that hold for it as well."""
    kept = ("classes", "mean", "std", "input_shape", "epoch", "val_accuracy", "spec_hash", "flightline_version")
    return {
        "job_id": job_id,
        "weights": weights,
        "classes": json.dumps(network.classes),
        **{name: network.about[name] for name in kept if name in network.about},
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))  # noqa: T201 -- what the predictor reads
