"""From what a person sent to a job that can be trained, or to every reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from shared.documents.phrases import show, summary
from shared.documents.reader import MAX_PROBLEMS, decode, sift
from shared.documents.wording import describe
from shared.errors import FieldError, InvalidSpec
from shared.jobspec.caps import Caps
from shared.jobspec.catalog import BUILT_IN, Catalog
from shared.jobspec.checks.costs import Cost
from shared.jobspec.checks.network import cost_or_findings
from shared.jobspec.checks.rules import Finding, dataset_findings, label_findings, training_findings
from shared.jobspec.expansion import Expanded, expand
from shared.jobspec.fields.job import JobSpec
from shared.jobspec.identity import config_hash, spec_hash


@dataclass(frozen=True)
class Submission:
    """A job that was checked and can be queued.

    Attributes:
        spec: the whole job.
        preset: the preset that it started from; a label.
        spec_hash: what decides its result.
        config_hash: the same without the seed.
        cost: parameters, FLOPs, bytes.
    """

    spec: JobSpec
    preset: str | None
    spec_hash: str
    config_hash: str
    cost: Cost

    @cached_property
    def document(self) -> dict[str, Any]:
        """The whole job as a JSON document, every default in."""
        return self.spec.model_dump(mode="json")


def parse_submission(body: bytes, caps: Caps, catalog: Catalog = BUILT_IN) -> Submission:
    """Reads and checks a job as it came over the wire.

    Args:
        body: UTF-8.
        caps: the service's limits.
        catalog: the data sets that there are; what live workers hold of one goes before its published counts.

    Raises:
        InvalidSpec: whatever is wrong with it; each of its `errors` points into what was sent.
    """
    return _parse(decode(body), caps, catalog)


def parse_spec(document: Mapping[str, object], caps: Caps, catalog: Catalog = BUILT_IN) -> Submission:
    """Checks a job that is a document already, with or without its defaults.

    Raises:
        InvalidSpec: as `parse_submission`.
    """
    return _parse(document, caps, catalog)


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
    findings: list[Finding] = [*label_findings(spec, caps), *training_findings(spec, caps, catalog)]
    about_data = list(dataset_findings(spec, catalog))
    cost = about_data or cost_or_findings(spec, caps, catalog)
    findings += [] if isinstance(cost, Cost) else cost
    if expanded.problems or findings or not isinstance(cost, Cost):
        raise refusal([*expanded.problems, *_at_places(findings, expanded)])
    return Submission(
        spec=spec,
        preset=expanded.preset,
        spec_hash=spec_hash(spec),
        config_hash=config_hash(spec),
        cost=cost,
    )


def _at_places(findings: Iterable[Finding], expanded: Expanded) -> Iterable[FieldError]:
    return (FieldError(expanded.pointer(path), detail) for path, detail in findings)


def refusal(problems: list[FieldError]) -> InvalidSpec:
    """The error for one or more problems, with as many of them as a person would read."""
    return InvalidSpec(summary(problems), tuple(problems[:MAX_PROBLEMS]))
