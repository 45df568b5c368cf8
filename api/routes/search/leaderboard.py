"""The endpoints that rank configurations by their seeds, and queue the seeds that would tell more."""

from __future__ import annotations

from functools import cache

import orjson
from flask import Response, request

from api.http.operations import Reply, Routes
from api.http.requests.search.leaderboard import SETTLEMENT, LeaderboardQuery, SettleQuery, read_settlement
from api.http.tables import as_csv, wants_csv
from api.live import catalog_of, live_workers
from api.services import Services
from shared import wire
from shared.delivery import publisher
from shared.errors import DatabaseUnavailable, InvalidSpec, TooManyQueuedJobs
from shared.jobs.actor import Actor
from shared.jobs.board import leaderboard, settling

routes = Routes("results", raises=(DatabaseUnavailable,))


@routes.route("GET", "/v1/leaderboard", query=LeaderboardQuery, answers={200: wire.Leaderboard}, csv=True)
def read_leaderboard(services: Services, actor: Actor, query: LeaderboardQuery) -> Reply | Response:
    """Rank configurations by their seeds: jobs that differ at most in their seed are one.

    The filters are those of the list of jobs; without `status` and `kind` they find trainings that have succeeded.
    Every pair is compared by Welch's t over seeds, with the degrees of freedom of the one that has fewer, and Holm's
    correction for the number of pairs. Configurations that it does not tell apart share a rank. Of one with a single
    seed nothing is proven: it is marked.
    """
    found = leaderboard.read(
        services.db, query.filter(), query.metric, query.mode, query.limit, level=query.level, actor=actor
    )
    if wants_csv(request):
        response = as_csv(orjson.loads(orjson.dumps(found.items, default=vars)))
        response.headers["Cache-Control"] = "no-store"
        return response
    return Reply(found, headers={"Vary": "Accept"})


@routes.route(
    "POST",
    "/v1/leaderboard/settle",
    query=SettleQuery,
    body=SETTLEMENT,
    answers={200: wire.Settlement, 201: wire.Settlement},
    raises=(InvalidSpec, TooManyQueuedJobs),
)
def settle_leaderboard(services: Services, actor: Actor, query: SettleQuery, body: bytes) -> Reply:
    """Queue the seeds that would tell configurations apart, as many as an estimate of power asks for.

    Seeds whose jobs are queued or running count as if they were there, so the request may be repeated: it queues
    nothing twice, and more only once results have come that ask for more. The new jobs are their configuration's newest
    job again, with another seed.
    """
    asked = read_settlement(body)
    wanted = settling.Wanted(tuple(asked.groups), asked.metric, asked.mode, asked.most_jobs, asked.level)
    if query.dry_run:
        return Reply(settling.plan(services.db, wanted, actor=actor))
    catalog = catalog_of(services, cache(live_workers(services)))
    done = settling.settle(services.db, wanted, services.settings.caps, catalog, actor=actor)
    ids = [job_id for group in done.groups for job_id in group.job_ids]
    if ids:
        publisher.publish_many(services.db, services.broker, ids)
    return Reply(done, 201 if ids else 200)
