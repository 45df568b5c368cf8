"""Twins: jobs that ask for the same training, what workers do to them, and two people who submit them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shared.database.engine import Database
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor, Scope
from shared.jobs.reads import queries
from shared.jobs.reuse import serving
from shared.jobs.reuse.serving import Served
from shared.jobs.running import attempts, claims
from shared.jobs.running.claims import Claim
from tests.support import factories

FINGERPRINT = "f" * 64
ENVIRONMENT = {"engine": "reference", "device": "cpu", "data_fingerprint": FINGERPRINT}
ALICE, BOB = (Actor(owner, Scope.SUBMIT) for owner in ("alice", "bob"))


def submit(db: Database, cache: str = "prefer", actor: Actor = EVERYBODY, **document: Any) -> str:
    """A queued twin of all the others."""
    return actions.submit(db, factories.submission(cache=cache, **document), actor=actor).job_id


def begin(db: Database, claim: Claim, seen: Collection[str] = ()) -> bool:
    """An attempt begins to train, as a worker does; False where it must not, or has lost the job."""
    begins: dict[str, Any] = {"first_epoch": None if claim.attempt == 1 else 1, "from_checkpoint": False, "lead": True}
    return attempts.record_environment(db, claim, ENVIRONMENT, engine="reference", exact=True, seen=seen, **begins)


def leading(db: Database, cache: str = "prefer", actor: Actor = EVERYBODY) -> Claim:
    """The claim of a twin that trains."""
    claim = factories.claim(db, submit(db, cache, actor))
    assert begin(db, claim)
    return claim


def next_claim(db: Database, worker: str = "other:cpu:1") -> Claim | None:
    """What a worker gets that looks for work."""
    return claims.claim_next(db, factories.claimant(worker), 30)


def job(db: Database, job_id: str) -> Any:
    """The job as the API answers it."""
    return queries.job(db, job_id, actor=EVERYBODY)


def serve(db: Database, claim: Claim) -> Served | None:
    """Serve a claimed job as a worker does, without its files; None where there is nobody to serve it."""
    found = serving.sources(db, claim)
    return serving.serve(db, claim, found[0], found[0].files) if found else None
