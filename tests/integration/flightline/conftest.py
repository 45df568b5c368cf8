"""A home for each name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations
from shared.settings import Settings
from tests.support.homes import Home, closing_database
from tests.support.servers import reserve_port


@pytest.fixture
def port() -> Iterator[str]:
    """A port for the API, which one that is restarted takes again."""
    with reserve_port() as reserved:
        yield str(reserved.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Settings over a home of this name, with a database in it unless it is called `new`."""

    def make(name: str) -> Settings:
        settings = Settings(home=tmp_path / name)
        if name != "new":
            settings.home_dir.mkdir()
            with closing_database(settings) as db:
                migrations.upgrade(db)
        return settings

    return make
