"""Hashes that identify what a job asks for: equal exactly when jobs ask for the same training.

Requests with an `Idempotency-Key` are compared by the same rule, with labels included.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import rfc8785

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.main import IncEx

    from shared.jobspec.fields.base import Part
    from shared.jobspec.fields.job import JobSpec

VERSION = 1
_LABELS = dict.fromkeys(("name", "tags", "priority", "limits", "resources", "cache"), True)
_NOT_OF_A_CONFIGURATION = ("seed", "engine")
"""Fields of `training` that the second hash is without."""
TWIN_LENGTH = 32
"""Characters of a twin hash."""
_FLOAT = re.compile(rb"-?[0-9]+(?:\.[0-9]+(?:e[+-]?[0-9]+)?|e[+-]?[0-9]+)")
"""A number that orjson writes as a float."""


def spec_and_config_hash(spec: JobSpec) -> tuple[str, str]:
    """Return two SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of the training that a job asks for.

    Default values are left out, so a field added later with a default changes no hash; defaults never change within
    one `v`. Left out too: name, tags, priority, limits, cache, resources and engine. The second hash is without the
    seed, and so equal for repetitions of one experiment.
    """
    content = asked_for(spec, {**_LABELS, "training": {"engine"}})
    training = content.pop("training", {})
    seedless = {name: value for name, value in training.items() if name != "seed"}
    return _digest(content, training), _digest(content, seedless)


def configuration(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a stored spec that its second hash is of."""
    content = {name: value for name, value in document.items() if name not in _LABELS}
    training = {k: value for k, value in document.get("training", {}).items() if k not in _NOT_OF_A_CONFIGURATION}
    return {**content, "training": training} if training else content


def twin_hash(spec: JobSpec, spec_hash: str) -> str:
    """Return a digest that is equal for twins: jobs that ask for the same training in the same way.

    Beside what `spec_hash` says it has the engine, the kind of device and the threads that are asked for.
    """
    asked = {"spec_hash": spec_hash, "engine": spec.training.engine, **spec.resources.model_dump()}
    return sha256_of(asked)[:TWIN_LENGTH]


def _digest(content: dict[str, Any], training: dict[str, Any]) -> str:
    asked = {"training": training} if training else {}  # only excluded fields may have differed from their defaults
    return sha256_of({**content, **asked, "v": VERSION})


def asked_for(spec: Part, but: IncEx | None = None) -> dict[str, Any]:
    """Return the fields that differ from their defaults, except `but`; a default added later thus changes nothing."""
    return spec.model_dump(mode="json", exclude_defaults=True, exclude=but)


def sha256_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal, of canonical JSON (RFC 8785), independent of field order and spelling."""
    return hashlib.sha256(canonical(content)).hexdigest()


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return canonical JSON (RFC 8785) of an object whose field names are ASCII, as those of every part of a spec are.

    orjson writes it many times as fast as the library `rfc8785`, and alike but for floats, which that library then
    writes.
    """
    written = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    if b"\\" in written:  # an escaped quotation mark would not end a text
        return rfc8785.dumps(dict(content))
    parts = written.split(b'"')
    outside_texts = b'"'.join(parts[::2])
    parts[::2] = _FLOAT.sub(lambda found: _canonical_float(found[0]), outside_texts).split(b'"')
    return b'"'.join(parts)


@lru_cache(10_000)
def _canonical_float(written: bytes) -> bytes:
    """Return a float as canonical JSON; the jobs of a batch share most of theirs."""
    return rfc8785.dumps(float(written))
