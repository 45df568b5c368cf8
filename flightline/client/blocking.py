"""Blocking calls made of coroutines: every call is written once, as a coroutine, and `Client` runs it to its end.

A coroutine over a `BlockingTransport` never suspends, for whatever it waits for it waits in place. So one step takes it
from its first line to its result, without an event loop; a notebook's own loop is not touched.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flightline.client.rows import AsyncRows, Rows

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item", bound=Mapping[str, Any])


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("A coroutine of a blocking client has suspended.")


def iterate(items: AsyncGenerator[T, None] | AsyncRows[Any]) -> Iterator[T]:
    """Yield the items of an asynchronous generator that never suspends; it is closed with this one."""
    try:
        while True:
            try:
                item = run(items.__anext__())
            except StopAsyncIteration:
                return
            yield item
    finally:
        run(items.aclose())


def blocking(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The call as one that returns its result when it is done."""

    @wraps(call)
    def method(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(call(*args, **kwargs))

    return method


def blocking_rows(call: Callable[P, AsyncRows[Item]]) -> Callable[P, Rows[Item]]:
    """The call as one whose records come from a plain iterator, which waits in place for the next one."""

    @wraps(call)
    def method(*args: P.args, **kwargs: P.kwargs) -> Rows[Item]:
        return Rows(iterate(call(*args, **kwargs)))

    return method


def blocking_iterator(call: Callable[P, AsyncGenerator[T, None]]) -> Callable[P, Iterator[T]]:
    """The call as one whose items, which are no records, come from a plain iterator."""

    @wraps(call)
    def method(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return iterate(call(*args, **kwargs))

    return method
