"""Responses to requests that gunicorn itself cannot parse: problem+json, in place of gunicorn's HTML pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gunicorn import util

from api.http.errors import HTTP_CODES, problem
from api.http.security import HEADERS

if TYPE_CHECKING:
    import socket


def install() -> None:
    """Replace gunicorn's own error writer in this process: gunicorn has no setting for it."""
    util.write_error = write_problem


def write_problem(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    """Write the response to a request that is not valid HTTP, such as one with a control character in a header.

    Args:
        sock: the client's socket; gunicorn closes it afterwards.
        status_int: HTTP status; 500 for a fault of gunicorn's own.
        reason: reason phrase of the status.
        mesg: what is wrong; may be empty.
    """
    response = problem(status_int, HTTP_CODES.get(status_int, f"http_{status_int}"), mesg or reason)
    body = response.get_data()
    fields = {**HEADERS, **dict(response.headers), "Content-Length": str(len(body)), "Connection": "close"}
    head = [f"HTTP/1.1 {status_int} {reason}", *(f"{name}: {value}" for name, value in fields.items())]
    util.write_nonblock(sock, "\r\n".join([*head, "", ""]).encode("latin-1") + body)
