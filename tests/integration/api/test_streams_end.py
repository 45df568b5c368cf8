"""How long a stream lasts whose job does not end: a reader that has stopped reading holds no thread for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http import operations
from api.http.live import streams


def test_a_stream_ends_after_a_while(
    client: FlaskClient, submit: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two events, and whoever asks for what came after the last one goes on from there."""
    monkeypatch.setattr(operations, "STREAM_SECONDS", 0.5)
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.05)
    path = f"/v1/jobs/{submit()['id']}/events"
    whole = client.get(path)
    rest = client.get(path, headers={"Last-Event-ID": "1"})

    assert whole.text.count("event: status") == 1
    assert whole.text.endswith("\n\n")
    assert "event:" not in rest.text
