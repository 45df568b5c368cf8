"""Responses with a stored file: ranges, ETag, and a name to save it under."""

from __future__ import annotations

import logging
import re
from mimetypes import guess_type

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from api.http.operations import Raw
from shared.errors import FlightlineError, NotFound, StorageError
from shared.storage.store import Storage, Stored

log = logging.getLogger(__name__)
FILE = Raw("application/octet-stream")
_SHORT_ID = 6
"""Characters of a job's id in a file's name: the last ones, by which the job can be asked for."""


class RangeNotSatisfiable(FlightlineError):
    """The requested range lies outside the file."""

    code = "range_not_satisfiable"


def named_after(called: str, kind: str, job_id: str, ending: str) -> str:
    """Return the name of a job's file, such as ``notebook-tapered-0192f3.onnx``, in what every file system takes.

    Args:
        called: what the job is called; may be in any script.
        kind: the kind of its architecture, for a name of which nothing is left.
        job_id: the job, of whose id the end is taken, as people name jobs by it.
        ending: what tells the job's files apart, such as ``.onnx`` or ``-last.onnx``.
    """
    plain = re.sub(r"[^a-z0-9._]+", "-", called.lower()).strip("-.")
    return f"{plain or kind}-{job_id[-_SHORT_ID:]}{ending}"


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
