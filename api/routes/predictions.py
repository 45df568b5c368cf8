"""The endpoints of a finished job's network: predictions, its file, its mistakes, and the images of data sets.

Whatever needs torch or the images is asked of a predictor, see `shared.delivery.predictors`.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from flask import Response

from api.http.downloads import FILE, RangeNotSatisfiable, download, named_after
from api.http.operations import Raw, Reply, Routes
from api.http.requests.images import IMAGES, SentImage
from api.http.requests.parameters import ImageQuery, MistakesQuery, ModelQuery, WeightsQuery
from api.services import Services
from shared import wire
from shared.delivery.questions import Classify, Export, ReadImage
from shared.errors import (
    DatabaseUnavailable,
    DatasetNotFound,
    JobNotFound,
    NoPredictor,
    NotExportable,
    NotFound,
    PredictorUnavailable,
    QueueUnavailable,
    StorageError,
    StorageUnavailable,
    TooManyPredictions,
)
from shared.fleet import datasets, predictions
from shared.fleet.predictions import FinishedJob
from shared.jobs.actor import Actor, Scope

routes = Routes("predictions", raises=(DatabaseUnavailable,))
_OF_PREDICTORS = (NoPredictor, PredictorUnavailable, TooManyPredictions, QueueUnavailable, StorageUnavailable)
_PNG = Raw("image/png")


@routes.route(
    "POST",
    "/v1/jobs/<job_id>/predict",
    query=WeightsQuery,
    body=IMAGES,
    answers={200: wire.Predictions},
    raises=(JobNotFound, NotFound, *_OF_PREDICTORS),
    scope=Scope.READ,
)
def predict(services: Services, actor: Actor, query: WeightsQuery, body: list[SentImage], job_id: str) -> Reply:
    """Classify images with a finished job's network.

    Send one image as the body (`image/png`, `image/jpeg`, …), or up to 64 as the files of a form. Each is prepared as
    the job's data set is: turned upright, its shorter side resized, its centre cut out, normalised.
    """
    predictions.weights_of(services.db, job_id, query.weights, actor=actor)
    question = Classify(job_id, query.weights, tuple(image.name for image in body))
    answer = services.predictors.ask(question, [image.content for image in body]).values
    items = [_prediction(answer["classes"], probabilities) for probabilities in answer["probabilities"]]
    return Reply(wire.Predictions(items=items, weights=query.weights))


def _prediction(classes: list[str], probabilities: list[float]) -> wire.Prediction:
    likeliest = max(range(len(classes)), key=probabilities.__getitem__)
    return wire.Prediction(class_=classes[likeliest], probabilities=dict(zip(classes, probabilities, strict=True)))


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/model",
    query=ModelQuery,
    answers={200: FILE, 206: FILE, 304: None},
    raises=(JobNotFound, NotFound, NotExportable, RangeNotSatisfiable, StorageError, *_OF_PREDICTORS),
)
def download_model(services: Services, actor: Actor, query: ModelQuery, job_id: str) -> Response:
    """Download a finished job's network, under a name that tells what it is.

    `onnx` takes images of uint8 (N, C, H, W), any number at once, and normalises them itself; its outputs are `logits`
    and `probabilities`. A predictor writes the file at the first request, which takes seconds, and checks that its
    scores are those of the job.
    """
    job = predictions.weights_of(services.db, job_id, query.weights, actor=actor)
    name = f"{query.weights}.{query.format}"
    if name not in job.artifacts:
        services.predictors.ask(Export(job_id, query.weights))
        job = predictions.weights_of(services.db, job_id, query.weights, actor=actor)
    if name not in job.artifacts:  # deleted meanwhile
        raise JobNotFound(job_id)
    return download(services.storage, job.artifacts[name], _file_name(job, job_id, query))


def _file_name(job: FinishedJob, job_id: str, query: ModelQuery) -> str:
    last = "-last" if query.weights == "last" else ""
    called, kind = job.name or job.preset or job.architecture_kind, job.architecture_kind
    return named_after(called, kind, job_id, f"{last}.{query.format}")


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/mistakes",
    query=MistakesQuery,
    answers={200: wire.Page[wire.Mistake]},
    raises=(JobNotFound, NotFound),
)
def list_mistakes(services: Services, actor: Actor, query: MistakesQuery, job_id: str) -> Reply:
    """List the validation images that a finished job's network got most wrong, the worst first."""
    items = predictions.mistakes(services.db, job_id, query.weights, query.limit, actor=actor)
    return Reply(wire.Page(items=items, next_cursor=None))


@routes.route(
    "GET",
    "/v1/datasets/<dataset>/images/<split>/<index>",
    query=ImageQuery,
    answers={200: _PNG},
    raises=(NotFound, DatasetNotFound, *_OF_PREDICTORS),
)
def read_image(
    services: Services,
    actor: Actor,  # noqa: ARG001 -- every endpoint is given who asks
    query: ImageQuery,
    dataset: str,
    split: str,
    index: str,
) -> Response:
    """Read one image of a data set as PNG, from the copy that a predictor's machine holds."""
    info = datasets.dataset(services.db, [], dataset)
    if split not in ("train", "val") or not re.fullmatch("[0-9]{1,9}", index, re.ASCII):
        raise NotFound("An image is named by its split, train or val, and its place in it: …/images/val/17.")
    side = cast("Literal['train', 'val']", split)
    answer = services.predictors.ask(ReadImage(dataset, side, int(index), _moments(info) if query.normalized else None))
    return Response(answer.content, mimetype=_PNG.media_type)


def _moments(info: wire.DatasetInfo) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the deviation of each channel; raises NotFound while they are not known."""
    if info.mean is None or info.std is None:
        raise NotFound(
            f"The mean and deviation of {info.name} are not known until a job has trained on all its classes."
        )
    return tuple(info.mean), tuple(info.std)
