"""Signatures and secrets, held to the specification's own vector and its reference library."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.webhooks.signature import SigningKey, headers, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = SigningKey(bytes(range(32)))


def test_the_specifications_vector_is_reproduced() -> None:
    """Secret, id, timestamp and body as in the test of the reference libraries give their signature."""
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_library_accepts_a_message() -> None:
    """Signed by a derived secret, at this moment."""
    secret = KEY.secret("one", 1)
    sent = headers([secret], "message", int(time.time()), b'{"type":"job.finished"}')
    assert Webhook(secret).verify('{"type":"job.finished"}', sent) == {"type": "job.finished"}


@pytest.mark.parametrize("change", [{"webhook-id": "other"}, {"webhook-timestamp": "1614265330"}])
def test_the_reference_library_refuses_what_was_changed(change: dict[str, str]) -> None:
    """Another id, or the headers of an old message."""
    secret = KEY.secret("one", 1)
    sent = headers([secret], "message", int(time.time()), b"{}") | change
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify("{}", sent)


def test_a_rotation_is_verified_with_either_secret() -> None:
    """While one secret replaces the other a message has a signature by each."""
    new, old = KEY.secret("one", 2), KEY.secret("one", 1)
    sent = headers([new, old], "message", int(time.time()), b"{}")
    assert len(sent["webhook-signature"].split()) == 2
    for secret in (new, old):
        assert Webhook(secret).verify("{}", sent) == {}


def test_secrets_differ_by_webhook_generation_and_key() -> None:
    """Each is 32 bytes in base64 behind `whsec_`, and the same whenever it is derived again."""
    keys = KEY, SigningKey(bytes(32))
    secrets = {key.secret(webhook, number) for key in keys for webhook in "ab" for number in (1, 2)}
    assert len(secrets) == 8
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}
    assert KEY.secret("a", 1) in secrets


def test_a_key_does_not_show_itself() -> None:
    """Neither its representation nor its name holds the bytes."""
    key = SigningKey(b"sixteen-secretssixteen-secretsss")
    assert "sixteen" not in repr(key)
    assert key.value.hex()[:8] not in key.id
