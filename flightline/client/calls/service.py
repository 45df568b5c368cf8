"""The calls about the service itself."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from flightline.client.calls.base import BaseCalls, J
from flightline.client.files.downloads import Picture
from flightline.client.records import Dataset, Preset, Queue, WhoAmI, Worker


class ServiceCalls(BaseCalls[J]):
    """The service: workers, queues, presets, data sets."""

    async def whoami(self) -> WhoAmI:
        """Whose jobs this client submits, and what its token allows. Raises `Unauthenticated`."""
        return WhoAmI(await self._transport.get("/v1/whoami"))

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
        return Dataset(await self._transport.get(_dataset(name)))

    async def ready(self) -> dict[str, Any]:
        """The answer of the readiness check. Raises `Unavailable` while the database or Redis does not answer."""
        answer: dict[str, Any] = await self._transport.get("/readyz")
        return answer

    async def image(
        self, dataset: str, split: Literal["train", "val"], index: int, *, normalized: bool = False
    ) -> Picture:
        """One image of a data set as PNG, which notebooks show: ``client.image("mnist", "val", mistake.index)``.

        Args:
            dataset: the data set's name.
            split: the data set's own split.
            index: the image's place in the split, all classes in their order, from 0.
            normalized: whether to show the image as a network sees it, normalised with the data set's moments.

        Raises:
            NotFound: there is no such data set, or no such image in it.
            Unavailable: no predictor runs, or none whose machine holds the data set.
        """
        path = f"{_dataset(dataset)}/images/{split}/{index}"
        content, _ = await self._transport.file(path, normalized=normalized or None)
        return Picture(f"{dataset}-{split}-{index}.png", content)


def _dataset(name: str) -> str:
    return f"/v1/datasets/{quote(name, safe='', errors='replace')}"
