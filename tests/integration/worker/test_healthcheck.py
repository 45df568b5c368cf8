"""What a container engine is told of a worker."""

from shared.database.engine import Database
from shared.fleet import workers
from shared.fleet.workers import Identity
from tests.conftest import SettingsFactory
from worker.healthcheck import reports


def test_a_worker_that_reports_is_healthy_on_its_own_host(settings: SettingsFactory) -> None:
    """A fresh report counts for the host that it came from alone, and no longer than a lease."""
    found = settings()
    db = Database(found.sqlalchemy_url)
    assert not reports(found, "here")
    identity = Identity("here:cpu:1", "here", 1, "cpu", "cpu")
    workers.register(db, identity, device_name=None, versions={}, datasets=[])
    db.dispose()
    assert reports(found, "here")
    assert not reports(found, "elsewhere")
    assert not reports(found.model_copy(update={"lease_seconds": -1.0}), "here")
