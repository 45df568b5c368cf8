"""Checks of an evaluation: whether a finished job's network can be scored on a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shared.documents.messages import describe_plain
from shared.documents.phrases import show, some_of
from shared.documents.pointers import pointer, walk_in
from shared.documents.reader import decode, sift
from shared.errors import FieldError
from shared.jobspec.checks.data import dataset_findings
from shared.jobspec.checks.rules import Finding, label_findings
from shared.jobspec.checks.shapes import written
from shared.jobspec.fields.evaluation import EvaluationRequest, EvaluationSpec
from shared.jobspec.fields.job import Dataset
from shared.jobspec.hashes import VERSION, asked_for, sha256_of
from shared.jobspec.parser import refusal

if TYPE_CHECKING:
    from shared.jobspec.caps import Caps
    from shared.jobspec.catalog import Catalog
    from shared.jobspec.datasets import ImageShape

_LABELS = {"name", "tags", "priority", "limits", "resources"}


def read_request(body: bytes, caps: Caps) -> EvaluationRequest:
    """Parse a request for an evaluation.

    Raises:
        InvalidSpec: the body is no such request; each of `errors` points into it.
    """
    sent = decode(body)
    problems = sift(sent, caps)
    if not problems and not isinstance(sent, dict):
        problems = [FieldError("", f'An evaluation is an object such as {{"dataset": "shapes"}}, not {show(sent)}.')]
    if problems:
        raise refusal(problems)
    try:
        return EvaluationRequest.model_validate(sent)
    except ValidationError as error:
        found = [*describe_plain(error, EvaluationRequest)]
        raise refusal([FieldError(_present(sent, problem.pointer), problem.detail) for problem in found]) from None


def checked_evaluation(
    request: EvaluationRequest, job_id: str, trained: Mapping[str, Any], caps: Caps, catalog: Catalog
) -> EvaluationSpec:
    """Check a request against the finished job, the known data sets and the limits; fill in the classes.

    Args:
        request: what was asked for.
        job_id: the finished job.
        trained: the job's stored spec.
        caps: the service's limits.
        catalog: the known data sets.

    Raises:
        InvalidSpec: the network cannot be scored on this data set.
    """
    source = Dataset.model_validate(trained["dataset"])
    asked = request.dataset
    name = asked.name if asked.name in catalog.datasets else _name_of(asked.name, catalog)
    info = catalog.datasets.get(source.name)
    shape = None if info is None else info.shape_for(source)
    images = _images(asked.model_copy(update={"name": name}).model_dump(), source, shape)
    findings = [*label_findings(request.name, request.tags, caps), *_class_findings(request, source)]
    findings += _size_findings(name, shape, catalog) or dataset_findings(images, caps, catalog)
    if findings:
        sent = request.model_dump(exclude_unset=True, exclude={"dataset": {"name"}})  # may be sent as the name alone
        raise refusal([FieldError(pointer(walk_in(sent, path)[0]), detail) for path, detail in findings])
    filled = asked.model_copy(update={"name": name, "classes": source.classes})
    return EvaluationSpec.model_construct(**{**dict(request), "dataset": filled, "job": job_id})


def evaluation_hash(spec: EvaluationSpec) -> str:
    """Return the SHA-256, in hexadecimal, of all that decides an evaluation's result."""
    return sha256_of({**asked_for(spec, _LABELS), "v": VERSION})


def _present(sent: object, where: str) -> str:
    """Return the part of a pointer that exists in the sent document: a data set may be sent as its name alone."""
    return pointer(walk_in(sent, where.split("/")[1:])[0])


def _name_of(short: str, catalog: Catalog) -> str:
    """Return the data set that a short form stands for; other text is returned as it is."""
    return str(catalog.short_forms.get(short, {"name": short})["name"])


def _images(asked: Mapping[str, Any], source: Dataset, shape: ImageShape | None) -> Dataset:
    """Return the images as a job would ask for them that prepares them as the finished job does."""
    square = shape is not None and shape[1] == shape[2]
    form = {"classes": source.classes, "channels": source.channels, "normalize": "none"}
    return Dataset.model_validate({**asked, **form, "image_size": shape[1] if shape and square else None})


def _class_findings(request: EvaluationRequest, source: Dataset) -> Iterator[Finding]:
    if request.dataset.classes not in {None, source.classes}:
        what = f"The job tells apart {some_of(source.classes)}"
        yield ["dataset", "classes"], f"{what}: classes must be these, in this order, or left out."


def _size_findings(name: str, shape: ImageShape | None, catalog: Catalog) -> list[Finding]:
    """Find images of another size than a network for images that are not square takes: they are not cut to it."""
    info = catalog.datasets.get(name)
    if info is None or shape is None or shape[1] == shape[2] or info.input_shape in {shape, (3, *shape[1:])}:
        return []
    of = "of several sizes" if info.input_shape is None else written(info.input_shape)
    return [(["dataset", "name"], f"The job's network takes images of {written(shape)}; those of {name} are {of}.")]
