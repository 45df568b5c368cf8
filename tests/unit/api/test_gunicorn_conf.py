"""How the server is set up."""

from __future__ import annotations

import runpy
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from api.app import create_app
from api.http.token_uses import TokenUses
from api.services import Services
from shared import logs
from shared.delivery.reconciler import Reconciler
from tests.conftest import SettingsFactory


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the configuration under some settings."""

    def read(**environment: str) -> dict[str, Any]:
        for name, value in environment.items():
            monkeypatch.setenv(f"FLIGHTLINE_{name}", value)
        return runpy.run_module("api.gunicorn_conf")

    return read


def test_by_default_it_listens_here_alone(configuration: Any) -> None:
    """Nobody on the network reaches it unless somebody says so."""
    host, _, _ = configuration()["bind"].partition(":")

    assert ip_address(host).is_loopback


def test_the_settings_decide(configuration: Any) -> None:
    """Address, processes and threads are settings; an IPv6 address is put in brackets."""
    read = configuration(HOST="::", PORT="9000", API_PROCESSES="3", API_THREADS="16")

    assert read["bind"] == "[::]:9000"
    assert (read["workers"], read["threads"]) == (3, 16)


def test_the_reconciler_has_a_database_of_its_own(
    configuration: Any, settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What requests ask of theirs, and how long that takes, says nothing of how healthy the reconciler is."""
    started: list[Reconciler] = []
    monkeypatch.setattr(Reconciler, "start", lambda reconciler, _interval: started.append(reconciler))
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    app = create_app(settings())
    services: Services = app.extensions["flightline"]

    configuration()["post_worker_init"](SimpleNamespace(wsgi=app, alive=True, part=0))

    [reconciler] = started
    assert reconciler._db is not services.db
    assert reconciler._watch._db is reconciler._db


@pytest.mark.parametrize("auth", ["on", "off"])
def test_it_does_not_start_where_nobody_could_use_it(
    configuration: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    """Also where gunicorn is started without the command: it says which command makes the first token."""
    monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", sqlite_url)
    starting = configuration(AUTH=auth)["on_starting"]
    if auth == "off":
        starting(None)
        return
    with pytest.raises(SystemExit, match="flightline token create --owner NAME --scope admin"):
        starting(None)


def test_the_uses_of_tokens_are_recorded(
    configuration: Any, settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread of each process."""
    started: list[TokenUses] = []

    def start(uses: TokenUses) -> None:
        started.append(uses)

    monkeypatch.setattr(Reconciler, "start", lambda _reconciler, _interval: None)
    monkeypatch.setattr(TokenUses, "start", start)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    app = create_app(settings())
    configuration()["post_worker_init"](SimpleNamespace(wsgi=app, alive=True, part=0))
    assert started == [app.extensions["flightline"].authentication.uses]
