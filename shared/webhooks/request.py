"""One HTTP request to a webhook's receiver: to an address that was resolved once, within a time, with a small answer.

The name is resolved here, its addresses are judged, and the connection goes to one of those very addresses: a name that
resolves to something else a moment later changes nothing. TLS still asks for, and verifies, the certificate of the
name. Redirects are not followed, proxies of the environment are not used, and connections are not kept.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from shared.webhooks.deliveries import Attempt
from shared.webhooks.hosts import AllowedHosts, Destination, read_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TOTAL_SECONDS = 15.0
"""Longest time of a request: from the connection to the end of its answer."""
CONNECT_SECONDS = 5.0
"""Longest time of a connection to one address; then the name's next address is tried."""
MOST_ANSWER_BYTES = 4096
"""Bytes of the answer's body that are read, for the sake of receivers that dislike a broken connection."""
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)


class Unreachable(Exception):
    """A request that cannot be sent; the message says why."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the machine's resolver, in its order of preference. Raises OSError."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class Sender:
    """Sends requests to the hosts that are allowed.

    Attributes:
        hosts: where requests may go.
        resolve: returns the addresses of a host and port; raises OSError.
        total_seconds: longest time of a request, the resolution aside, which the machine's resolver limits.
        tls: how certificates are verified.
    """

    hosts: AllowedHosts
    resolve: Callable[[str, int], Sequence[str]] = resolve
    total_seconds: float = TOTAL_SECONDS
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send one message; return what became of it. Whatever fails on the way is an attempt that failed."""
        try:
            destination = read_url(url)
            addresses = self._addresses(destination)
        except ValueError as error:
            return Attempt(error=f"The URL {error}.")
        except Unreachable as error:
            return Attempt(error=str(error))
        return asyncio.run(self._post(destination, addresses, headers, body))

    def _addresses(self, destination: Destination) -> list[str]:
        """Return the addresses that may be connected to. Raises Unreachable when there is none."""
        host = destination.host
        if not self.hosts.allows(destination):
            message = f"FLIGHTLINE_WEBHOOK_HOSTS does not list {destination.authority}."
            raise Unreachable(message)
        try:
            found = [host] if destination.is_address else list(self.resolve(host, destination.port))
        except (OSError, UnicodeError) as error:
            message = f"{host} could not be resolved ({_reason(error)})."
            raise Unreachable(message) from error
        addresses = self.hosts.reachable(found)
        if not addresses:
            message = (
                f"{host} resolves to {', '.join(found[:3]) or 'nothing'}, which is not public and which "
                "FLIGHTLINE_WEBHOOK_HOSTS does not list."
            )
            raise Unreachable(message)
        return addresses

    async def _post(
        self, destination: Destination, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> Attempt:
        try:
            async with asyncio.timeout(self.total_seconds):
                return await self._post_to_first(destination, addresses, headers, body)
        except TimeoutError:
            return Attempt(error=f"{destination.host} did not answer within {self.total_seconds:g} s.")
        except httpx.ConnectTimeout:
            return Attempt(error=f"No connection to {destination.authority} within {CONNECT_SECONDS:g} s.")
        except httpx.HTTPError as error:
            return Attempt(error=f"{destination.authority}: {_reason(error)}.")

    async def _post_to_first(
        self, destination: Destination, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> Attempt:
        """Send to the first address that accepts a connection; a message is sent to one address at most."""
        async with httpx.AsyncHTTPTransport(
            verify=self.tls, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        ) as transport:
            for address in addresses[:-1]:
                try:
                    return await _exchange(transport, _request(destination, address, headers, body))
                except _NOT_CONNECTED:
                    continue
            return await _exchange(transport, _request(destination, addresses[-1], headers, body))


def _request(destination: Destination, address: str, headers: Mapping[str, str], body: bytes) -> httpx.Request:
    shown = f"[{address}]" if ":" in address else address
    extensions: dict[str, object] = {
        "target": destination.target.encode("ascii"),
        "timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None},
    }
    if not destination.is_address:
        extensions["sni_hostname"] = destination.host
    sent = {**headers, "Host": destination.authority, "Content-Type": "application/json", "User-Agent": "Flightline"}
    url = f"{destination.scheme}://{shown}:{destination.port}/"
    return httpx.Request("POST", url, headers=sent, content=body, extensions=extensions)


async def _exchange(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> Attempt:
    response = await transport.handle_async_request(request)
    try:
        size = 0
        async for chunk in response.aiter_raw(MOST_ANSWER_BYTES):
            size += len(chunk)
            if size >= MOST_ANSWER_BYTES:
                break
    except httpx.HTTPError:
        pass  # the status says whether the message was received
    finally:
        await response.aclose()
    return _judged(response)


def _judged(response: httpx.Response) -> Attempt:
    status = response.status_code
    if response.is_success:
        return Attempt(status)
    where = " (redirects are not followed: change the URL)" if response.is_redirect else ""
    wait = _retry_after(response.headers.get("Retry-After", ""))
    return Attempt(status, f"Answered {status} {response.reason_phrase[:60]}".rstrip() + f"{where}.", wait)


def _retry_after(text: str) -> float:
    """Return the seconds that a `Retry-After` header asks for; 0 for a date or what is neither."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0


def _reason(error: BaseException) -> str:
    """Return what an error says, without addresses of objects and without the URL, whose path may be a secret."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:200].rstrip(".")
