"""How long a stream lasts whose job does not end: a reader that has stopped reading holds no thread for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http import operations
from api.http.live import streams
from tests.support.clocks import Clock


def test_a_stream_ends_after_a_while(
    client: FlaskClient, submit: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two events, and whoever asks for what came after the last one goes on from there."""
    clock = Clock()
    monkeypatch.setattr(operations, "time", clock)
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.05)
    path = f"/v1/jobs/{submit()['id']}/events"

    def read(last: bytes, **headers: str) -> str:
        """Read a stream whose time is over once it has said this."""
        with client.get(path, headers=headers) as stream:
            frames, seen = stream.iter_encoded(), b""
            while last not in seen:
                seen += next(frames)
            clock.now += operations.STREAM_SECONDS
            return (seen + b"".join(frames)).decode()

    whole = read(b"event: status")
    rest = read(b": keep-alive", **{"Last-Event-ID": "1"})

    assert whole.count("event: status") == 1
    assert whole.endswith("\n\n")
    assert "event:" not in rest
