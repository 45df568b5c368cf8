"""A job's trained network as a module of torch, with all that a prediction needs: classes and transform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from flightline.errors import UsageError
from flightline.torch.images import pixels
from flightline.torch.networks import network

if TYPE_CHECKING:
    from flightline.client.files.model import Model

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""torch's types by the names of the safetensors format."""


class Classifier(nn.Module):
    """A trained network: prepared images (N, C, H, W) in, scores (N, classes) out.

    >>> classifier = job.model().to_torch()
    >>> classifier.probabilities("bird.jpg")
    {'airplane': 0.03, 'bird': 0.97}
    >>> images = torch.stack([classifier.transform(path) for path in paths])
    >>> classifier(images).softmax(1)

    Attributes:
        network: the network itself, with torch's names of weights, to train on.
        classes: the names of the classes, in the order of the scores.
        input_shape: channels, height and width of a prepared image.
        image_size: the size that an image of any size is resized and cut to; None where the job took its images as they
            are, and others must have their size.
        mean: what is subtracted from each channel, on a scale from 0 to 1.
        std: what each channel is then divided by.
        precision: ``bf16`` runs the network under autocast, as the job did; ``fp32`` and ``tf32`` without.
    """

    def __init__(self, network: nn.Module, metadata: Mapping[str, str]) -> None:
        super().__init__()
        self.network = network
        self.classes: tuple[str, ...] = tuple(json.loads(metadata["classes"]))
        self.input_shape: tuple[int, ...] = tuple(json.loads(metadata["input_shape"]))
        self.image_size: int | None = json.loads(metadata["spec"])["dataset"].get("image_size")
        self.mean: tuple[float, ...] = tuple(json.loads(metadata["mean"]))
        self.std: tuple[float, ...] = tuple(json.loads(metadata["std"]))
        self.precision = metadata["precision"]

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes) of images (N, C, H, W) that `transform` has prepared; their softmax is probabilities."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            scores: Tensor = self.network(images)
        return scores.float()

    def transform(self, image: Any) -> Tensor:
        """An image as the network takes it: (C, H, W), normalised as the job's images were.

        Args:
            image: the path of a file, its bytes, a PIL image, or a tensor (C, H, W) of uint8.

        Raises:
            UsageError: the image cannot be read, or has another size than the job's images; or Pillow is not installed.
        """
        prepared = image if isinstance(image, Tensor) else pixels(image, self.input_shape[0], self.image_size)
        if tuple(prepared.shape) != self.input_shape or prepared.dtype != torch.uint8:
            wanted, found = (" × ".join(map(str, shape)) for shape in (self.input_shape, prepared.shape))
            raise UsageError(f"The network takes images of {wanted} in uint8; this one is {found} in {prepared.dtype}.")
        mean, std = (torch.tensor(figures).view(-1, 1, 1) for figures in (self.mean, self.std))
        return (prepared / 255 - mean) / std

    @torch.no_grad()
    def probabilities(self, image: Any) -> dict[str, float]:
        """The probability of each class for one image, which `transform` prepares; call it in eval mode."""
        device = next(self.network.parameters()).device
        scores = self(self.transform(image)[None].to(device))[0]
        return dict(zip(self.classes, scores.softmax(0).tolist(), strict=True))


def classifier(model: Model) -> Classifier:
    """The network of a job's weights, in eval mode on the CPU.

    Raises:
        UsageError: the file does not say what network its weights are of.
    """
    if "spec" not in model.metadata:
        raise UsageError(
            f"{model.name} does not say what network it is of: a release that did not write this down yet made it. "
            "Train the job again (`client.retry`), or build the network by hand (docs/weights.md)."
        )
    spec = json.loads(model.metadata["spec"])
    built = network(spec["architecture"], json.loads(model.metadata["input_shape"]), len(model.classes))
    built.load_state_dict(tensors(model))
    return Classifier(built, model.metadata).eval()


def tensors(model: Model) -> dict[str, Tensor]:
    """The tensors of a safetensors file by their names, as copies that own their memory."""
    content = memoryview(model.content)[model.data_start :]
    found: dict[str, Tensor] = {}
    for name, about in model.header.items():
        if name != "__metadata__":
            start, end = about["data_offsets"]
            data = bytearray(content[start:end])
            values = torch.frombuffer(data, dtype=DTYPES[about["dtype"]]) if data else torch.empty(0)
            found[name] = values.view(about["shape"])
    return found
