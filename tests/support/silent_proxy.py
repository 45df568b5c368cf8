"""A unix-socket proxy whose connections can be silenced: they stay open, and nothing gets through any more."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from pathlib import Path


class SilentProxy:
    """Passes bytes between whoever connects to `socket_path` and the server at `target`.

    Args:
        socket_path: where it listens.
        target: the server's unix socket.
    """

    def __init__(self, socket_path: Path, target: Path) -> None:
        self._target = str(target)
        self._peers: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(socket_path))
        self._listener.listen(64)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._silenced: set[socket.socket] = set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def silence(self) -> None:
        """Let nothing more through on the connections there are; new ones work."""
        self._silenced |= set(self._peers)

    def close(self) -> None:
        """Hang up on everybody."""
        self._closed.set()
        self._thread.join()
        for end in [*self._peers, self._listener]:
            end.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            for key, _ in self._selector.select(0.05):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                self._accept() if source is self._listener else self._pass(source)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        for end, other in ((client, server), (server, client)):
            self._peers[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _pass(self, source: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = source.recv(1 << 16)
        if source in self._silenced:
            if not data:
                self._selector.unregister(source)  # its end is not passed on either
            return
        other = self._peers[source]
        if data:
            with contextlib.suppress(OSError):
                other.sendall(data)
            return
        for end in (source, other):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
            self._peers.pop(end, None)
            end.close()
