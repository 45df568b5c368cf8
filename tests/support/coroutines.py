"""Parts for tests of coroutines that never suspend, as a blocking client runs them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(items: Iterable[T]) -> AsyncGenerator[T, None]:
    """The items, one by one."""
    for item in items:
        yield item


class Pauses(list[float]):
    """The pauses so far, none of which is waited for."""

    async def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.append(seconds)
