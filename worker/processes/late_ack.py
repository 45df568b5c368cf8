"""A task request that does not let Celery fall silent when a message cannot be acknowledged.

Celery logs such a failure and goes on. The message then stays counted against the prefetch of one, so the consumer asks
Redis for nothing more: connected, idle, and deaf for ever (celery#8030). A fresh connection forgets the message, which
means nothing any more by then: the job's row has said how it ended.
"""

from __future__ import annotations

from typing import Any, ClassVar

from celery.worker.request import Request


class LateRequest(Request):
    """Celery's request, with late acknowledgement made safe."""

    consumer: ClassVar[Any] = None
    """The one consumer of this process, once it is there."""

    def acknowledge(self) -> None:
        """Acknowledge the message; have the consumer connect anew where that fails."""
        super().acknowledge()
        if self.consumer is not None:
            # It is done in the loop's next round, in no particular order: look in the one after that.
            self.consumer.call_soon(self.consumer.call_soon, self._verify)

    def _verify(self) -> None:
        """What is raised here, inside the consumer's loop, is taken for what it is: a lost connection."""
        if not self.message.acknowledged:
            raise ConnectionError("A message could not be acknowledged.")
