"""When a delivery that failed is tried again, and for how long a webhook may fail: about a day in both cases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RetrySchedule:
    """The waits of one delivery, and those of a webhook whose deliveries all fail. All times are in seconds.

    Attributes:
        delays: the wait after each failed attempt of a delivery; after one more attempt it has failed for good.
        first_pause: wait of a whole webhook after a failed attempt; doubled with each further one in a row.
        longest_pause: the longest of these waits, so that a receiver that is back is noticed within it.
        longest_retry_after: the longest wait of a delivery that a receiver may ask for by `Retry-After`.
        failing: a webhook without any success for this long is disabled.
    """

    delays: tuple[float, ...] = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 28_800.0, 30_300.0)
    first_pause: float = 0.5
    longest_pause: float = 30.0
    longest_retry_after: float = 3600.0
    failing: float = 86_400.0

    def delay(self, attempts: int, spread: float, retry_after: float = 0.0) -> float | None:
        """Return the wait before the next attempt of a delivery; None when there is none.

        Args:
            attempts: number of attempts that have failed, at least 1.
            spread: 0 to 1; up to a tenth is added, so that what failed together is not tried again together.
            retry_after: the wait that the receiver asked for.
        """
        if attempts > len(self.delays):
            return None
        return max(self.delays[attempts - 1] * (1.0 + spread / 10.0), min(retry_after, self.longest_retry_after))

    def pause(self, failures: int) -> float:
        """Return how long a whole webhook waits after `failures` failed attempts in a row; 0 after a success."""
        return min(self.first_pause * 2.0 ** min(failures - 1, 20), self.longest_pause) if failures else 0.0
