"""The service's signing key: from its setting, else from a file that the first who needs it makes."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from shared.errors import WebhookKeyUnusable
from shared.settings import Settings
from shared.webhooks.key_file import FILE, signing_key
from shared.webhooks.signature import SigningKey
from tests.support.concurrency import together

ENCODED = base64.b64encode(bytes(32)).decode()


def test_the_file_is_made_once(tmp_path: Path) -> None:
    """With permissions for its owner alone, and the same key for everybody after."""
    settings = Settings(home=tmp_path / "home")
    key = signing_key(settings)
    assert stat.S_IMODE((tmp_path / "home" / FILE).stat().st_mode) == 0o600
    assert signing_key(settings) == key
    assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]


def test_those_who_make_it_at_the_same_time_agree(tmp_path: Path) -> None:
    """The first link wins; the others read it."""
    settings = Settings(home=tmp_path)
    keys: list[SigningKey] = []
    together(*[lambda: keys.append(signing_key(settings))] * 8)
    assert len({key.value for key in keys}) == 1


def test_the_setting_comes_first(tmp_path: Path) -> None:
    """No file is made then."""
    assert signing_key(Settings(home=tmp_path, webhook_key=ENCODED)).value == bytes(32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["short", base64.b64encode(bytes(31)).decode(), "not base64 " * 5])
def test_what_is_no_key_is_refused_by_its_place(tmp_path: Path, text: str) -> None:
    """The message names the variable or the file, and never shows the text."""
    (tmp_path / FILE).write_text(text)
    for settings, place in (
        (Settings(home=tmp_path, webhook_key=text), "FLIGHTLINE_WEBHOOK_KEY"),
        (Settings(home=tmp_path), str(tmp_path / FILE)),
    ):
        with pytest.raises(WebhookKeyUnusable, match=r"32 random bytes") as caught:
            signing_key(settings)
        assert place in caught.value.detail
        assert text not in caught.value.detail
        assert text not in repr(settings)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """And the variable that does without it."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(WebhookKeyUnusable, match="FLIGHTLINE_WEBHOOK_KEY"):
        signing_key(Settings(home=tmp_path / "home"))
