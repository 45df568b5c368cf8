"""A network as an ONNX file: normalisation inside, any number of images at once, checked before anybody gets it."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from shared.errors import NotExportable
from worker.predictor.networks import Network
from worker.training.data.loader import Normalizer

OPSET = 18
"""The version of ONNX' operators that files are written in: any runtime since 2023 reads it."""
MOST_DIFFERENCE = 1e-4
"""How far a score of the file may lie from torch's, relative to the largest score or to 1."""
MOST_STORED_DIFFERENCE = {"fp32": 1e-4, "tf32": 1e-2, "bf16": 1e-1}
"""The same for the scores that the job stored, by its precision: the file computes in fp32."""
MOST_OTHER_DEVICE = 1e-3
"""The same for an fp32 job of a GPU, which adds up in another order."""

logger = logging.getLogger(__name__)


class Reference(NamedTuple):
    """Validation images (N, C, H, W) uint8, and the scores (N, classes) that the job stored for them."""

    images: Tensor
    scores: Tensor


class _Classifier(nn.Module):
    """Images (N, C, H, W) uint8 in; logits and probabilities (N, classes) fp32 out."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.module
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(network.inputs, name)).view(-1, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and probabilities."""
        logits = self.network(Normalizer((self.mean, self.std))(images))
        return logits, logits.softmax(1)


def write(network: Network, about: Mapping[str, str]) -> bytes:
    """The file: input ``images`` (N, C, H, W) uint8, outputs ``logits`` and ``probabilities`` (N, classes) fp32.

    Raises:
        NotExportable: torch's exporter does not know one of the network's layers.
    """
    example = torch.zeros(2, *network.inputs.shape, dtype=torch.uint8)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):  # the exporter prints its progress
            program = torch.onnx.export(
                _Classifier(network).eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["images"],
                output_names=["logits", "probabilities"],
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        logger.exception("export_failed", extra={"said": said.getvalue()})
        raise NotExportable("torch cannot write this network as ONNX. Take format=safetensors.") from error
    if program is None:  # which torch's types allow for
        raise NotExportable("torch wrote nothing. Take format=safetensors.")
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {**about, **_made_by()})
    return bytes(proto.SerializeToString())


def checked(content: bytes, network: Network, reference: Reference | None) -> bytes:
    """The file again, once its scores are those of torch, and of the job where its validation images are here.

    Without these, the images are drawn. The file's metadata say which it was.

    Raises:
        NotExportable: the scores differ.
    """
    shape = network.inputs.shape
    drawn = torch.randint(0, 256, (64, *shape), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    images = drawn if reference is None else reference.images
    scores = torch.from_numpy(run(content, images.numpy())["logits"])
    with torch.no_grad():
        _require(scores, network.module(network.normalizer(images)), MOST_DIFFERENCE, "torch's")
    if reference is not None:
        _require(scores, reference.scores, _tolerance(network), "those that the job stored")
    model = onnx.load_from_string(content)
    against = "the job's stored validation logits" if reference is not None else "torch, on drawn images"
    model.metadata_props.add(key="checked_against", value=f"{against} ({len(images)} images)")
    return bytes(model.SerializeToString())


def run(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    """What onnxruntime makes of images (N, C, H, W) uint8 with this file: arrays by the names of the outputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def _tolerance(network: Network) -> float:
    precision = network.plan.precision
    on_gpu = '"device":"cuda"' in network.about.get("environment", "")
    return max(MOST_STORED_DIFFERENCE[precision], MOST_OTHER_DEVICE if on_gpu else 0.0)


def _require(scores: Tensor, expected: Tensor, most: float, whose: str) -> None:
    scale = max(1.0, float(expected.abs().max()))
    difference = float((scores - expected).abs().max())
    if not difference <= most * scale:  # also where it is NaN
        raise NotExportable(
            f"The network as ONNX gives scores that differ from {whose} by up to {difference:.2g}. "
            "Take format=safetensors."
        )


def _made_by() -> dict[str, str]:
    return {
        "made_with": f"torch {torch.__version__}, opset {OPSET}, checked with onnxruntime {onnxruntime.__version__}",
        "input": "images: uint8 (N, C, H, W), 0 to 255, red, green and blue; normalised inside",
    }
