"""More at once than the database has connections for."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.services import Services


def test_without_a_free_connection_the_answer_is_503(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When to try again, not a fault of the server's."""

    def none_free() -> None:
        raise PoolTimeout("QueuePool limit reached")

    with monkeypatch.context() as busy:
        busy.setattr(services.db.engine.pool, "connect", none_free)
        response = client.get("/v1/jobs")

    assert response.status_code == 503
    assert response.json is not None
    assert response.json["code"] == "database_unavailable"
    assert client.get("/v1/jobs").status_code == 200
