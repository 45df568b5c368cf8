"""Records that come one by one: iterators that can also be had as a data frame."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flightline.client.display.tables import Table

P = ParamSpec("P")
T = TypeVar("T", bound=Mapping[str, Any])


class Rows(Iterator[T]):
    """An iterator over what a service has, fetched as it is needed."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items

    def __iter__(self) -> Rows[T]:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def to_pandas(self) -> Any:
        """What is left as a `pandas.DataFrame` with the columns of a `Table`. UsageError where pandas is missing."""
        return Table(self._items).to_pandas()


class AsyncRows(AsyncIterator[T]):
    """An asynchronous iterator over what a service has, fetched as it is needed."""

    def __init__(self, items: AsyncGenerator[T, None]) -> None:
        self._items = items

    def __aiter__(self) -> AsyncRows[T]:
        return self

    async def __anext__(self) -> T:
        return await self._items.__anext__()

    async def aclose(self) -> None:
        """End the iteration, with the connection that it may hold."""
        await self._items.aclose()

    async def to_pandas(self) -> Any:
        """What is left as a `pandas.DataFrame` with the columns of a `Table`. UsageError where pandas is missing."""
        return Table([item async for item in self._items]).to_pandas()


def rows(generate: Callable[P, AsyncGenerator[T, None]]) -> Callable[P, AsyncRows[T]]:
    """Make the generators of an asynchronous generator function `AsyncRows`."""

    @wraps(generate)
    def call(*args: P.args, **kwargs: P.kwargs) -> AsyncRows[T]:
        return AsyncRows(generate(*args, **kwargs))

    return call
