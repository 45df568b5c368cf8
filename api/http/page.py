"""The page: one HTML document for all its views, and the files of its build, which `make web` writes.

The files are served as the build made them, compressed where the browser takes that. Their names have a digest of their
contents, so browsers keep them for ever; the document, which names them, is asked for again each time, by its tag.
"""

from __future__ import annotations

from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path

from flask import Flask, Response, render_template, request
from markupsafe import escape
from werkzeug.exceptions import NotFound

from api.http import errors
from api.http.security import SAFE_METHODS

BUILD = Path(__file__).parents[1] / "static" / "page"
VIEWS = (
    "/jobs",
    "/jobs/<job_id>",
    "/compare",
    "/leaderboard",
    "/sweeps",
    "/sweeps/<sweep>",
    "/new",
    "/datasets",
    "/datasets/<name>",
    "/workers",
    "/people",
)
"""The paths of the page's views, as its own script tells them apart (web/src/views/index.ts); ``/`` shows the jobs."""
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""What the build wrote beside each file, the smallest first."""
_FOREVER = "public, max-age=31536000, immutable"
_OF_PROGRAMS = ("/v1", "/static", "/openapi.json")


def register(app: Flask) -> None:
    """Serve the page at ``/`` and at its views, and to browsers that ask for what is nowhere."""
    for number, path in enumerate(("/", *VIEWS)):
        app.add_url_rule(path, f"page_{number}", _document)
    app.add_url_rule("/static/page/<name>", "page_file", _file)
    app.register_error_handler(NotFound, _nowhere)


def _document(**_path: str) -> Response:
    """Return the page's document, whichever view it is to show; without a build, what to do about that."""
    source = BUILD / "index.html"
    if not source.is_file():
        return Response(render_template("no_page.html"), NotFound.code)
    text = _placed(source.read_text(encoding="utf-8"), request.script_root)
    response = Response(text, mimetype="text/html")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(sha256(text.encode()).hexdigest()[:16])
    response.make_conditional(request)
    return response


def _placed(text: str, base: str) -> str:
    """Return the document with the addresses of its files, and the base of its own addresses, below `base`."""
    at = str(escape(base))
    places = {'"./docs"': f'"{at}/docs"', '"./icon.svg"': f'"{at}/static/icon.svg"', '"./': f'"{at}/static/page/'}
    for relative, absolute in places.items():
        text = text.replace(relative, absolute)
    return text.replace("<head>", f'<head>\n    <meta name="base" content="{at}" />', 1)


def _file(name: str) -> Response:
    """Return a file of the build, compressed if that is accepted; the name says the contents, so it is the tag too."""
    encodings = [one for one in _ENCODINGS if request.accept_encodings[one] > 0]
    stored = {f"{name}{_ENCODINGS[one]}": one for one in encodings} | {name: None}
    found = next((one for one in stored if (BUILD / one).is_file()), None)
    if found is None or name.endswith(tuple(_ENCODINGS.values())):
        raise NotFound
    response = Response((BUILD / found).read_bytes(), mimetype=guess_type(name)[0])
    response.headers.update({"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"})
    if encoding := stored[found]:
        response.headers["Content-Encoding"] = encoding
    response.set_etag(found)
    response.make_conditional(request)
    return response


def _nowhere(error: NotFound) -> Response:
    """Answer a person with the page, which says that nothing is here, and a program with a problem."""
    kinds = request.accept_mimetypes
    person = kinds["text/html"] > kinds["application/json"] and request.method in SAFE_METHODS
    if not person or request.path.startswith(_OF_PROGRAMS) or not (BUILD / "index.html").is_file():
        return errors.of_http(error)
    response = _document()
    response.status_code = NotFound.code
    return response
