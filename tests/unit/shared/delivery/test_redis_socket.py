"""Where the embedded Redis listens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from shared.delivery.redis_socket import MAX_PATH_BYTES, socket_path, socket_url
from shared.errors import ConfigurationError
from shared.settings import Settings


@pytest.fixture(autouse=True)
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temp folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_path_that_fits_is_in_the_home() -> None:
    """The longest one is what a socket's address can hold, in bytes."""
    name = "ö" * ((MAX_PATH_BYTES - len("//redis/redis.sock")) // 2)
    assert socket_path(Path("/", name)) == Path("/", name, "redis", "redis.sock")
    assert socket_path(Path("/", name + "ö")).parent.parent != Path("/", name + "ö")


def test_a_longer_one_gets_a_private_folder_elsewhere(temp: Path) -> None:
    """Always the same for a home, and short, and refused once it is open to others."""
    path = socket_path(temp / ("x" * 120))
    assert path == socket_path(temp / ("x" * 120)) != socket_path(temp / ("y" * 120))
    assert path.parent.parent == temp
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.chmod(0o777)
    with pytest.raises(ConfigurationError, match="must be a folder that only you can access"):
        socket_path(temp / ("x" * 120))


def test_every_process_takes_the_same_rule(temp: Path) -> None:
    """The settings lead to the socket that the server is given, in a home with a long path too."""
    for home in (temp, temp / ("x" * 120)):
        assert Settings(home=home).broker_url == socket_url(socket_path(home))


def test_urls_quote_the_path() -> None:
    """A space in the home does no harm."""
    assert socket_url(Path("/a b/redis.sock")) == "unix:///a%20b/redis.sock"
