"""More at once than the database has connections for."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import create_engine

from api.services import Services


def test_without_a_free_connection_the_answer_is_503(client: FlaskClient, services: Services) -> None:
    """When to try again, not a fault of the server's."""
    services.db.ping()
    services.db._engine = create_engine(
        services.settings.sqlalchemy_url, pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    with services.db.read():
        response = client.get("/v1/jobs")

    assert response.status_code == 503
    assert response.json is not None
    assert response.json["code"] == "database_unavailable"
    assert client.get("/v1/jobs").status_code == 200
