"""No secret leaves the service: not in a log, an answer, a command line, a metric, nor a row of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from redis import Redis
from sqlalchemy.engine import make_url

from shared.database.engine import Database
from tests.support import factories
from tests.support.servers import RedisServer, start_redis
from tests.support.stacks import TINY, Stack, processes_of, until

MARK = "PLANTED"
"""A part of every secret here."""
DATABASE, REDIS, BUCKET, TRACES = (f"{MARK}{name}0123456789abcdef" for name in ("db", "redis", "s3", "otel"))
TOKEN = f"fl_{MARK}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[:46]
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Proxy-Authorization": f"Basic {MARK}cHJveHk6c2VjcmV0",
    "Cookie": f"session={TOKEN}",
    "X-Api-Key": f"{MARK}key",
    "X-Request-ID": f"{MARK} is no id, as it has spaces",
}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis that asks for a password."""
    server = start_redis()
    with server.client() as client:
        client.config_set("requirepass", REDIS)
    yield server
    server.remove()


@pytest.fixture
def stack(redis: RedisServer, postgres_url: str, s3_url: str, tmp_path: Path) -> Iterator[Stack]:
    """A stack with a secret in every setting that takes one; it logs all that it can."""
    settings = {
        "FLIGHTLINE_DATABASE_URL": make_url(postgres_url).set(password=DATABASE).render_as_string(False),
        "FLIGHTLINE_REDIS_URL": with_password(redis),
        "FLIGHTLINE_ARTIFACTS_URL": s3_url,
        "FLIGHTLINE_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{TRACES}@127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TRACES}",
        "AWS_SECRET_ACCESS_KEY": BUCKET,
    }
    with closing(Stack(tmp_path / "home", "cpu=1,predict=0", **settings)) as stack:
        yield stack


def with_password(redis: RedisServer) -> str:
    """Its URL, for those who may use it."""
    return redis.url.replace("unix://", f"unix://:{REDIS}@")


def found_in(text: str) -> list[str]:
    """The lines that hold a secret."""
    return [line for line in text.splitlines() if MARK in line]


def test_a_service_in_use_and_in_trouble(stack: Stack, redis: RedisServer, postgres_url: str) -> None:
    """A job, requests with secrets in every header, refused ones, a Redis that suddenly refuses its password."""
    url, answers = stack.ready["url"], []
    with httpx.Client(base_url=url, headers=HEADERS) as client:
        job = client.post("/v1/jobs", json=TINY)
        assert job.status_code == 201, job.text
        assert stack.client.wait(job.json()["id"]).status in {"succeeded", "failed"}
        answers += [client.get(path) for path in ("/v1/jobs", "/v1/workers", "/v1/queues", "/v1/nowhere", "/readyz")]
        answers.append(client.get("/v1/jobs", params={"X-Amz-Signature": "unknown"}))
        answers.append(client.post("/v1/jobs", json={"preset": "none"}))
        with Redis.from_url(with_password(redis)) as inside:
            inside.config_set("requirepass", f"{REDIS}new")
            inside.client_kill_filter(_type="normal", skipme=True)
        answers += [client.post("/v1/jobs", json=TINY), client.get("/readyz"), client.get("/metrics")]
        assert "flightline_redis_up 0.0" in answers[-1].text
        until(lambda: "publish_failed" in (stack.home / "logs" / "api.log").read_text())
    commands = "\n".join(processes_of(stack.home).values())
    assert stack.stop() == 0

    logs = "\n".join(path.read_text(errors="replace") for path in (stack.home / "logs").glob("*.log"))
    assert "service_unavailable" in logs or "publish_failed" in logs
    assert found_in(logs) == []
    assert found_in(stack.log.read_text()) == []
    assert found_in("\n".join(f"{answer.headers} {answer.text}" for answer in answers)) == []
    assert found_in(commands) == []
    db = Database(postgres_url)
    assert found_in(str(factories.everything(db))) == []
    db.dispose()
