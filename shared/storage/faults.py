"""Classification of storage faults: those that pass by themselves, and those that last until an operator acts.

Libraries report a fault by an errno, by the HTTP status of a response, or by the class of their exception. A fault
that none of these classifies counts as lasting, because a bug does not pass by waiting.
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
    if hasattr(errno, name)  # some systems lack some of them
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
"""Statuses of lasting faults: not implemented, HTTP version not supported, insufficient storage."""


def passes(error: BaseException) -> bool:
    """Whether the fault passes by itself, so that the same call may succeed later."""
    return next((verdict for one in _chain(error) if (verdict := _verdict(one)) is not None), False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception's chain, causes first: a cause is more specific than its translation by a library."""
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)
    yield error


def _verdict(error: BaseException) -> bool | None:
    """Return whether this exception's fault passes by itself; None when the exception does not tell."""
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
    """Return the HTTP status of the response that caused the exception; None where there was none."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        if response.get("Error", {}).get("Code") in _PASSING_CODES:
            return 503
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:  # aiohttp's, Azure's, Google's
        found = next((getattr(error, name) for name in ("status", "status_code", "code") if hasattr(error, name)), None)
    return found if isinstance(found, int) and 400 <= found < 600 else None
