"""The calls about the service itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flightline.client.calls.base import BaseCalls, J
from flightline.client.records import Dataset, Preset, Queue, Worker


class ServiceCalls(BaseCalls[J]):
    """The service: workers, queues, presets, data sets."""

    async def workers(self) -> list[Worker]:
        """The worker processes, those that send heartbeats and those that stopped lately."""
        return await self._list(Worker, "/v1/workers")

    async def queues(self) -> list[Queue]:
        """The queues, each with the number of waiting jobs and the age of the oldest in seconds."""
        return await self._list(Queue, "/v1/queues")

    async def presets(self) -> list[Preset]:
        """The presets: named partial specs that a job can start from, each with its cost."""
        return await self._list(Preset, "/v1/presets")

    async def datasets(self) -> list[Dataset]:
        """The data sets that a job can name, each with the copies that live workers hold."""
        return await self._list(Dataset, "/v1/datasets")

    async def dataset(self, name: str) -> Dataset:
        """One data set: its classes, the shape and numbers of its images, their means and deviations."""
        return Dataset(await self._transport.get(f"/v1/datasets/{quote(name, safe='', errors='replace')}"))

    async def ready(self) -> dict[str, Any]:
        """The answer of the readiness check. Raises `Unavailable` while the database or Redis does not answer."""
        answer: dict[str, Any] = await self._transport.get("/readyz")
        return answer
