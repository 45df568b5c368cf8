"""Whom a request is admitted for, and whether that person, or that address, has asked too often."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import g

from api.http.access.authentication import Authentication, Credential
from api.http.access.limits import Limits
from api.http.errors import Unauthenticated
from shared.jobs.actor import Actor


@dataclass(frozen=True)
class Admission:
    """Authentication within limits; one object for all threads of a process."""

    authentication: Authentication
    limits: Limits
    most_queued: int
    """Most queued jobs of an owner; 0 for no limit."""

    def admit(self, credential: Credential, address: str) -> Actor:
        """Return the owner of a credential, and count the request; `limits.register` says what is left.

        An address with too many failed sign-ins is refused before the database is asked, but for credentials that were
        right before: others behind the same address go on.

        Raises:
            Unauthenticated: the credential is unknown or has expired, which is counted for the address.
            TooManyFailedSignIns: the address has sent too many of those.
            TooManyRequests: the token's requests of this minute are used up.
            DatabaseUnavailable: the database does not answer.
        """
        if not self.authentication.has_accepted(credential):
            self.limits.refuse_address(address)
        try:
            actor = self.authentication.identify(credential)
        except Unauthenticated:
            self.limits.failed_sign_in(address)
            raise
        if actor.token_id is not None:
            g.room = self.limits.count(actor.token_id)
        return replace(actor, most_queued=self.most_queued)
