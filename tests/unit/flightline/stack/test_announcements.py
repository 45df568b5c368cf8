"""What `flightline up` says when it is ready."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flightline.stack.announcements import TextReporter
from flightline.stack.programs import Layout


@pytest.mark.parametrize("authenticated", [True, False])
def test_how_to_sign_in_is_said_where_one_has_to(
    authenticated: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that makes a token, and the one that keeps it; without tokens, no word of them."""
    layout = Layout(tmp_path, "127.0.0.1", 8470, ("cpu",), None, 30.0, authenticated=authenticated)
    fleet = SimpleNamespace(datasets=list)
    stack: Any = SimpleNamespace(layout=layout, url="http://127.0.0.1:8470", fleet=fleet)

    TextReporter().ready(stack, [])

    said = " ".join(capsys.readouterr().out.split())
    assert ("`flightline token create --owner NAME` makes a token" in said) is authenticated
    assert ("`flightline login http://127.0.0.1:8470` asks for it" in said) is authenticated
