"""The two URLs among the settings: what cannot work is refused in one line, which repeats no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.database import url_check
from shared.delivery import redis_url
from shared.errors import ConfigurationError
from shared.paths import expanded


class TestRedis:
    @pytest.mark.parametrize(
        "url",
        [
            "redis://localhost",
            "redis://:p%2Fw@redis.example:6379/3",
            "rediss://h:6380/1?ssl_cert_reqs=none",
            "redis://[::1]:6379/0",
            "unix:///tmp/redis.sock?db=2",
        ],
    )
    def test_what_works_passes(self, url: str) -> None:
        """As it is written."""
        assert redis_url.checked(url) == url

    @pytest.mark.parametrize(
        "url,said",
        [
            ("redis://:s3c/ret@localhost:6379/0", "a password that is not percent-encoded"),
            ("redis://:s3c?ret@localhost:6379/0", "a password that is not percent-encoded"),
            ("redis://:s3c#ret@localhost:6379/0", "a password that is not percent-encoded"),
            ("redis://:12/s3cret@localhost:6379/0", "names no host"),
            ("redis://localhost:s3c/0", "a port that is not a number"),
            ("redis://localhost:0/0", "a port that is not a number"),
            ("redis://localhost:70000/0", "a port that is not a number"),
            ("redis://localhost:6379/s3c", "names a database that is not a number"),
            ("redis://localhost:6379/0?s3c=1", "an option after the ? that redis-py does not know"),
            ("redis://localhost:6379/0#s3c", "has a # in it"),
            ("unix://", "names no socket"),
            ("http://s3c", "must begin with redis://"),
            ("s3c", "must begin with redis://"),
        ],
    )
    def test_what_cannot_work_is_refused(self, url: str, said: str) -> None:
        """By the setting's name, with the right form, and with no piece of the URL."""
        with pytest.raises(ConfigurationError) as refused:
            redis_url.checked(url)

        assert said in refused.value.detail
        assert refused.value.detail.startswith("FLIGHTLINE_REDIS_URL ")
        assert "s3c" not in refused.value.detail
        assert refused.value.__cause__ is None

    def test_kombu_has_a_spelling_of_its_own(self) -> None:
        """Of sockets alone."""
        assert redis_url.kombu_url("unix:///tmp/x.sock") == "redis+socket:///tmp/x.sock"
        assert redis_url.kombu_url("redis://h/1") == "redis://h/1"


class TestDatabase:
    @pytest.mark.parametrize(
        "url,driver",
        [
            ("sqlite:////tmp/x.db", "sqlite+pysqlite"),
            ("sqlite:////tmp/x.db?timeout=30", "sqlite+pysqlite"),
            ("postgres://u@h/x", "postgresql+psycopg"),
            ("postgresql://u:se%40c%2Fret@h:5432/x", "postgresql+psycopg"),
            ("postgresql+psycopg://u@/x?host=/tmp/sock&port=5433", "postgresql+psycopg"),
            ("postgresql://u@h/x?sslmode=require&connect_timeout=3", "postgresql+psycopg"),
        ],
    )
    def test_what_works_passes(self, url: str, driver: str) -> None:
        """With the driver that Flightline uses."""
        assert url_check.parsed(url).drivername == driver

    @pytest.mark.parametrize(
        "url,said",
        [
            ("postgresql+psycopgx://u:s3cret@h/x", "asks for the driver postgresql+psycopgx; write postgresql://"),
            ("postgresql+psycopg2://u:s3cret@h/x", "asks for the driver postgresql+psycopg2; write postgresql://"),
            ("sqlite+aiosqlite:////tmp/x.db", "asks for the driver sqlite+aiosqlite; write sqlite://"),
            ("postgresql://u:first@s3cret@h:5432/x", "has a password that is not percent-encoded"),
            ("postgresql://u:first@s3cret#x@h", "has a password that is not percent-encoded"),
            ("postgresql://u:s3cret@h:54x2/x", "its port is not a number"),
            ("postgresql://u:s3cret@h:99999/x", "has the port 99999"),
            ("postgresql://u:s3cret@h/x?sslmod=require", "does not know, or a wrong value for it: sslmod."),
            ("postgresql://u:s3cret@h/x?sslmode=bogus", "does not know, or a wrong value for it: sslmode."),
            ("sqlite:////tmp/x.db?foo=bar", "does not know, or a wrong value for it: foo."),
            ("mysql://u:s3cret@h/x", "must name a SQLite file or a PostgreSQL database"),
            ("sqlite://", "must name a SQLite file"),
            ("sqlite:///:memory:", "must name a SQLite file"),
            ("sqlite:///tmp/x.db", "names tmp/x.db, relative to the folder that a process starts in."),
            ("sqlite:///x.db?timeout=30", "names x.db, relative"),
            ("sqlite:///./x.db", "names ./x.db, relative"),
            ("s3cret", "is not a database URL"),
        ],
    )
    def test_what_cannot_work_is_refused(self, url: str, said: str) -> None:
        """By the setting's name, saying which part is wrong, and never the password."""
        with pytest.raises(ConfigurationError) as refused:
            url_check.parsed(url)

        assert said in refused.value.detail
        assert refused.value.detail.startswith("FLIGHTLINE_DATABASE_URL ")
        assert "s3cret" not in refused.value.detail

    def test_a_relative_path_is_refused_with_both_spellings(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Whoever wrote three slashes meant the root or the present folder; each can be copied from the message."""
        monkeypatch.chdir(tmp_path)

        with pytest.raises(ConfigurationError) as refused:
            url_check.parsed("sqlite:///tmp/x.db")

        for file in ("/tmp/x.db", f"{tmp_path}/tmp/x.db"):
            assert f"sqlite:///{file} " in refused.value.detail
            assert url_check.parsed(f"sqlite:///{file}").database == file

    @pytest.mark.parametrize("place", ["/dev/null", "/"])
    def test_what_is_no_file_is_refused(self, place: str) -> None:
        """A device or a folder holds no database: the message names it and the setting."""
        with pytest.raises(ConfigurationError, match=f"^The database {place} is .* FLIGHTLINE_DATABASE_URL"):
            url_check.parsed(f"sqlite:///{place}")


def test_a_user_without_a_home_is_told_which_setting_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME is unset and passwd has no entry, as in many containers."""

    def homeless(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)

    with pytest.raises(
        ConfigurationError, match=r"^FLIGHTLINE_HOME is ~/\.flightline, but this user has no home folder"
    ):
        expanded(Path("~/.flightline"), "FLIGHTLINE_HOME")
