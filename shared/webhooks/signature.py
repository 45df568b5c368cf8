"""Secrets and signatures of webhooks, as the specification Standard Webhooks 1.0.0 says (symmetric, ``v1``).

The secret of a webhook is not stored anywhere: it is derived from the service's own key, the webhook's id and a number
that grows with each rotation. So a copy of the database does not show it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the mark of a secret, not one
_KEY_ID_LENGTH = 16


@dataclass(frozen=True)
class SigningKey:
    """The service's key, from which the secrets of all webhooks are derived.

    Attributes:
        value: random bytes, 32 or more.
    """

    value: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """A name of the key that does not reveal it: 16 hexadecimal characters."""
        return self._derived("id").hex()[:_KEY_ID_LENGTH]

    def secret(self, webhook_id: str, generation: int) -> str:
        """Return the secret of a webhook: ``whsec_`` and 32 bytes in base64. Each rotation adds 1 to `generation`."""
        return SECRET_PREFIX + base64.b64encode(self._derived(f"secret {webhook_id} {generation}")).decode()

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self.value, f"flightline webhook {purpose}".encode(), hashlib.sha256)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature ``v1,…`` of one message.

    Args:
        secret: ``whsec_`` and the key in base64.
        message_id: the header `webhook-id`.
        timestamp: the header `webhook-timestamp`: seconds since 1970.
        body: the bytes that are sent.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def headers(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a message, signed with each of these secrets: two while one replaces the other."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }
