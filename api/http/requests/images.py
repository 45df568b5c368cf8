"""Images that requests carry: one as the whole body, or several as the files of a form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from api.http.requests.parsing import read_body
from shared.errors import (
    BadRequest,
    FieldError,
    FlightlineError,
    InvalidImage,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from shared.settings import Settings

MOST_IMAGES = 64
MOST_PARTS = 10 * MOST_IMAGES
"""Parts of a form that are read at all, to count those that are too many."""
_FORM = "multipart/form-data"
_HOW = "`curl -F image=@bird.jpg`, with one image=@… for each image"


@dataclass(frozen=True)
class SentImage:
    """An image of a request: the name of its file, or `the image` where the request gives none, and its bytes."""

    name: str
    content: bytes


class Images:
    """A request body of one image, or of up to 64 as a form; read as a list of `SentImage`."""

    raises: tuple[type[FlightlineError], ...] = (InvalidImage, PayloadTooLarge, UnsupportedMediaType)
    schemas: Callable[[], dict[str, Any]] = staticmethod(dict)

    def read(self, settings: Settings) -> list[SentImage]:
        """Return the images of the current request.

        Raises:
            UnsupportedMediaType: the body is declared as neither an image nor a form.
            PayloadTooLarge: the body has more than `FLIGHTLINE_MAX_IMAGES_BYTES`.
            BadRequest: the body breaks off, or is no valid form.
            InvalidImage: the form has no file, more than 64, or fields that are no files.
        """
        kind, _, _ = request.mimetype.partition("/")
        if kind != "image" and request.mimetype not in (_FORM, "application/octet-stream"):
            given = repr(request.mimetype) if request.mimetype else "nothing"
            raise UnsupportedMediaType(
                f"The body must be an image ('Content-Type: image/png', image/jpeg, …) or a form with image files "
                f"({_HOW}); the header says {given}."
            )
        body = read_body(request, settings.max_images_bytes, "FLIGHTLINE_MAX_IMAGES_BYTES")
        if request.mimetype == _FORM:
            return _files(body, request.mimetype_params.get("boundary", ""))
        return [SentImage("the image", body)]

    def content(self) -> dict[str, Any]:
        """Return the media types: any image, and a form of files."""
        file = {"type": "string", "format": "binary"}
        images = {"type": "array", "items": file, "minItems": 1, "maxItems": MOST_IMAGES}
        form = {"type": "object", "properties": {"image": images}, "required": ["image"]}
        return {"image/*": {"schema": file}, _FORM: {"schema": form}}


IMAGES = Images()


def _files(body: bytes, boundary: str) -> list[SentImage]:
    """Return the files of a form, in order."""
    try:
        parser = MultiPartParser(stream_factory=_in_memory, max_form_parts=MOST_PARTS)
        fields, files = parser.parse(BytesIO(body), boundary.encode("ascii"), len(body))
    except RequestEntityTooLarge as error:
        raise _wrong(f"/{MOST_IMAGES}", _too_many(f"more than {MOST_PARTS} parts")) from error
    except ValueError as error:
        raise BadRequest(f"The body is no valid {_FORM}. Send {_HOW}.") from error
    if fields:
        named = f"field {name!r}" if (name := next(iter(fields))) else "part without a name"
        raise _wrong("", f"The form's {named} is no file. Send {_HOW}.")
    found = [SentImage(_name(file.filename), file.read()) for _field, file in files.items(multi=True)]
    if not found:
        raise _wrong("", f"The form has no image. Send {_HOW}.")
    if len(found) > MOST_IMAGES:
        raise _wrong(f"/{MOST_IMAGES}", _too_many(f"{len(found)} images"))
    return found


def _too_many(what: str) -> str:
    return f"The form has {what}; at most {MOST_IMAGES} images go into one request."


def _name(given: str | None) -> str:
    """Return the name of a file without its folders and what a terminal would not show."""
    last = (given or "").rpartition("/")[2]
    return "".join(one for one in last if one.isprintable())[:200] or "an image without a name"


def _wrong(pointer: str, detail: str) -> InvalidImage:
    return InvalidImage(detail, (FieldError(pointer, detail),))


def _in_memory(*_told: object, **_more: object) -> IO[bytes]:
    return BytesIO()
