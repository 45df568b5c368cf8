"""The endpoints of the catalogue: presets and data sets that a job may name."""

from __future__ import annotations

from functools import cache

from api.http.operations import Reply, Routes
from api.services import Services
from shared import wire
from shared.errors import DatabaseUnavailable, DatasetNotFound
from shared.fleet import datasets
from shared.jobs.actor import Actor
from shared.jobs.reads import queries
from shared.jobspec import BUILT_IN, PRESETS, Caps, parse_spec
from shared.wire.answer import names

routes = Routes("catalog")


@routes.route("GET", "/v1/presets", answers={200: wire.Page[wire.PresetInfo]})
def list_presets(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given both
    """List the presets: named partial specs, with what each costs."""
    return Reply(wire.Page(items=_presets(), next_cursor=None))


@routes.route("GET", "/v1/datasets", answers={200: wire.Page[wire.DatasetInfo]}, raises=(DatabaseUnavailable,))
def list_datasets(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """List the data sets that a job may name, and what the live workers hold of each."""
    return Reply(wire.Page(items=datasets.datasets(services.db, _live(services)), next_cursor=None))


@routes.route(
    "GET",
    "/v1/datasets/<dataset>",
    answers={200: wire.DatasetInfo},
    raises=(DatasetNotFound, DatabaseUnavailable),
)
def read_dataset(services: Services, actor: Actor, dataset: str) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Read a data set: its classes, the shape and numbers of its images, their mean and deviation, and who holds it."""
    return Reply(datasets.dataset(services.db, _live(services), dataset))


def _live(services: Services) -> queries.Workers:
    return queries.live_workers(services.db, silent_seconds=services.settings.lease_seconds)


@cache
def _presets() -> list[wire.PresetInfo]:
    """Return the presets with their costs, computed on the first request: they never change while a process runs."""
    return [
        wire.PresetInfo(
            name=preset.name,
            title=preset.title,
            note=preset.note,
            spec=dict(preset.document),
            cost=_totals(preset.name),
        )
        for preset in PRESETS.values()
    ]


def _totals(name: str) -> wire.Cost:
    cost = parse_spec({"preset": name}, Caps(), BUILT_IN).cost
    return wire.Cost(**{field: getattr(cost, field) for field in names(wire.Cost)})
