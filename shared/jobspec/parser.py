"""Parsing of submissions: into a checked job, or into all reasons why it cannot be trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from shared.documents.messages import describe
from shared.documents.phrases import show, summary
from shared.documents.reader import MAX_PROBLEMS, decode, sift
from shared.errors import FieldError, InvalidSpec
from shared.jobspec.caps import Caps
from shared.jobspec.catalog import BUILT_IN, Catalog
from shared.jobspec.checks.costs import Cost
from shared.jobspec.checks.data import dataset_findings
from shared.jobspec.checks.network import cost_or_findings
from shared.jobspec.checks.rules import Finding, label_findings, training_findings
from shared.jobspec.expansion import Expanded, expand
from shared.jobspec.fields.job import JobSpec
from shared.jobspec.hashes import spec_and_config_hash


@dataclass(frozen=True)
class Submission:
    """A checked job that can be queued.

    Attributes:
        spec: the whole job.
        preset: name of the preset that the submission started from; a label only.
        spec_hash: hash of all that decides the result, see `shared.jobspec.hashes`.
        config_hash: the same hash without the seed.
        cost: parameters, FLOPs, bytes.
    """

    spec: JobSpec
    preset: str | None
    spec_hash: str
    config_hash: str
    cost: Cost

    @cached_property
    def document(self) -> dict[str, Any]:
        """Return the whole job as a JSON document, with every default."""
        return self.spec.model_dump(mode="json")


def parse_submission(body: bytes, caps: Caps, catalog: Catalog = BUILT_IN) -> Submission:
    """Parse and check a submission.

    Args:
        body: JSON in UTF-8.
        caps: the service's limits.
        catalog: the known data sets; live workers' image counts take precedence over published ones.

    Raises:
        InvalidSpec: the job cannot be trained; each of `errors` points into the sent document.
    """
    return _parse(decode(body), caps, catalog)


def parse_spec(document: Mapping[str, object], caps: Caps, catalog: Catalog = BUILT_IN) -> Submission:
    """Check a decoded document, with or without defaults.

    Raises:
        InvalidSpec: as `parse_submission`.
    """
    return _parse(document, caps, catalog)


def parse_batch(documents: Sequence[object], caps: Caps, catalog: Catalog = BUILT_IN) -> list[Submission]:
    """Check the decoded documents of a batch, `{"jobs": […]}`.

    Raises:
        InvalidSpec: some of the jobs cannot be trained; each of `errors` points into the batch, as `/jobs/3/training`.
    """
    submissions, problems = list[Submission](), list[FieldError]()
    for index, document in enumerate(documents):
        try:
            submissions.append(_parse(document, caps, catalog))
        except InvalidSpec as refused:
            problems += [FieldError(f"/jobs/{index}{one.pointer}", one.detail) for one in refused.errors]
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise refusal(problems)
    return submissions


def _parse(sent: object, caps: Caps, catalog: Catalog) -> Submission:
    if not isinstance(sent, Mapping):
        raise refusal([FieldError("", f"A job is a JSON object, not {show(sent)}.")])
    problems = sift(sent, caps)
    if problems:
        raise refusal(problems)
    expanded = expand(sent, catalog)
    try:
        spec = JobSpec.model_validate(expanded.document)
    except ValidationError as error:
        raise refusal([*expanded.problems, *describe(error, expanded)]) from None
    return _submission(spec, expanded, caps, catalog)


def _submission(spec: JobSpec, expanded: Expanded, caps: Caps, catalog: Catalog) -> Submission:
    findings: list[Finding] = [*label_findings(spec.name, spec.tags, caps), *training_findings(spec, caps, catalog)]
    about_data = list(dataset_findings(spec.dataset, caps, catalog))
    cost = about_data or cost_or_findings(spec, caps, catalog)
    findings += [] if isinstance(cost, Cost) else cost
    if expanded.problems or findings or not isinstance(cost, Cost):
        raise refusal([*expanded.problems, *_at_places(findings, expanded)])
    spec_hash, config_hash = spec_and_config_hash(spec)
    return Submission(spec=spec, preset=expanded.preset, spec_hash=spec_hash, config_hash=config_hash, cost=cost)


def _at_places(findings: Iterable[Finding], expanded: Expanded) -> Iterable[FieldError]:
    return (FieldError(expanded.pointer(path), detail) for path, detail in findings)


def refusal(problems: list[FieldError]) -> InvalidSpec:
    """Return the error for one or more problems, of which it lists at most `MAX_PROBLEMS`."""
    return InvalidSpec(summary(problems), tuple(problems[:MAX_PROBLEMS]))
