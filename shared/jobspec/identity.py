"""The two names of what a job asks for: equal exactly when the jobs ask for the same training."""

from __future__ import annotations

import hashlib

import rfc8785

from shared.jobspec.fields.job import JobSpec

VERSION = 1
_LABELS = dict.fromkeys(("name", "tags", "priority", "limits", "resources"), True)


def spec_hash(spec: JobSpec) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of all that decides a job's result.

    Default values are left out, so a field added later with a default changes no hash; defaults never change within
    one `v`. Left out too: name, tags, priority, limits, resources and engine.
    """
    return _digest(spec, {"engine"})


def config_hash(spec: JobSpec) -> str:
    """The same without the seed: equal for the repetitions of one experiment."""
    return _digest(spec, {"engine", "seed"})


def _digest(spec: JobSpec, but: set[str]) -> str:
    content = spec.model_dump(mode="json", exclude_defaults=True, exclude={**_LABELS, "training": but})
    if not content.get("training"):  # only the left out differed from the defaults
        content.pop("training", None)
    return hashlib.sha256(rfc8785.dumps({**content, "v": VERSION})).hexdigest()
