"""Parsing and checking of a request's path, query string and body, before anything acts on them."""

from __future__ import annotations

import datetime as dt
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from flask import Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from shared.documents.messages import explain
from shared.documents.phrases import did_you_mean, listed, show, summary
from shared.documents.pointers import pointer
from shared.documents.schema_places import place
from shared.errors import BadRequest, FieldError, InvalidQuery, JobNotFound, PayloadTooLarge, UnsupportedMediaType

Query = TypeVar("Query", bound=BaseModel)

JOB_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f-]{4,35}"
"""Pattern of a job's id: a whole UUID, or the end of one."""
_JOB_ID = re.compile(JOB_ID, re.ASCII)


class QueryModel(BaseModel):
    """Base of all classes of query parameters: an unknown parameter is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(QueryModel):
    """The query parameters of an operation that accepts none."""


def _true_or_false(value: object) -> object:
    words = {"true": True, "false": False}
    if isinstance(value, str) and value not in words:
        raise ValueError("must be true or false")
    return words.get(value, value) if isinstance(value, str) else value


def _in_utc(value: dt.datetime) -> dt.datetime:
    if not 1970 < value.year < 9999:
        raise ValueError("must be in a year from 1971 to 9998")
    return value.astimezone(dt.UTC)


Flag = Annotated[bool, BeforeValidator(_true_or_false)]
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An ISO 8601 instant with an offset, parsed into an aware datetime in UTC."""


def parse_job_id(text: str) -> str:
    """A job's id, or an end of one, in canonical, lower-case form. What is neither is no job: raises JobNotFound."""
    job_id = text.lower()
    if not _JOB_ID.fullmatch(job_id):
        raise JobNotFound(text[:80])
    return job_id


def parse_query(model: type[Query], parameters: MultiDict[str, str]) -> Query:
    """`parameters` as a `model`. Raises InvalidQuery that points at each parameter and says what would be right."""
    errors = [*_unreadable(parameters), *_repeated(model, parameters)]
    if not errors:
        values = {
            name: parameters.getlist(name) if _takes_many(model, name) else parameters[name] for name in parameters
        }
        try:
            return model.model_validate(values)
        except ValidationError as error:
            errors = _field_errors(model, error)
    raise InvalidQuery(summary(errors), tuple(errors))


def read_json_body(request: Request, max_bytes: int, setting: str) -> bytes:
    """Read the request's body as bytes; the arguments as for `read_body`.

    Raises:
        UnsupportedMediaType: the body is not declared as JSON, or is compressed.
        PayloadTooLarge: the body has more than `max_bytes`.
        BadRequest: the body breaks off, or its chunks are not valid HTTP.
    """
    if request.mimetype != "application/json":
        given = repr(request.mimetype) if request.mimetype else "nothing"
        raise UnsupportedMediaType(
            f"The body must be JSON ('Content-Type: application/json'); the header says {given}."
        )
    return read_body(request, max_bytes, setting)


def read_body(request: Request, max_bytes: int, setting: str) -> bytes:
    """Read the request's body as bytes, of any type.

    Args:
        request: the request.
        max_bytes: the size of the largest body that is allowed.
        setting: the variable that sets `max_bytes`, for the error message.

    Raises:
        UnsupportedMediaType: the body is compressed.
        PayloadTooLarge: the body has more than `max_bytes`.
        BadRequest: the body breaks off, or its chunks are not valid HTTP.
    """
    encoding = request.content_encoding or "identity"
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaType(
            f"The body must not be compressed, but Content-Encoding is {encoding[:40]!r}. Send it as it is."
        )
    # A declared length is refused before anything is read. A chunked body declares none: werkzeug silently stops
    # reading at its limit, so that limit is one byte more than what is allowed.
    request.max_content_length = max_bytes + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise _too_large(max_bytes, setting) from error
    except Exception as error:  # every server has its own exception for broken chunks
        raise BadRequest("The body broke off, or its chunks are not valid HTTP. Send it again.") from error
    if len(body) > max_bytes:
        raise _too_large(max_bytes, setting)
    if len(body) < (request.content_length or 0):
        raise BadRequest(
            f"The body broke off, or came too slowly: {len(body)} of {request.content_length} bytes. Send it again."
        )
    return body


def _too_large(max_bytes: int, setting: str) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than the {max_bytes} bytes allowed ({setting}).")


def _unreadable(parameters: MultiDict[str, str]) -> Iterator[FieldError]:
    """Yield an error for each parameter with a NUL character, which PostgreSQL refuses in text."""
    for name in parameters:
        if any("\x00" in text for text in (name, *parameters.getlist(name))):
            yield FieldError(pointer([name]), f"The parameter {show(name)} contains a NUL character; remove it.")


def _repeated(model: type[BaseModel], parameters: MultiDict[str, str]) -> Iterator[FieldError]:
    for name in parameters:
        if len(parameters.getlist(name)) > 1 and name in model.model_fields and not _takes_many(model, name):
            yield FieldError(pointer([name]), f"{name} is given more than once; keep one.")


def _takes_many(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and _is_tuple(field.annotation)


def _is_tuple(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_is_tuple(one) for one in get_args(annotation))
    return get_origin(annotation) is tuple


def _field_errors(model: type[BaseModel], error: ValidationError) -> list[FieldError]:
    found = []
    for one in error.errors(include_url=False):
        name = str(one["loc"][0])
        detail = _unknown(model, name) if one["type"] == "extra_forbidden" else explain(one, place([name], model))
        found.append(FieldError(pointer([name]), detail))
    return found


def _unknown(model: type[BaseModel], name: str) -> str:
    known = list(model.model_fields)
    hint = did_you_mean(name, known) or (f" Known here: {listed(known)}." if known else " There are none here.")
    return f"There is no parameter {show(name)}.{hint}"
