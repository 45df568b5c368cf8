"""A job's document before it is sent: presets and overrides merged, nothing checked (the service does that)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


def job_document(spec: Mapping[str, Any] | str, overrides: Mapping[str, Any]) -> Document:
    """The document to submit: a spec, or a preset's name, with `overrides` merged in: objects are merged."""
    start: Mapping[str, Any] = {"preset": spec} if isinstance(spec, str) else spec
    return merged(start, overrides)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """A copy of `base` with the keys of `over`; where both hold an object the two are merged."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def encoded(document: Mapping[str, Any]) -> bytes:
    """The document as JSON. NaN and infinities go as they are: the service's answer names their place."""
    return json.dumps(document, ensure_ascii=False, default=_encodable).encode()


def _encodable(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"A job cannot hold a {type(value).__name__}: {value!r}. Use JSON's types.")
