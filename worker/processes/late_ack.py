"""A task request after which Celery does not fall silent when a message cannot be acknowledged.

Celery logs such a failure and continues. The message then stays counted against the prefetch of one, so the consumer
asks Redis for nothing more: connected, idle, and deaf for ever (celery#8030). A fresh connection forgets the message,
which means nothing any more by then: the job's row says how the job ended.
"""

from __future__ import annotations

from typing import Any, ClassVar

from celery.worker.request import Request


class LateRequest(Request):
    """Celery's request, with late acknowledgement made safe."""

    consumer: ClassVar[Any] = None
    """The consumer of this process, once Celery has built it."""

    def acknowledge(self) -> None:
        """Acknowledge the message; where that fails, have the consumer reconnect."""
        super().acknowledge()
        if self.consumer is not None:
            # Acknowledged in the loop's next round, in no particular order: so verify in the round after.
            self.consumer.call_soon(self.consumer.call_soon, self._verify)

    def _verify(self) -> None:
        """Raise ConnectionError, inside the consumer's loop, if the message has not been acknowledged."""
        if not self.message.acknowledged:
            raise ConnectionError("A message could not be acknowledged.")
