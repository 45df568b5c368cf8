"""The Flask application, wired in one place."""

from __future__ import annotations

from flask import Flask

from api.http import errors, operations, page, request_log, security
from api.http.access import limits
from api.http.description import reference
from api.http.proxies import Proxies
from api.routes import (
    batches,
    catalog,
    events,
    exports,
    fleet,
    health,
    imports,
    jobs,
    metrics,
    people,
    predictions,
    results,
    webhooks,
)
from api.routes.search import comparison, leaderboard, sweeps
from api.services import Services
from shared.settings import Settings

ROUTES = (
    *(
        batches.routes,
        imports.routes,
        jobs.routes,
        results.routes,
        comparison.routes,
        predictions.routes,
        exports.routes,
    ),
    *(sweeps.routes, leaderboard.routes, events.routes, fleet.routes, catalog.routes, people.routes, webhooks.routes),
    *(health.routes, metrics.routes),
)


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """Build the Flask application from the environment's settings, or from the given ones.

    Args:
        settings: the configuration; read from ``FLIGHTLINE_*`` if omitted.
        services: database, broker, storage and streams to use in place of the real ones, for tests.
    """
    services = services or Services.build(settings or Settings())
    app = Flask("api", static_url_path="/static")
    app.url_map.merge_slashes = False  # a doubled slash is an unknown path, not a redirect
    every = [operation for routes in ROUTES for operation in routes.operations]
    request_log.register(app, services.metrics.requests)
    operations.register(app, services, every)
    reference.register(app, every)
    page.register(app)
    errors.register(app)
    limits.register(app)
    security.register(app, services.settings)
    services.metrics.requests.know(rule.endpoint for rule in app.url_map.iter_rules())
    app.extensions["flightline"] = services
    settings = services.settings
    app.wsgi_app = Proxies(app.wsgi_app, settings.trusted_proxies, settings.base_path)  # type: ignore[method-assign]
    return app
