"""The calls about what a job has done and left: epochs, log, files, networks, predictions."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from flightline.client.calls.base import PAGE, BaseCalls, J, job_path
from flightline.client.files.downloads import File, save
from flightline.client.files.images import image_batches
from flightline.client.files.model import Model
from flightline.client.following.log import follow_log, log_lines
from flightline.client.records import Artifact, Attempt, Epochs, Evaluation, LogLine, Mistake, Prediction
from flightline.client.rows import rows

EXPORT_SECONDS = 150.0
"""How long a service may take to write a network in another format; it gives up earlier by itself."""
Image = str | bytes | os.PathLike[str] | Any
"""The path of an image file, its content, or an image of Pillow's."""


class ResultCalls(BaseCalls[J]):
    """What a job has done and left."""

    async def epochs(self, id: str, after: int = 0) -> Epochs:
        """The figures of a job's epochs after number `after`, as columns and as rows."""
        return Epochs(await self._transport.get(f"{job_path(id)}/epochs", after=after))

    async def evaluation(self, id: str, weights: Literal["best", "last", "test"] = "best") -> Evaluation:
        """Confusion matrix and figures per class for the best or last weights. `NotFound` before the job succeeds.

        ``test`` are the best weights on the data set's own validation images, where a part of the training images was
        held out to validate on.
        """
        return Evaluation(await self._transport.get(f"{job_path(id)}/evaluation", weights=weights))

    async def attempts(self, id: str) -> list[Attempt]:
        """The attempts at a job, the first one first: worker, device, outcome and error of each."""
        return await self._list(Attempt, f"{job_path(id)}/attempts")

    @rows
    async def log(self, id: str, after: int = 0, *, follow: bool = False) -> AsyncGenerator[LogLine, None]:
        """Iterate over a job's log after line `after`, oldest line first; pages are fetched as needed.

        Args:
            id: the job.
            after: the `line` of the last one that the caller has; 0 for all lines.
            follow: whether to wait for further lines until the job is finished, also while the service is restarted.
        """
        whole = await self._whole(id)

        async def page(after: int) -> list[LogLine]:
            return await self._list(LogLine, f"{job_path(whole)}/log", after=after, limit=PAGE)

        lines = follow_log(self, whole, page, after) if follow else log_lines(page, after)
        async with aclosing(lines) as found:
            async for line in found:
                yield line

    async def artifacts(self, id: str) -> list[Artifact]:
        """The files that a job has stored: weights, logits and others, with size and sha256."""
        return await self._list(Artifact, f"{job_path(id)}/artifacts")

    async def download(self, id: str, name: str, to: str | os.PathLike[str] | None = None) -> Path:
        """Download one artifact, check its sha256 and return the path of the file.

        Args:
            id: the job.
            name: the artifact's `name`.
            to: a folder, or a file in an existing folder; default the current folder. An existing file is replaced.

        Raises:
            ChecksumMismatch: the file did not arrive whole; no file is left behind.
            UsageError: the folder does not exist.
        """
        if not isinstance(name, str):
            raise TypeError(f"A file is called by its artifact's name, a text, not {name!r:.60}.")
        whole = await self._whole(id)
        artifact = next((item for item in await self.artifacts(whole) if item.name == name), None)
        async with self._transport.stream(f"{job_path(whole)}/artifacts/{quote(name, errors='replace')}") as stream:
            return await save(stream.chunks, name, Path(to or "."), artifact.sha256 if artifact else None)

    async def model(self, id: str, weights: Literal["best", "last"] = "best") -> Model:
        """The trained network of a job: `save()` writes its safetensors file, `to_torch()` makes it a module of torch.

        Raises:
            NotFound: the job has not succeeded, or did not keep these weights.
        """
        file = await self.export(id, "safetensors", weights)
        return Model(file.name, file.content)

    async def export(
        self, id: str, format: Literal["safetensors", "onnx"], weights: Literal["best", "last"] = "best"
    ) -> File:
        """The trained network of a job as a file of this format, under a name that tells what it is.

        Raises:
            NotFound: the job has not succeeded, or did not keep these weights.
            Unavailable: no predictor runs that could write the file.
        """
        path = f"{job_path(id)}/model"
        file = self._transport.file(path, silence_seconds=EXPORT_SECONDS, format=format, weights=weights)
        content, name = await file
        return File(name or f"{id}.{format}", content)

    async def notebook(self, id: str) -> File:
        """A Jupyter notebook of plain PyTorch that says what a job did, and repeats it."""
        content, name = await self._transport.file(f"{job_path(id)}/notebook")
        return File(name or f"{id}.ipynb", content)

    async def predict(self, id: str, image: Image, *, weights: Literal["best", "last"] = "best") -> Prediction:
        """Classify an image with a finished job's network, which prepares it as it did the job's own.

        Args:
            id: the job.
            image: the path of a file, a file's content, or an image of Pillow's.
            weights: the network's weights: of the best epoch or of the last.

        Raises:
            UsageError: the file cannot be read.
            InvalidRequest: the image cannot be classified; `errors` say why.
            NotFound: the job has not succeeded, or did not keep these weights.
            Unavailable: no predictor runs, or it was ended while it answered.
        """
        (prediction,) = await self.predict_many(id, [image], weights=weights)
        return prediction

    async def predict_many(
        self, id: str, images: Iterable[Image], *, weights: Literal["best", "last"] = "best"
    ) -> list[Prediction]:
        """Classify images as `predict` does, up to 64 in a request; the predictions come in the images' order."""
        if isinstance(images, str | bytes | os.PathLike):
            raise TypeError("Pass a list of images; `predict` takes a single one.")
        whole = await self._whole(id)
        found: list[Prediction] = []
        for files in image_batches(images):
            path, params = f"{job_path(whole)}/predict", {"weights": weights}
            answer = await self._transport.call("POST", path, params=params, files=files)
            found += [Prediction(item) for item in answer["items"]]
        return found

    async def mistakes(self, id: str, limit: int = 20, weights: Literal["best", "last"] = "best") -> list[Mistake]:
        """The validation images that a finished job's network got most wrong, the worst first; at most 100.

        Raises:
            NotFound: the job has not succeeded, or was trained by a release that did not record its mistakes.
        """
        return await self._list(Mistake, f"{job_path(id)}/mistakes", limit=limit, weights=weights)
