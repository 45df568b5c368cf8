"""What the live workers offer, as requests need it: themselves, and the catalogue of their data sets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from api.services import Services
from shared.errors import DatabaseUnavailable
from shared.fleet import datasets
from shared.jobs.reads import queries
from shared.jobs.reads.queries import Workers
from shared.jobspec import BUILT_IN, Catalog


def live_workers(services: Services) -> Callable[[], Workers]:
    """Return a function that reads the live workers; cache it where one request reads them twice."""
    return partial(queries.live_workers, services.db, silent_seconds=services.settings.lease_seconds)


def catalog_of(services: Services, live: Callable[[], Workers]) -> Catalog:
    """Return the catalogue that a spec is checked against; the built-in one while the database is unavailable."""
    try:
        return datasets.catalog(services.db, live())
    except DatabaseUnavailable:
        return BUILT_IN
