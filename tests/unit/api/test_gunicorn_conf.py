"""How the server is set up."""

from __future__ import annotations

import datetime as dt
import logging
import runpy
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn import glogging
from gunicorn.config import Config

from api.app import create_app
from api.http.access.token_uses import TokenUses
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


def test_a_process_says_that_it_is_alive_in_memory_where_there_is_some(configuration: Any) -> None:
    """gunicorn does so before it looks for each request, and on a disk would wait for what others write."""
    memory = Path("/dev/shm")

    assert configuration()["worker_tmp_dir"] == (str(memory) if memory.is_dir() else None)


def test_gunicorn_composes_no_line_for_a_request(configuration: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API writes its own lines; gunicorn would fill in each of its lines, though nobody reads it."""
    composed: list[object] = []

    def compose(*asked: object) -> dict[str, object]:
        composed.append(asked)
        return {}

    monkeypatch.setattr(glogging.Logger, "atoms", compose)
    read = configuration()
    logger = object.__new__(read["logger_class"])  # whose constructor would set up the logs of the tests
    logger.cfg, logger.access_log = Config(), logging.getLogger("nobody")
    logger.cfg.set("logconfig_dict", read["logconfig_dict"])

    logger.access(None, None, {}, dt.timedelta())

    assert composed == []


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
