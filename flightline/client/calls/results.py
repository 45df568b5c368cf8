"""The calls about what a job has done and left: epochs, log, files, networks, predictions."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from flightline.client.calls.base import PAGE, BaseCalls, J, job_path
from flightline.client.files.downloads import File, save
from flightline.client.files.images import image_batches
from flightline.client.files.model import Model
from flightline.client.following.log import follow_log, log_lines
from flightline.client.records import Artifact, Attempt, Epochs, Evaluation, LogLine, Mistake, Prediction
from flightline.client.rows import rows

PREDICTOR_SECONDS = (
    130.0  # the service answers after two minutes at the latest: with an error, where a predictor does not
)


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
        job = await self.job(id)
        content, _ = await self._transport.file(f"{job_path(job.id)}/artifacts/{weights}.safetensors")
        return Model(f"{job.title}-{job.id[-6:]}.safetensors", content)

    async def export(
        self, id: str, format: Literal["safetensors", "onnx"], weights: Literal["best", "last"] = "best"
    ) -> File:
        """The trained network of a job as a file of this format, under a name that tells what it is.

        Raises:
            NotFound: the job has not succeeded, or did not keep these weights.
            Unavailable: no predictor runs that could write the file.
        """
        path = f"{job_path(id)}/model"
        content, name = await self._transport.file(
            path, format=format, weights=weights, silence_seconds=PREDICTOR_SECONDS
        )
        return File(name or f"{id}.{format}", content)

    async def notebook(self, id: str) -> File:
        """A Jupyter notebook of plain PyTorch that says what a job did, and repeats it."""
        content, name = await self._transport.file(f"{job_path(id)}/notebook")
        return File(name or f"{id}.ipynb", content)

    async def predict(
        self, id: str, images: Sequence[str | os.PathLike[str]], weights: Literal["best", "last"] = "best"
    ) -> list[Prediction]:
        """Classify image files with a finished job's network, which prepares them as it did its own.

        Args:
            id: the job.
            images: the files, of which the service is sent up to 64 in a request.
            weights: the network's weights: of the best epoch or of the last.

        Raises:
            UsageError: a file cannot be read.
            InvalidRequest: a file is no image that can be classified; `errors` name it.
            NotFound: the job has not succeeded, or did not keep these weights.
            Unavailable: no predictor runs, or it was ended while it answered.
        """
        whole = await self._whole(id)
        found: list[Prediction] = []
        for files in image_batches(images):
            answer = await self._transport.call(
                "POST",
                f"{job_path(whole)}/predict",
                params={"weights": weights},
                files=files,
                silence_seconds=PREDICTOR_SECONDS,
            )
            found += [Prediction(item) for item in answer["items"]]
        return found

    async def mistakes(self, id: str, limit: int = 20, weights: Literal["best", "last"] = "best") -> list[Mistake]:
        """The validation images that a finished job's network got most wrong, the worst first; at most 100.

        Raises:
            NotFound: the job has not succeeded, or was trained by a release that did not record its mistakes.
        """
        return await self._list(Mistake, f"{job_path(id)}/mistakes", limit=limit, weights=weights)
