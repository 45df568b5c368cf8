"""s3fs with an end to every request.

Left alone, a PUT to a server that takes the connection and then says nothing waits for its `100 Continue` for ever, and
a GET is repeated for minutes. Here a call fails within a minute; who needs it repeats it.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from fsspec.asyn import sync_wrapper
from s3fs import S3FileSystem

PART_BYTES = 8 << 20
"""Size of one uploaded part: small enough to pass within a minute on a slow line."""


class BoundedS3FileSystem(S3FileSystem):  # type: ignore[misc] # s3fs publishes no types
    """`S3FileSystem` whose requests end, and that never answers from a listing that it made earlier."""

    retries = 1
    connect_timeout = 5
    read_timeout = 15
    request_seconds: ClassVar[float] = 60.0
    """Most time that one request may take, repetitions by botocore included."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        config = {"retries": {"max_attempts": 1}} | (options.pop("config_kwargs", None) or {})
        super().__init__(
            *arguments,
            **{"default_block_size": PART_BYTES, "use_listings_cache": False} | options,
            config_kwargs=config,
        )

    async def _call_s3(self, method: str, *arguments: Any, **options: Any) -> Any:
        return await asyncio.wait_for(super()._call_s3(method, *arguments, **options), self.request_seconds)

    call_s3 = sync_wrapper(_call_s3)
