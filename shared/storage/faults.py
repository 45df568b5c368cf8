"""Which faults of a file system or an object store pass by themselves, and which need somebody to act.

Libraries say the same thing in different ways: by an errno, by the HTTP status of an answer, by the class of their
exception. What none of them decides needs somebody to act: a bug must not be waited for.
"""

from __future__ import annotations

import errno
import http.client
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSING_ERRNOS = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "ENOTCONN", "ESTALE", "EBUSY", "EAGAIN", "EINTR", "ENODEV", "ENXIO", "EREMOTEIO", "ENOLINK", "ECOMM"),
        *("ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET", "EPIPE", "ESHUTDOWN"),
        *("ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EPROTO"),
    )
    if hasattr(errno, name)  # not every system has all of them
)
_PASSING_CLASSES = frozenset(
    {
        *("HTTPClientError", "ConnectionError", "ResponseParserError"),  # botocore's
        *("ClientConnectionError", "ClientPayloadError", "ServerTimeoutError"),  # aiohttp
        *("ServiceRequestError", "ServiceResponseError", "TransportError", "Timeout"),  # Azure's, Google's
    }
)
_PASSING_CODES = frozenset({"SlowDown", "RequestTimeout", "Throttling", "RequestLimitExceeded", "OperationAborted"})
_PASSING_STATUSES = frozenset({408, 425, 429})
_LASTING_STATUSES = frozenset({501, 505, 507})
"""Not implemented, not that version of HTTP, no space left."""


def passes(error: BaseException) -> bool:
    """Whether the same call may succeed later although nobody changes anything."""
    return next((verdict for one in _chain(error) if (verdict := _verdict(one)) is not None), False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """What a library gives as the cause knows more than its translation, so it comes first."""
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)
    yield error


def _verdict(error: BaseException) -> bool | None:
    """What this exception says by itself; None when it says nothing of it."""
    status = _status(error)
    if status is not None:
        return status in _PASSING_STATUSES or (status >= 500 and status not in _LASTING_STATUSES)
    if isinstance(error, TimeoutError | ConnectionError | EOFError | http.client.HTTPException):
        return True
    if any(kind.__name__ in _PASSING_CLASSES for kind in type(error).__mro__):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _PASSING_ERRNOS
    return None


def _status(error: BaseException) -> int | None:
    """The HTTP status of the answer that the exception is made of, where it is one."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        if response.get("Error", {}).get("Code") in _PASSING_CODES:
            return 503
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:  # aiohttp's, Azure's, Google's
        found = next((getattr(error, name) for name in ("status", "status_code", "code") if hasattr(error, name)), None)
    return found if isinstance(found, int) and 400 <= found < 600 else None
