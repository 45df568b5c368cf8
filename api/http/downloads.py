"""Responses with a stored file: ranges, ETag, and a name to save it under."""

from __future__ import annotations

import logging
from mimetypes import guess_type

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from api.http.operations import Raw
from shared.errors import FlightlineError, NotFound, StorageError
from shared.storage.store import Storage, Stored

log = logging.getLogger(__name__)
FILE = Raw("application/octet-stream")


class RangeNotSatisfiable(FlightlineError):
    """The requested range lies outside the file."""

    code = "range_not_satisfiable"


def download(storage: Storage, file: Stored, name: str) -> Response:
    """Build the response with a stored file, to be saved under `name`. Its ETag is the file's sha256.

    Raises:
        NotFound: the file is missing, or the API may not read it.
        RangeNotSatisfiable: the request asks for bytes outside the file.
        StorageUnavailable: the storage is unavailable.
    """
    try:
        stream = storage.open(file.path)
    except StorageError as error:
        log.exception("artifact_missing", extra={"path": file.path})
        raise NotFound(f"The file of artifact {name!r} was removed, or the API may not read it.") from error
    response = Response(wrap_file(request.environ, stream, 1 << 16), direct_passthrough=True)
    response.mimetype = guess_type(name)[0] or "application/octet-stream"
    response.content_length = file.bytes
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.set_etag(file.sha256)
    response.call_on_close(stream.close)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=file.bytes)
    except RequestedRangeNotSatisfiable as error:
        response.close()
        raise RangeNotSatisfiable(f"{name} has {file.bytes} bytes; the Range header asks for bytes outside.") from error
    return response
