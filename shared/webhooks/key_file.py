"""The file of the service's signing key in the home, for a service whose settings name no key."""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.errors import WebhookKeyUnusable
from shared.webhooks.signature import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

    from shared.settings import Settings

KEY_BYTES = 32
FILE = "webhook.key"


def signing_key(settings: Settings) -> SigningKey:
    """Return the key of `FLIGHTLINE_WEBHOOK_KEY`, else that of the home's file, which is made where there is none.

    Raises:
        WebhookKeyUnusable: the file cannot be made or read, or holds no key; the message names it.
    """
    text = settings.webhook_key.get_secret_value()
    path = settings.home_dir / FILE
    try:
        return _parsed(text or _read_or_make(path), "FLIGHTLINE_WEBHOOK_KEY" if text else str(path))
    except OSError as error:
        message = (
            f"The key that signs webhooks cannot be kept in {path} ({error.strerror}). Make the folder writable, or "
            "set FLIGHTLINE_WEBHOOK_KEY."
        )
        raise WebhookKeyUnusable(message) from error


def _read_or_make(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii", errors="replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its key counts
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text(encoding="ascii", errors="replace")


def _parsed(text: str, place: str) -> SigningKey:
    """Return the key that a text holds in base64; the error names its place, never the text."""
    with suppress(ValueError):
        value = base64.b64decode(text.strip(), validate=True)
        if len(value) >= KEY_BYTES:
            return SigningKey(value)
    message = f"{place} must be {KEY_BYTES} random bytes or more in base64: `openssl rand -base64 {KEY_BYTES}`."
    raise WebhookKeyUnusable(message)
