"""Command-line arguments, read as documents, job ids and settings."""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightline.client.calls import WHOLE_ID
from flightline.client.client import Client
from flightline.client.documents import Document, expand_short_form
from flightline.errors import NotFound, UsageError

if TYPE_CHECKING:
    from flightline.client.jobs import Job
    from flightline.client.search.sweeps import Sweep
    from shared.settings import Settings

LARGEST_JOB_BYTES = 16_000_000
ID = re.compile(r"[0-9a-f-]{4,36}", re.ASCII)


EXAMPLES = {
    "job": '{"preset": "notebook-tapered"}',
    "sweep": '{"base": {"preset": "convnet"}, "space": {"training.seed": {"kind": "int", "low": 0, "high": 9}}}',
}
"""What a file describes, and how that looks."""


def read_document(source: str, kind: str = "job") -> Document:
    """The JSON object in a file, or on standard input for ``-``.

    Args:
        source: the file.
        kind: what it describes: a ``job`` or a ``sweep``.

    Raises:
        UsageError: the file cannot be read, or holds no JSON object; the message says where.
    """
    name = "Standard input" if source == "-" else source
    document = parsed(_read(source, name, kind), name, kind)
    if not isinstance(document, dict):
        raise UsageError(f"{name} holds no JSON object. A {kind} looks like {EXAMPLES[kind]}.")
    return document


def parsed(data: bytes, what: str, kind: str = "job") -> object:
    """The value of a JSON text, read as strictly as the service reads it; messages call the text `what`.

    Raises:
        UsageError: the text is no JSON, or holds something that would be lost (a key given twice, half a character).
    """
    from shared.documents.phrases import summary
    from shared.documents.reader import MalformedJson, decode, sift
    from shared.jobspec.caps import NO_CAPS

    try:
        document = decode(data, what)
    except MalformedJson as error:
        raise UsageError(error.detail) from None
    if kind == "sweep" and isinstance(document, dict):
        from shared.sweeps.check import sift_sweep

        problems = sift_sweep(document, NO_CAPS)
    else:
        problems = sift(document, NO_CAPS)  # the limits are the service's to know
    if problems:
        raise UsageError(f"{what} is no {kind}: {summary(problems)}", tuple(problems))
    return document


def _read(source: str, name: str, kind: str) -> bytes:
    try:
        if source == "-":
            data = sys.stdin.buffer.read(LARGEST_JOB_BYTES + 1) if sys.stdin else b""
        else:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST_JOB_BYTES + 1)
    except OSError as error:
        hint = _did_you_mean(source) if kind == "job" else ""
        raise UsageError(f"The {kind} in {source!r} cannot be read: {error.strerror}.{hint}") from error
    if len(data) > LARGEST_JOB_BYTES:
        raise UsageError(f"{name} is larger than {LARGEST_JOB_BYTES:,} bytes; no {kind} is.")
    return data


def _did_you_mean(source: str) -> str:
    return "" if "." in source or "/" in source else f" For a preset write `--preset {source}`."


def apply_settings(document: Document, settings: Sequence[str]) -> Document:
    """A copy of the document with each ``path.to.field=value`` set; values are JSON, else plain text.

    Raises:
        UsageError: a setting has no ``=``, or goes through something that is no object or list.
    """
    result: Document = copy.deepcopy(document)
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or not path:
            raise UsageError(f"--set {setting!r} is not understood. Write path=value, such as training.epochs=20.")
        steps = _steps(result, path, value, setting)
        if len(steps) > 1:
            expand_short_form(result, steps[0])
        _set(result, steps, _value(value, setting), setting)
    return result


def _steps(document: Document, path: str, value: str, setting: str) -> list[str]:
    """The keys that a path leads through; below the `space` of a sweep the first one is a path itself, with dots."""
    varied = document.get("space")
    inner = path.removeprefix("space.")
    if inner == path or not isinstance(varied, dict):
        return path.split(".")
    known = max((one for one in varied if f"{inner}.".startswith(f"{one}.")), key=len, default=None)
    if known is not None:
        return ["space", known, *inner[len(known) :].split(".")[1:]]
    if not value.lstrip().startswith("{"):
        added = re.sub(r"\.(low|high|step|log|values)$", "", inner)
        example = f"--set 'space.{added}={{\"kind\": …}}'"
        raise UsageError(f"--set {setting!r}: the space has {', '.join(varied)}. Add another path whole: {example}.")
    return ["space", inner]


def labelled(document: Document, name: str | None, tags: Sequence[str]) -> Document:
    """The document under another name, where one is given, and with further tags; what it says itself stays."""
    result = document if name is None else {**document, "name": name}
    own = document.get("tags") or []
    if not tags or not isinstance(own, list):  # of tags that are no list the service says what is wrong
        return result
    return {**result, "tags": [*own, *(tag for tag in dict.fromkeys(tags) if tag not in own)]}


def _value(text: str, setting: str) -> object:
    """The value of a JSON text, else the text itself."""
    from shared.documents.reader import MalformedJson, decode

    data = text.encode(errors="surrogatepass")
    try:
        decode(data)
    except MalformedJson:
        return text
    return parsed(data, f"The value of --set {setting:.60}")


def _set(target: Any, path: Sequence[str], value: object, setting: str) -> None:  # JSON
    for length in range(1, len(path)):
        key = _key(target, path[:length], setting)
        target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
    target[_key(target, path, setting)] = value


def _key(target: object, path: Sequence[str], setting: str) -> str | int:
    """The last step of `path` as a key of `target`: the name of a field, or the index into a list."""
    step = path[-1]
    number = int(step) if step.isdecimal() else None
    if isinstance(target, dict) and (number is None or len(path) == 1):  # below the job no field is called by a number
        return step
    if isinstance(target, list) and number is not None and number < len(target):
        return number
    raise UsageError(f"--set {setting!r}: {_misfit(target, path)}")


def _misfit(target: object, path: Sequence[str]) -> str:
    """The message for a path whose last step does not exist in `target`: why, and what to write."""
    if not isinstance(target, dict | list):
        return f"{'.'.join(path[:-1])} is {json.dumps(target)}, not an object: it has no field {path[-1]!r}."
    name = ".".join(path[:-1])
    whole = f"A list is set whole: --set '{name}=[…]'."
    if isinstance(target, list):
        return f"{path[-1]!r} does not fit into a list of {len(target)}. {whole}"
    return f"there is no list at {name} in this job (a preset's own is not changed item by item). {whole}"


def find_job(client: Client, text: str) -> str:
    """The whole id of a job, which is given as `read_job` takes it; whether there is one with a whole id is left open.

    Raises:
        UsageError: the text is no id, or there is no job yet.
        NotFound: no job has an id that ends in the text.
        Conflict: several jobs have; the message lists them.
    """
    wanted = text.strip().lower()
    return wanted if len(wanted) == WHOLE_ID and ID.fullmatch(wanted) else read_job(client, text).id


def read_job(client: Client, text: str) -> Job:
    """The job that is given by its id, four or more characters of the id's end, or ``last``: one's own newest one.

    Raises:
        UsageError: the text has none of these forms, or there is no job yet.
        NotFound: no job has this id, or an id that ends in the text.
        Conflict: several jobs have; the message lists them.
    """
    wanted = text.strip().lower()
    if wanted == "last":
        return _newest(client)
    if not ID.fullmatch(wanted):
        raise UsageError(f"{text!r} is no job's id. Write four or more characters of its end, or `last`.")
    return client.job(wanted)


def find_sweep(client: Client, text: str) -> Sweep:
    """The sweep that is given by its id, four or more characters of the id's end, or ``last``: one's own newest one.

    Raises:
        UsageError: the text has none of these forms, or there is no sweep yet.
        NotFound: no sweep has this id, or an id that ends in the text.
        Conflict: several sweeps have; the message lists them.
    """
    wanted = text.strip().lower()
    if wanted != "last":
        if not ID.fullmatch(wanted):
            raise UsageError(f"{text!r:.60} is no sweep's id: give it, four or more characters of its end, or `last`.")
        return client.find_sweep(wanted)
    owner = own_name(client)
    for sweep in client.sweeps(limit=1, owner=owner):
        return sweep
    raise UsageError(_none_yet("sweep", "Start one: `flightline sweep FILE`.", owner))


def own_name(client: Client) -> str | None:
    """The owner whose token the client sends; None without a token, and where the service asks for none."""
    if not client.signed_in:
        return None
    try:
        me = client.whoami()
    except NotFound:  # a service of a release before there were owners
        return None
    return None if me.owner is None else str(me.owner)


def _newest(client: Client) -> Job:
    owner = own_name(client)
    for job in client.jobs(limit=1, owner=owner):
        return job
    raise UsageError(_none_yet("job", "Submit one: `flightline submit --preset notebook-tapered`.", owner))


def _none_yet(what: str, how: str, owner: str | None) -> str:
    if owner is None:
        return f"There is no {what} yet. {how}"
    return f"{owner} has no {what} yet, and `last` is one's own newest {what}. Name another by its id."


def load_settings(**overrides: object) -> Settings:
    """The settings from the environment, with overrides; an override that is None is left out.

    Raises:
        ConfigurationError: a variable has a value that cannot be used; the message names it.
    """
    from shared.settings import Settings  # pydantic takes a while to load, and a client needs none of it

    chosen: dict[str, Any] = {key: value for key, value in overrides.items() if value is not None}
    return Settings(**chosen)


def unknown_variables() -> list[str]:
    """A sentence about each `FLIGHTLINE_` variable that is set and means nothing, such as a mistyped one."""
    from shared.documents.phrases import did_you_mean
    from shared.settings import Settings

    known = {"FLIGHTLINE_URL", "FLIGHTLINE_TOKEN", *(f"FLIGHTLINE_{name.upper()}" for name in Settings.model_fields)}
    unknown = sorted(name for name in os.environ if name.startswith("FLIGHTLINE_") and name.upper() not in known)
    return [f"{name:.100} is no setting and changes nothing.{did_you_mean(name, known)}" for name in unknown]
