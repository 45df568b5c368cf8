"""HTTP requests to the service, which return JSON or raise a typed error."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from flightline.client.addresses import split_url
from flightline.client.answers import read
from flightline.client.credentials import BearerAuth, credential
from flightline.client.files.downloads import name_in
from flightline.client.retry import Throttle
from flightline.errors import AnswerLost, NotReachable, UsageError
from flightline.stack.home import silent_stack


@dataclass(frozen=True)
class Stream:
    """An answer whose body is read as it arrives.

    Attributes:
        status: the HTTP status.
        chunks: the body's bytes, in chunks of any size.
    """

    status: int
    chunks: AsyncIterator[bytes]


class Transport(ABC):
    """A connection pool to one service. Its two kinds differ in how they wait, and in nothing else.

    Args:
        base_url: the service's address without ``/v1``; it may hold a user and a password.
        timeout: seconds for one answer.
        token: the token to sign in with; default the one that `credential` finds.

    Attributes:
        base_url: the address without user and password, as messages show it.
        has_answered: whether the service has answered any request yet.

    Raises:
        UsageError: `base_url` is not the URL of a service, or the token cannot be sent.
    """

    _http: httpx.Client | httpx.AsyncClient

    def __init__(self, base_url: str, timeout: float, token: str | None = None) -> None:
        self.base_url, self._password = split_url(base_url)
        self._credential = credential(self.base_url, token, has_password=self._password is not None)
        self.timeout = timeout
        self.has_answered = False

    @property
    def signed_in(self) -> bool:
        """Whether requests carry a token."""
        return self._credential is not None

    def _options(self) -> dict[str, Any]:
        # trust_env off: a proxy set for the internet must not swallow calls to one's own machine.
        # No limit of connections: each event stream holds one for as long as its job runs.
        return {
            "base_url": self.base_url,
            "auth": BearerAuth(self._credential) if self._credential else self._password,
            "timeout": self.timeout,
            "trust_env": False,
            "verify": httpx.create_ssl_context(),  # which SSL_CERT_FILE still decides about
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=20),
        }

    @abstractmethod
    async def _send(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        """The answer to a request; with `stream` its body is still to be read."""

    @abstractmethod
    async def _read_body(self, response: httpx.Response) -> None:
        """Read the whole body of a streamed answer."""

    @abstractmethod
    def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body of a streamed answer, in chunks."""

    @abstractmethod
    async def _end(self, response: httpx.Response) -> None:
        """Give back the connection of a streamed answer."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections; the transport cannot be used afterwards."""

    async def get(self, path: str, **params: object) -> Any:
        """The JSON at `path`; query parameters that are None are left out, lists become repeated parameters."""
        return await self.call("GET", path, params=params)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        files: Iterable[tuple[str, bytes]] = (),
    ) -> Any:
        """Send a request and return the JSON of a 2xx answer, None where it is empty.

        Args:
            method: the HTTP method.
            path: the path below the service's URL.
            params: query parameters, as `get` takes them.
            content: the body, JSON unless `headers` say what else.
            headers: further request headers.
            files: names and contents of images, which are sent as a form in place of `content`.

        Raises:
            ApiError: the service answered with an error.
            NotReachable: nothing listens at the address.
            AnswerLost: the connection broke or timed out before the answer was complete.
            UsageError: the path or a parameter cannot be sent: it is not Unicode, or makes no valid URL.
        """
        headers = {"Content-Type": "application/json", **(headers or {})} if content is not None else headers
        with self._translated():
            form = [("image", file) for file in files]
            request = self._http.build_request(
                method, path, params=_query(params), content=content, headers=headers, files=form or None
            )
            response = await self._answer(request)
        return self._read(response)

    async def file(self, path: str, *, silence_seconds: float = 0.0, **params: object) -> tuple[bytes, str | None]:
        """The bytes at `path`, and the name that the service gives the file (None where it gives none).

        Args:
            path: the path below the service's URL.
            silence_seconds: how long the service may make the file, where that is longer than the transport's timeout.
            **params: query parameters, as `get` takes them.
        """
        timeout = httpx.Timeout(self.timeout, read=max(self.timeout, silence_seconds))
        with self._translated():
            request = self._http.build_request("GET", path, params=_query(params), timeout=timeout)
            response = await self._answer(request)
        if not response.is_success:
            self._read(response)
        return response.content, name_in(response.headers.get("Content-Disposition", ""))

    @asynccontextmanager
    async def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, silence_seconds: float = 0.0
    ) -> AsyncIterator[Stream]:
        """The answer at `path`, whose body the caller reads in chunks: a file or an event stream.

        Args:
            path: the path below the service's URL.
            headers: further request headers.
            silence_seconds: the longest pause between two chunks, where that is longer than the transport's timeout.
        """
        timeout = httpx.Timeout(self.timeout, read=max(self.timeout, silence_seconds))
        with self._translated():
            request = self._http.build_request("GET", path, headers=headers, timeout=timeout)
            response = await self._answer(request, stream=True)
            try:
                if not response.is_success:
                    await self._read_body(response)
                    self._read(response)
                yield Stream(response.status_code, self._chunks(response))
            finally:
                await self._end(response)

    async def _answer(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """The answer to a request, which is sent again after the pause that a service asks for that has a limit."""
        throttle = Throttle(self.sleep)
        while True:
            response = await self._send(request, stream=stream)
            self.has_answered = True
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return response
            if stream:
                await self._read_body(response)
            if not await throttle.waited(response):
                return response

    def _read(self, response: httpx.Response) -> Any:
        return read(response, self.base_url, self._credential)

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


class BlockingTransport(Transport):
    """A transport whose coroutines never suspend: `flightline.client.blocking` runs them without an event loop."""

    _http: httpx.Client

    def __init__(
        self, base_url: str, timeout: float, http: httpx.BaseTransport | None = None, *, token: str | None = None
    ) -> None:
        super().__init__(base_url, timeout, token)
        self._http = httpx.Client(**self._options(), transport=http)

    async def _send(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        return self._http.send(request, stream=stream)

    async def _read_body(self, response: httpx.Response) -> None:
        response.read()

    async def _chunks(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        for chunk in response.iter_bytes():
            yield chunk

    async def _end(self, response: httpx.Response) -> None:
        response.close()

    async def sleep(self, seconds: float) -> None:
        """Wait, and block this thread."""
        time.sleep(seconds)  # noqa: ASYNC251 - this one blocks

    async def close(self) -> None:
        """Close all connections."""
        self._http.close()


class AsyncTransport(Transport):
    """A transport on asyncio's event loop."""

    _http: httpx.AsyncClient

    def __init__(
        self, base_url: str, timeout: float, http: httpx.AsyncBaseTransport | None = None, *, token: str | None = None
    ) -> None:
        super().__init__(base_url, timeout, token)
        self._http = httpx.AsyncClient(**self._options(), transport=http)

    async def _send(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        return await self._http.send(request, stream=stream)

    async def _read_body(self, response: httpx.Response) -> None:
        await response.aread()

    def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        return response.aiter_bytes()

    async def _end(self, response: httpx.Response) -> None:
        await response.aclose()

    async def sleep(self, seconds: float) -> None:
        """Wait, and let other tasks go on."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


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
