"""Hashes that identify what a job asks for: equal exactly when jobs ask for the same training.

Requests with an `Idempotency-Key` are compared by the same rule, with labels included.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import rfc8785

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.main import IncEx

    from shared.jobspec.fields.base import Part
    from shared.jobspec.fields.job import JobSpec

VERSION = 1
_LABELS = dict.fromkeys(("name", "tags", "priority", "limits", "resources"), True)


def spec_hash(spec: JobSpec) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of the training that a job asks for.

    Default values are left out, so a field added later with a default changes no hash; defaults never change within
    one `v`. Left out too: name, tags, priority, limits, resources and engine.
    """
    return _digest(spec, {"engine"})


def config_hash(spec: JobSpec) -> str:
    """Return the hash of `spec_hash` without the seed, which is equal for repetitions of one experiment."""
    return _digest(spec, {"engine", "seed"})


def _digest(spec: JobSpec, but: set[str]) -> str:
    content = asked_for(spec, {**_LABELS, "training": but})
    if not content.get("training"):  # only excluded fields differed from their defaults
        content.pop("training", None)
    return sha256_of({**content, "v": VERSION})


def asked_for(spec: Part, but: IncEx | None = None) -> dict[str, Any]:
    """Return the fields that differ from their defaults, except `but`; a default added later thus changes nothing."""
    return spec.model_dump(mode="json", exclude_defaults=True, exclude=but)


def sha256_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal, of canonical JSON (RFC 8785), independent of field order and spelling."""
    return hashlib.sha256(rfc8785.dumps(dict(content))).hexdigest()
