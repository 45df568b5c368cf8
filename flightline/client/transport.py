"""HTTP requests to the service, which return JSON or raise a typed error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from flightline.errors import AnswerLost, ApiError, NotReachable, UsageError, api_error
from flightline.stack.home import home_dir, running_url, silent_stack, was_started

DEFAULT_URL = "http://127.0.0.1:8470"
LARGEST_PORT = 65535


def default_url() -> str:
    """The service's URL: `FLIGHTLINE_URL`, else the stack that runs in `FLIGHTLINE_HOME`, else host and port.

    Raises:
        NotReachable: `FLIGHTLINE_HOME` names the home of a stack that does not run, and nothing names another service:
            the service on the default port may be another one, such as the stack that this home was copied from.
        UsageError: `FLIGHTLINE_PORT` is not a port number.
    """
    if url := os.environ.get("FLIGHTLINE_URL"):
        return url
    if url := running_url():
        return url
    if _means_a_stopped_stack():
        raise NotReachable(
            f"No stack runs in {home_dir()} (FLIGHTLINE_HOME). Start it with `flightline up`, or set FLIGHTLINE_URL "
            "(or --url) to the service that you mean."
        )
    host, port = os.environ.get("FLIGHTLINE_HOST") or "127.0.0.1", os.environ.get("FLIGHTLINE_PORT") or "8470"
    if not (port.isascii() and port.isdigit() and int(port) <= LARGEST_PORT):
        raise UsageError(f"FLIGHTLINE_PORT must be a whole number from 0 to {LARGEST_PORT}, not {port[:40]!r}.")
    return service_url(host, int(port))


def _means_a_stopped_stack() -> bool:
    named = bool(os.environ.get("FLIGHTLINE_HOME"))
    elsewhere = os.environ.get("FLIGHTLINE_HOST") or os.environ.get("FLIGHTLINE_PORT")
    return named and not elsewhere and was_started(home_dir())


def service_url(host: str, port: int) -> str:
    """The URL of a service that listens on `host`; loopback where it listens on every address of the machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def split_url(text: str) -> tuple[str, tuple[str, str] | None]:
    """Split a service's URL into a printable URL, and user and password for basic authentication where it has them.

    Raises:
        UsageError: the text is not a service URL; the message hides what may be a password.
    """
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL()
    public = str(url.copy_with(username=None, password=None)).rstrip("/")
    usable = url.scheme in {"http", "https"} and url.host and (url.port or 0) <= LARGEST_PORT
    if not usable or url.query or url.fragment or "@" in public:
        raise UsageError(_no_address(text.strip()))
    return public, (url.username, url.password) if url.userinfo else None


def _no_address(text: str) -> str:
    """The message for a wrong URL, which shows no part of it that may be a password or a token."""
    scheme = match[0] if (match := re.match("[A-Za-z]+://", text)) else ""
    before, at, rest = text.removeprefix(scheme).rpartition("@")
    host = re.split("[?#]", rest, maxsplit=1)[0]
    hidden = "…@" if at else ""
    if re.search("[?#]", before):  # nobody can tell whether the @ ends a password or stands in a query
        hidden, host = "", ""
    shown = f"{scheme}{hidden}{host}{'' if host == rest else '…'}"
    hint = " Within a password / is written %2F, ? %3F, # %23 and @ %40." if at else ""
    hint += "" if host == rest else " Leave out a ? or # behind the address, with what follows it."
    return f"{shown[:200]!r} is not a service URL, such as {DEFAULT_URL}.{hint}"


class Transport:
    """A connection pool to one service.

    Args:
        base_url: the service's address without ``/v1``; it may hold a user and a password.
        timeout: seconds for one answer.
        http: another httpx transport, for tests.

    Attributes:
        base_url: the address without user and password, as messages show it.
        has_answered: whether the service has answered any request yet.

    Raises:
        UsageError: `base_url` is not the URL of a service.
    """

    def __init__(self, base_url: str, timeout: float, http: httpx.BaseTransport | None = None) -> None:
        self.base_url, credentials = split_url(base_url)
        self.timeout = timeout
        self.has_answered = False
        # trust_env off: a proxy set for the internet must not swallow calls to one's own machine.
        # No limit of connections: each event stream holds one for as long as its job runs.
        self._http = httpx.Client(
            base_url=self.base_url,
            auth=credentials,
            timeout=timeout,
            transport=http,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )

    def close(self) -> None:
        """Close all connections; the transport cannot be used afterwards."""
        self._http.close()

    def get(self, path: str, **params: object) -> Any:
        """The JSON at `path`; query parameters that are None are left out, lists become repeated parameters."""
        return self.call("GET", path, params=params)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and return the JSON of a 2xx answer, None where it is empty.

        Raises:
            ApiError: the service answered with an error.
            NotReachable: nothing listens at the address.
            AnswerLost: the connection broke or timed out before the answer was complete.
            UsageError: the path or a parameter cannot be sent: it is not Unicode, or makes no valid URL.
        """
        headers = {"Content-Type": "application/json", **(headers or {})} if content is not None else headers
        with self._translated():
            response = self._http.request(method, path, params=_query(params), content=content, headers=headers)
        self.has_answered = True
        return _read(response)

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, silence_seconds: float = 0.0
    ) -> Iterator[httpx.Response]:
        """The answer at `path`, whose body the caller reads in chunks: a file or an event stream.

        Args:
            path: the path below the service's URL.
            headers: further request headers.
            silence_seconds: the longest pause between two chunks, where that is longer than the transport's timeout.
        """
        timeout = httpx.Timeout(self.timeout, read=max(self.timeout, silence_seconds))
        with self._translated(), self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
            self.has_answered = True
            if response.is_error:
                response.read()
                _read(response)
            yield response

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotReachable(silent_stack(self.base_url) or _not_found_at(self.base_url)) from error
        except httpx.TimeoutException as error:
            raise AnswerLost(f"{self.base_url} took longer than {self.timeout:g} s to answer.") from error
        except httpx.InvalidURL as error:
            raise UsageError(f"This cannot be asked of {self.base_url}: {error}.") from error
        except UnicodeEncodeError as error:
            raise UsageError(f"{error.object!r:.80} is not text that can be sent: it is not Unicode.") from error
        except httpx.TransportError as error:
            raise AnswerLost(f"The connection to {self.base_url} broke: {error}.") from error


def _not_found_at(url: str) -> str:
    return (
        f"Nothing answers at {url}. Start the service with `flightline up`, wait a few seconds if that was just "
        "started, or set FLIGHTLINE_URL (or --url) to where the service runs."
    )


def _query(params: Mapping[str, object] | None) -> httpx.QueryParams:
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for key, value in (params or {}).items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(key, _text(item)) for item in values if item is not None]
    return httpx.QueryParams(pairs)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(response: httpx.Response) -> Any:
    try:
        document = response.json() if response.content else None
    except ValueError:
        document = None
        if response.is_success:
            raise ApiError(response.status_code, {"detail": f"{response.url} did not answer with JSON."}) from None
    if response.is_success:
        return document
    title = f"{response.request.method} {response.url} answered {response.status_code} {response.reason_phrase}."
    wait = response.headers.get("Retry-After", "")
    problem = document if isinstance(document, dict) else {"detail": title}
    raise api_error(response.status_code, problem, retry_after=float(wait) if wait.isdecimal() else None)
