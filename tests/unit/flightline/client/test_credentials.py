"""Tokens that are kept on this machine, one for each service, and readable by their owner alone."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flightline import UsageError
from flightline.client.credentials import Credential, checked_token, credential, credentials_file, forget, keep
from shared.errors import ConfigurationError

URL, OTHER = "https://train.example.org/fl", "https://train.example.org"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the settings of this user."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_token_belongs_to_one_url(config: Path) -> None:
    """Another path, scheme or port is another service."""
    assert credential(URL) is None
    file = keep(URL, "fl_mine")
    assert file == config / "flightline" / "credentials"
    assert credential(URL) == Credential("fl_mine", str(file))
    for other in (OTHER, "http://train.example.org/fl", "https://train.example.org:8470/fl", f"{URL}/x"):
        assert credential(other) is None
    keep(OTHER, "fl_other")
    keep(URL, "fl_newer")
    assert json.loads(file.read_text()) == {URL: "fl_newer", OTHER: "fl_other"}


def test_the_file_is_for_its_owner_alone() -> None:
    """Whatever umask there is; and nothing else is left in its folder."""
    before = os.umask(0)
    try:
        file = keep(URL, "fl_mine")
        keep(OTHER, "fl_other")
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in file.parent.iterdir()] == ["credentials"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_is_refused(mode: int) -> None:
    """By reads and changes; the message says what to do, and shows no token."""
    file = keep(URL, "fl_mine")
    file.chmod(mode)
    for use in (lambda: credential(URL), lambda: keep(URL, "x"), lambda: forget(URL)):
        with pytest.raises(UsageError, match=f"chmod 600 {file}") as caught:
            use()
        assert "fl_mine" not in str(caught.value)
    file.chmod(0o600)
    assert credential(URL) == Credential("fl_mine", str(file))


def test_a_file_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrote it chose where this user's jobs go."""
    keep(URL, "fl_mine")
    monkeypatch.setattr("flightline.client.credentials.os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="belong to another user"):
        credential(URL)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"https://host": 5}', '"fl_mine"', "\udcff"])
def test_a_file_that_is_none_is_named(content: str) -> None:
    """It is neither used nor replaced, and nothing of it is shown."""
    file = keep(URL, "fl_mine")
    file.write_bytes(content.encode(errors="surrogateescape"))
    for use in (lambda: credential(URL), lambda: keep(URL, "fl_x")):
        with pytest.raises(UsageError, match="is no JSON object of tokens by URL") as caught:
            use()
        assert "fl_mine" not in f"{caught.value!r} {caught.value.__context__!r}"
    assert file.read_bytes() == content.encode(errors="surrogateescape")


def test_forgetting(config: Path) -> None:
    """What is not there is no error, and makes no file."""
    assert forget(URL) is False
    assert not config.exists()
    keep(URL, "fl_mine")
    keep(OTHER, "fl_other")
    assert (forget(URL), forget(URL)) == (True, False)
    assert credential(URL) is None
    assert credential(OTHER) is not None


def test_many_at_once_lose_nothing() -> None:
    """Each of them changes the file as a whole."""
    urls = [f"https://host-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda url: keep(url, f"fl_{url[-2:]}"), urls))
    assert json.loads(credentials_file().read_text()).keys() == set(urls)


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    """People keep such files elsewhere."""
    elsewhere = tmp_path / "dotfiles"
    elsewhere.write_text("{}")
    elsewhere.chmod(0o600)
    (config / "flightline").mkdir(parents=True)
    (config / "flightline" / "credentials").symlink_to(elsewhere)
    keep(URL, "fl_mine")
    assert credentials_file().is_symlink()
    assert json.loads(elsewhere.read_text()) == {URL: "fl_mine"}


def test_the_argument_then_the_variable_then_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as none; an empty argument is a mistake."""
    keep(URL, "fl_stored")
    monkeypatch.setenv("FLIGHTLINE_TOKEN", " fl_variable\n")
    assert credential(URL, "fl_argument") == Credential("fl_argument", "Client(token=…)")
    assert credential(URL) == Credential("fl_variable", "FLIGHTLINE_TOKEN")
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "")
    found = credential(URL)
    assert found is not None
    assert found.token == "fl_stored"
    with pytest.raises(UsageError, match=r"Client\(token=…\) holds no token"):
        credential(URL, "")


def test_a_password_takes_the_place_of_a_stored_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request has room for one of them; two that somebody chose are a mistake."""
    keep(URL, "fl_stored")
    assert credential(URL, has_password=True) is None
    with pytest.raises(UsageError, match=r"not both: leave the one out of https://.*, or Client\(token=…\)"):
        credential(URL, "fl_argument", has_password=True)
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_variable")
    with pytest.raises(UsageError, match="or FLIGHTLINE_TOKEN"):
        credential(URL, has_password=True)


@pytest.mark.parametrize("text", ["", " ", "fl mine", "fl_ü", "fl_\x00", "fl_a\nfl_b", "f" * 4097, None, b"fl_mine"])
def test_what_no_header_can_carry_is_no_token(text: object) -> None:
    """The message names where it stands, and shows nothing of it."""
    with pytest.raises(UsageError) as caught:
        checked_token(text, "FLIGHTLINE_TOKEN")
    assert caught.value.detail == "FLIGHTLINE_TOKEN holds no token: a token is ASCII text without spaces."


def test_no_repr_shows_a_token() -> None:
    """Wherever the value comes to stand."""
    assert "mine" not in f"{Credential('fl_mine', 'here')}"


def test_a_folder_that_cannot_be_made_is_named(config: Path) -> None:
    """A file stands in its place."""
    config.write_text("")
    with pytest.raises(UsageError, match=f"Tokens cannot be stored in {config}/flightline"):
        keep(URL, "fl_mine")


def test_a_user_without_a_home_has_stored_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user talks to a service as before; only storing says what is missing."""

    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("XDG_CONFIG_HOME", "~/.config")
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert credential(URL) is None
    with pytest.raises(ConfigurationError, match="set XDG_CONFIG_HOME to a whole path"):
        keep(URL, "fl_mine")


def test_a_place_that_this_user_cannot_look_into_holds_nothing(config: Path) -> None:
    """Such as the home of another user, left in HOME; it is no reason to refuse a request."""
    config.parent.mkdir(exist_ok=True)
    config.write_text("")
    assert credential(URL) is None
