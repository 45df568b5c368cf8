"""Clients' connections: one that is slow, or silent, holds no thread of the server for ever.

gunicorn's threads block on a client's socket for as long as the client likes. Here a request gets a thread once its
head has arrived whole; the process' main thread collects heads meanwhile. From then on the client may keep its thread
waiting for a limited time beyond what a slow line explains: it must send its body, and take its answer, at a least
rate.
"""

from __future__ import annotations

import logging
import re
import socket
import time
from typing import TYPE_CHECKING, Self, cast

from gunicorn import http, util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import TConn, ThreadWorker
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.config import Config
    from typing_extensions import Buffer

log = logging.getLogger(__name__)

LINE_BYTES = 1 << 15
"""Most bytes of a request's line: a comparison names 200 jobs in it."""
HEAD_BYTES = 1 << 16
"""Most bytes of a request's line and headers together."""
BYTES_PER_SECOND = 1000.0
"""Least rate at which a client that keeps a thread waiting must send or take."""
LINGER_SECONDS = 2.0
"""How long a connection that is closed waits for the client to close its end, so that the answer is not cut off."""
_DRAINED = 1 << 24
"""Most bytes that are still read, and thrown away, before a connection is closed."""
_GLANCE_SECONDS = 0.01
_PIECE = 1 << 16
"""Most bytes that are read at once."""
_SENT = 1 << 18
"""Most bytes handed to the kernel at once, after which the time is looked at: a list of 100 jobs."""
_UNSENT = 1 << 15
"""Most bytes that the kernel holds unsent: a socket with room for them shows that the client has taken others."""
_END = re.compile(rb"\r\n\r\n|(?<!\r)\n")
"""The end of a head, or a line that ends as no line of HTTP may, which the parser refuses."""


class Patience:
    """How long a client may still keep a thread waiting: `seconds`, renewed by the bytes that pass.

    Waiting uses it up, and every `BYTES_PER_SECOND` bytes give back one second, up to where it began.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._used = 0.0

    @property
    def left(self) -> float:
        """Seconds that the client may still take; 0 or less once its time is over."""
        return self._seconds - self._used

    def account(self, waited: float, passed: int) -> None:
        """Count the seconds of a wait and the bytes that passed in it."""
        self._used = max(0.0, self._used + waited - passed / BYTES_PER_SECOND)


class ClientSocket(socket.socket):
    """A client's connection. To a client that is too slow it behaves as to one that has gone.

    Reading then finds the end, and writing raises BrokenPipeError.
    """

    _gave_up = False

    @classmethod
    def adopt(cls, accepted: socket.socket, seconds: float) -> Self:
        """Take over an accepted connection, whose client may keep a thread waiting for so many seconds."""
        client = cls(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        client.begin(seconds)
        return client

    def begin(self, seconds: float) -> None:
        """Give the client its whole time again, as with every request."""
        self._sending, self._taking = Patience(seconds), Patience(seconds)

    @override
    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        set_by_caller = self.gettimeout()
        if self._gave_up:
            return b""
        if set_by_caller == 0:
            return super().recv(bufsize, flags)
        began, received = time.monotonic(), b""
        try:
            self.settimeout(_shorter(set_by_caller, self._sending.left))
            received = super().recv(bufsize, flags)
        except TimeoutError:
            if set_by_caller is not None and set_by_caller < self._sending.left:
                raise
            self._give_up("sends")
        finally:
            self._sending.account(time.monotonic() - began, len(received))
            self.settimeout(set_by_caller)
        return received

    @override
    def send(self, data: Buffer, flags: int = 0, /) -> int:
        set_by_caller = self.gettimeout()
        if set_by_caller == 0:
            return super().send(data, flags)
        began, sent = time.monotonic(), 0
        try:
            self.settimeout(_shorter(set_by_caller, self._taking.left))
            sent = super().send(data, flags)
        except TimeoutError as error:
            if set_by_caller is not None and set_by_caller < self._taking.left:
                raise
            self._give_up("takes")
            raise BrokenPipeError(32, "The client takes its answer too slowly") from error
        finally:
            self._taking.account(time.monotonic() - began, sent)
            self.settimeout(set_by_caller)
        return sent

    @override
    def sendall(self, data: Buffer, flags: int = 0, /) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest[:_SENT], flags) :]

    def linger(self) -> None:
        """Say that no more will be sent, and wait shortly for the client to close its end."""
        util.close_graceful(self, LINGER_SECONDS, max_drain=_DRAINED)

    def _give_up(self, does: str) -> None:
        self._gave_up = True
        log.info("client_too_slow", extra={"does": does})


def _shorter(seconds: float | None, left: float) -> float:
    """Return the time-out of one call; above 0, which would mean: do not wait."""
    return max(0.001, left if seconds is None else min(seconds, left))


class Connection(TConn):
    """A connection with the part of a request's head that has arrived."""

    def __init__(self, cfg: Config, sock: ClientSocket, client: tuple[str, int], server: tuple[str, int]) -> None:
        super().__init__(cfg, sock, client, server)
        self.sock: ClientSocket = sock
        self.parser: http.RequestParser = http.RequestParser(cfg, sock, client)
        self._line_bytes = self._head_bytes = 0

    @override
    def wait_for_data(self, timeout: float | None) -> bool:
        """Whether a whole head is there, with what can be read without waiting; also at the client's end."""
        head = self.parser.unreader.take_buffered()
        searched = max(0, len(head) - 3)
        found, ended = _END.search(head), False
        while not found and not ended and len(head) <= HEAD_BYTES:
            try:
                more = self._read_now()
            except BlockingIOError:
                break
            head, ended = head + more, not more
            found = _END.search(head, searched)
        self.parser.unreader.unread(head)
        line, self._head_bytes = head.find(b"\r\n"), found.end() if found else len(head)
        self._line_bytes = len(head) if line < 0 else line
        return bool(found) or ended or len(head) > HEAD_BYTES

    @override
    def init(self) -> None:
        """Refuse a head that is too large: gunicorn calls this once `wait_for_data` has found one, before it parses."""
        if self._line_bytes > LINE_BYTES:
            raise LimitRequestLine(self._line_bytes, LINE_BYTES)
        if self._head_bytes > HEAD_BYTES:
            raise LimitRequestHeaders(f"more than {HEAD_BYTES} bytes")
        super().init()

    def _read_now(self) -> bytes:
        self.sock.setblocking(False)
        try:
            return self.sock.recv(_PIECE)
        except ConnectionError:
            return b""

    def is_read(self) -> bool:
        """Whether the last request was read whole: if not, closing now might cut its answer off."""
        finish = cast("Callable[..., bool]", self.parser.finish_body)  # its stub is of a release before
        return self.parser.mesg is not None and finish(deadline=time.monotonic() + _GLANCE_SECONDS)

    @override
    def close(self, graceful: bool = False) -> None:
        """Close at once: gunicorn's main thread would wait for the client's end, and meanwhile serve nobody."""
        super().close(graceful=False)


class ClientWorker(ThreadWorker):
    """gunicorn's worker of threads, whose threads no client can hold for ever."""

    client_seconds = 60.0
    """Seconds that a client may keep a thread waiting, see `Patience`."""

    @override
    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another process has taken it, or the client has gone
        self.nr_conns += 1
        sock = ClientSocket.adopt(accepted, self.client_seconds)
        self.enqueue_req(Connection(self.cfg, sock, client, listener.getsockname()))

    @override
    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        if conn.wait_for_data(0):
            super().on_pending_socket_readable(conn, client)

    @override
    def handle(self, conn: TConn) -> bool:
        conn = cast("Connection", conn)  # see `accept`
        conn.sock.begin(self.client_seconds)
        conn.parser.mesg = None
        keep = super().handle(conn)
        # The next request waits for its head like the first.
        conn.initialized = conn.data_ready = False
        if not keep and not conn.is_read():
            conn.sock.linger()
        return keep

    @override
    def murder_pending(self) -> None:
        if not self.alive:  # a stopping process waits no longer for heads than for connections that are kept alive
            soon = time.monotonic() + LINGER_SECONDS
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout or soon, soon)
        super().murder_pending()
