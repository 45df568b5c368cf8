"""Checks of FLIGHTLINE_DATABASE_URL before the first connection. No message repeats the password."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SAWarning

from shared.errors import ConfigurationError
from shared.paths import expanded

_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_EXAMPLE = "such as sqlite:////path/file.db or postgresql://user:password@host:5432/name"
_ENCODED = "In a password, write / ? # @ : % as %2F %3F %23 %40 %3A %25."


def parsed(url: str) -> URL:
    """Parse the URL, with the driver that Flightline uses and an absolute path of a SQLite file.

    Raises:
        ConfigurationError: the database is of another kind; the driver, port or an option is not supported; the path
            of a SQLite file is relative, or names something else than a file.
    """
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: of a port. Neither message is repeated, as they quote the URL
        raise _refused(f"is not a database URL {_EXAMPLE}, or its port is not a number. {_ENCODED}") from None
    backend = found.get_backend_name()
    if backend not in _DRIVERS or (backend == "sqlite" and found.database in (None, "", ":memory:")):
        raise _refused(f"must name a SQLite file or a PostgreSQL database, {_EXAMPLE}.")
    if found.drivername not in (backend, _DRIVERS[backend]):
        raise _refused(f"asks for the driver {found.drivername}; write {backend}:// (which is {_DRIVERS[backend]}).")
    found = found.set(drivername=_DRIVERS[backend])
    _check_options(found)
    if found.database and backend == "sqlite":
        return found.set(database=_file(found.database))
    return found


def _file(path: str) -> str:
    """Return the absolute path of a SQLite file. A relative one is refused: it would depend on the process."""
    if not path.startswith(("/", "~")):
        raise _refused(
            f"names {path}, relative to the folder that a process starts in. Write sqlite:////{path} (four "
            f"slashes) for /{path}, or sqlite:///{Path(path).absolute()} for the one below the present folder."
        )
    absolute = str(expanded(Path(path), "FLIGHTLINE_DATABASE_URL"))
    if os.path.exists(absolute) and not os.path.isfile(absolute):  # noqa: PTH110, PTH113 - Path's raise without permission
        raise ConfigurationError(
            f"The database {absolute} is a folder or a device, where a SQLite file should be. Move it away, or name "
            f"another place in FLIGHTLINE_DATABASE_URL, {_EXAMPLE}."
        )
    return absolute


def _check_options(url: URL) -> None:
    if set(url.host or "") & set("@/?# "):  # the rest of a password, which a message about the host would repeat
        raise _refused(f"has a password that is not percent-encoded. {_ENCODED}")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise _refused(f"has the port {url.port}, which is not between 1 and 65535.")
    try:
        _check_sqlite(url) if url.get_backend_name() == "sqlite" else _check_postgresql(url)
    except ValueError as error:
        names = ", ".join(url.query)
        raise _refused(
            f"has an option that the database driver does not know, or a wrong value for it: {names}."
        ) from error


def _check_sqlite(url: URL) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SAWarning)
        try:
            url.get_dialect()().create_connect_args(url)
        except SAWarning as ignored:  # SQLAlchemy would ignore options that it does not know
            raise ValueError(str(ignored)) from ignored


def _check_postgresql(url: URL) -> None:
    # Imported here: 7 MB of memory that a process on SQLite saves.
    import psycopg  # noqa: PLC0415
    from psycopg import pq  # noqa: PLC0415
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    options: dict[str, Any] = {key: value for key, value in url.query.items() if key not in ("host", "port")}
    try:
        # libpq checks the values when a connection begins: one to this machine, which is not waited for.
        conninfo = make_conninfo(**options | {"hostaddr": "127.0.0.1", "port": 1})
        attempt = pq.PGconn.connect_start(conninfo.encode())
    except psycopg.Error as error:
        raise ValueError(str(error)) from error
    fault = attempt.error_message.decode(errors="replace")
    attempt.finish()
    if "invalid" in fault:
        raise ValueError(fault)


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(f"FLIGHTLINE_DATABASE_URL {what}")
