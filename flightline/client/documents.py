"""The JSON document of a job before it is sent: presets and overrides are merged; only the service validates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from flightline.client.records import JobRecord, Preset, Record
from flightline.errors import UsageError

Document = dict[str, Any]

KEY = re.compile(r"[!-~]{1,255}")


def key_header(key: object) -> dict[str, str]:
    """The `Idempotency-Key` header, with the caller's key or a new one: a request sent twice makes one job.

    Raises:
        UsageError: the caller's key is not one that a header can carry.
    """
    if key is None:
        return {"Idempotency-Key": uuid4().hex}
    if not (isinstance(key, str) and KEY.fullmatch(key)):
        raise UsageError(f"An idempotency_key is text of 1 to 255 ASCII characters without spaces, not {key!r:.60}.")
    return {"Idempotency-Key": key}


def job_document(spec: Mapping[str, Any] | str, overrides: Mapping[str, Any]) -> Document:
    """The document to submit: a spec, or a preset's name, with `overrides` merged in, as `merged` has it.

    Raises:
        UsageError: the spec is neither a mapping nor a preset's name.
    """
    if isinstance(spec, Record) or not isinstance(spec, str | Mapping):
        raise UsageError(
            f'A job is an object such as {{"preset": "notebook-tapered"}}, or a preset\'s name, not {spec!r:.60}.'
        )
    start: Document = {"preset": spec} if isinstance(spec, str) else dict(spec)
    for field in (field for field, value in overrides.items() if isinstance(value, Mapping)):
        expand_short_form(start, field)
    return merged(start, overrides)


def resubmission(job: JobRecord, presets: Iterable[Preset]) -> Document:
    """The document that submits a job's spec again, under its present name and tags.

    It names the job's preset, as long as this says nothing that the spec does not: where the service knows no such
    preset any more, or where it has fields since that the job was trained without, the document does without.

    Args:
        job: the job.
        presets: those that the service has; none are needed for a job without one.

    Raises:
        UsageError: the job trains no network; what it does is not asked for by a spec alone.
    """
    if (kind := job.raw.get("kind", "train")) != "train":
        raise UsageError(f"Job {job.id} is of the kind {kind}: only jobs that train can be submitted with changes.")
    spec = {**job.raw["spec"], "name": job.raw["name"], "tags": job.raw["tags"]}
    name = job.raw.get("preset")
    named = any(one.raw["name"] == name and merged(one.raw["spec"], spec) == spec for one in presets)
    return {"preset": name, **spec} if named else spec


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """A copy of `base` with the keys of `over`; where both hold an object the two are merged.

    As in the service, an object that names another kind (a data set: another name) replaces the one that stands there.
    """
    result = dict(base)
    for key, value in over.items():
        result[key] = _merged_value(result.get(key), value)
    return result


def _merged_value(old: object, new: object) -> object:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    differ = any(tag in old and tag in new and old[tag] != new[tag] for tag in ("kind", "name"))
    return new if differ else merged(old, new)


def expand_short_form(document: Document, field: str) -> None:
    """Replace a field's short form, such as ``"dataset": "cifar2"``, by its long form; other values stay.

    A data set that is not built in is its own short form: what the service knows of it stays for the service to add.
    """
    if not isinstance(document.get(field), str):
        return
    # Here, for pydantic takes a while to load and few calls need it.
    from shared.jobspec.catalog import BUILT_IN
    from shared.jobspec.expansion import short_forms

    meaning = short_forms(BUILT_IN).get(field, {}).get(document[field])
    if meaning is not None:
        document[field] = json.loads(json.dumps(meaning))
    elif field == "dataset":
        document[field] = {"name": document[field]}


def encoded(document: Mapping[str, Any]) -> bytes:
    """The document as JSON. NaN and infinities go as they are: the service's answer names their place.

    Raises:
        UsageError: the document holds text that is not Unicode, a number too long to be written, a value that JSON has
            no form for, or itself.
    """
    try:
        return json.dumps(document, ensure_ascii=False, default=_encodable).encode()
    except UnicodeEncodeError as error:
        around = error.object[max(0, error.start - 20) : error.end + 20]
        raise UsageError(f"The job holds half of a surrogate pair, which is no character: …{around!r}….") from error
    except RecursionError as error:
        raise UsageError("The job is nested too deeply.") from error
    except ValueError as error:
        raise UsageError(f"The job cannot be written as JSON: {error}.") from error


def _encodable(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if callable(listed := getattr(value, "tolist", None)):  # numbers, arrays and tensors of numpy and torch
        return listed()
    raise UsageError(f"A job cannot hold a {type(value).__name__}: {value!r:.100}. Use JSON's types.")
