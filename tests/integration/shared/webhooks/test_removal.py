"""A webhook that is removed while jobs end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from shared.database.engine import Database
from shared.errors import WebhookNotFound
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.webhooks import deliveries, events, hooks
from shared.webhooks.signature import SigningKey
from tests.support import factories


def test_a_webhook_that_is_removed_as_a_job_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two statements of the job's end, wherever the database allows that: the end does not fail by it."""
    webhook = hooks.create(database, "https://hooks.example.com/a", ["job.finished"], SigningKey(bytes(32))).id
    claim = factories.running(database)
    insert = events._insert

    def remove() -> None:
        hooks.delete(database, webhook)
        deliveries.remove_old(database)

    remover = threading.Thread(target=remove)

    def insert_late(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        remover.start()
        if connection.dialect.name == "postgresql":  # SQLite has one writer at a time: there it waits for the job
            remover.join()
        insert(connection, rows)

    monkeypatch.setattr(events, "_insert", insert_late)
    job = factories.succeed(database, claim)
    remover.join()

    assert queries.job(database, job, actor=EVERYBODY).status == "succeeded"
    with pytest.raises(WebhookNotFound):
        deliveries.page(database, webhook)
    assert deliveries.ready_webhooks(database) == []
    assert deliveries.due(database, webhook, 10) == []
