"""The real parts that the endpoints use, chosen in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from shared.broker import Broker
from shared.db import Database
from shared.settings import Settings
from shared.storage import Storage


@dataclass(frozen=True)
class Services:
    """One process's settings and connections. None of them connects before it is used."""

    settings: Settings
    db: Database
    broker: Broker
    storage: Storage

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """The real ones. Call after a fork, never before: no connection may be shared between processes."""
        return cls(
            settings, Database(settings.sqlalchemy_url), Broker(settings.broker_url), Storage(settings.storage_url)
        )
