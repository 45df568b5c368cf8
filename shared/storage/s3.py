"""s3fs with a time limit for every request.

By default a PUT to a server that accepts the connection and then stays silent waits forever for `100 Continue`, and a
GET is repeated for minutes. Here a call fails within a minute, and the caller decides whether to repeat it.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from fsspec.asyn import sync_wrapper
from s3fs import S3FileSystem

PART_BYTES = 8 << 20
"""Size of an uploaded part: small enough to upload within a minute on a slow connection."""


class BoundedS3FileSystem(S3FileSystem):  # type: ignore[misc] # s3fs publishes no types
    """An `S3FileSystem` whose requests have a time limit and which caches no listings."""

    retries = 1
    connect_timeout = 5
    read_timeout = 15
    request_seconds: ClassVar[float] = 60.0
    """Time limit of one request, repetitions by botocore included."""

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
