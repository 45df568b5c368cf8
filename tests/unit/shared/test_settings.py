"""Settings: defaults, variables, errors, secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.errors import ConfigurationError
from shared.jobspec import Caps
from shared.settings import Settings


class TestDefaults:
    def test_everything_lies_in_the_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One folder to look at, to back up, to delete."""
        monkeypatch.setenv("HOME", str(tmp_path))
        settings, home = Settings(), tmp_path / ".flightline"

        assert settings.home_dir == home
        assert settings.sqlalchemy_url == f"sqlite:///{home}/flightline.db"
        assert settings.broker_url == f"unix://{home}/redis/redis.sock"
        assert settings.datasets_dir == home / "datasets"
        assert settings.storage_url == str(home / "artifacts")
        assert settings.cache_dir.parent == home

    def test_nothing_is_open_to_the_world(self) -> None:
        """And nothing is downloaded unasked."""
        settings = Settings()

        assert (settings.host, settings.port, settings.allow_download) == ("127.0.0.1", 8470, False)

    def test_caps_are_settings(self) -> None:
        """Every limit of a submission can be changed, and is what the spec's check has where it is not."""
        assert Settings().caps == Caps()
        settings = Settings(max_parameters=10, max_layers=2, max_epochs=3, max_batch_size=4)

        caps = settings.caps
        assert (caps.max_parameters, caps.max_layers, caps.max_epochs, caps.max_batch_size) == (10, 2, 3, 4)

    def test_a_home_with_odd_characters(self) -> None:
        """Goes into a URL and comes out again."""
        settings = Settings(home=Path("/some where/100%/#1"))

        assert settings.broker_url == "unix:///some%20where/100%25/%231/redis/redis.sock"

    def test_every_setting_says_what_it_is(self) -> None:
        """For the documentation and for `--help`."""
        assert all(field.description for field in Settings.model_fields.values())


class TestVariables:
    def test_they_win(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Over the defaults; what is given in code wins over them."""
        monkeypatch.setenv("FLIGHTLINE_PORT", "9000")
        monkeypatch.setenv("FLIGHTLINE_ALLOW_DOWNLOAD", "true")
        monkeypatch.setenv("FLIGHTLINE_DATA_DIR", "relative/data")

        assert (Settings().port, Settings().allow_download, Settings(port=1).port) == (9000, True, 1)
        assert Settings().datasets_dir == Path.cwd() / "relative" / "data"

    def test_an_empty_one_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As compose files write it."""
        monkeypatch.setenv("FLIGHTLINE_PORT", "")
        monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", "")

        assert Settings().port == 8470
        assert Settings().sqlalchemy_url.startswith("sqlite:///")

    def test_the_tests_see_none_of_the_shells(self) -> None:
        """What a developer has set must not decide a test."""
        assert not [name for name in os.environ if name.startswith("FLIGHTLINE_")]

    @pytest.mark.parametrize(
        "name,value",
        [
            ("PORT", "99999"),
            ("PORT", "abc"),
            ("LEASE_SECONDS", "0"),
            ("KEEP_WEIGHTS", "all"),
            ("LOG_LEVEL", "loud"),
            ("MAX_EPOCHS", "-1"),
            ("ALLOW_DOWNLOAD", "perhaps"),
        ],
    )
    def test_one_that_cannot_work_is_named(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        """So that it can be found."""
        monkeypatch.setenv(f"FLIGHTLINE_{name}", value)

        with pytest.raises(ConfigurationError, match=f"FLIGHTLINE_{name}: "):
            Settings()

    def test_all_that_cannot_work_are_named_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One start, one list."""
        monkeypatch.setenv("FLIGHTLINE_PORT", "x")
        monkeypatch.setenv("FLIGHTLINE_MAX_LAYERS", "y")

        with pytest.raises(ConfigurationError, match=r"FLIGHTLINE_PORT: .*\. FLIGHTLINE_MAX_LAYERS: .*\."):
            Settings()

    def test_a_heartbeat_must_fit_into_the_lease(self) -> None:
        """Both variables are named."""
        with pytest.raises(ConfigurationError, match=r"FLIGHTLINE_HEARTBEAT_SECONDS .* FLIGHTLINE_LEASE_SECONDS"):
            Settings(lease_seconds=3, heartbeat_seconds=2)

    def test_they_are_frozen(self) -> None:
        """One process, one configuration."""
        with pytest.raises(ValidationError, match="frozen"):
            Settings().port = 1  # type: ignore[misc]


class TestSecrets:
    def test_passwords_are_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In no log and no traceback."""
        monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", "postgresql://flightline:geheim@db/flightline")
        monkeypatch.setenv("FLIGHTLINE_REDIS_URL", "redis://:geheim@redis:6379/0")
        settings = Settings()

        shown = [repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()]

        assert not any("geheim" in text for text in shown)
        assert "geheim" in settings.sqlalchemy_url
        assert "geheim" in settings.broker_url

    def test_nor_in_errors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a wrong variable holds may be the right value of another."""
        monkeypatch.setenv("FLIGHTLINE_PORT", "redis://:geheim@redis")

        with pytest.raises(ConfigurationError) as caught:
            Settings()
        assert "geheim" not in caught.value.detail
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "variable, value, said",
    [
        ("FLIGHTLINE_PORT", "abc", "FLIGHTLINE_PORT: must be a whole number."),
        ("FLIGHTLINE_PORT", "70000", "FLIGHTLINE_PORT: must be at most 65535."),
        ("FLIGHTLINE_LEASE_SECONDS", "soon", "FLIGHTLINE_LEASE_SECONDS: must be a number."),
        ("FLIGHTLINE_ALLOW_DOWNLOAD", "perhaps", "FLIGHTLINE_ALLOW_DOWNLOAD: must be true or false."),
    ],
)
def test_a_setting_that_cannot_be_read_is_explained(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """In a sentence that names the variable and what fits it, without what it holds: that may be a secret."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        Settings()
    assert caught.value.detail == said
