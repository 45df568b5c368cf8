"""The trained network of a job: a safetensors file, and the module of torch that it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flightline.client.display.optional import optional
from flightline.client.files.downloads import File

if TYPE_CHECKING:
    from flightline.torch import Classifier

HEADER_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Model(File):
    """The weights of a job's best or last epoch as a safetensors file, which says all that a prediction needs.

    Attributes:
        name: the file's name.
        content: its bytes.
    """

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        """What the file says of itself: the job's spec, classes, means and deviations (docs/weights.md)."""
        found: dict[str, str] = self.header.get("__metadata__", {})
        return found

    @cached_property
    def header(self) -> dict[str, Any]:
        """The file's header: of each tensor `dtype`, `shape` and `data_offsets`, and `__metadata__`."""
        header: dict[str, Any] = json.loads(self.content[HEADER_LENGTH_BYTES : self.data_start])
        return header

    @property
    def data_start(self) -> int:
        """The place of the first tensor's bytes in the file."""
        return HEADER_LENGTH_BYTES + int.from_bytes(self.content[:HEADER_LENGTH_BYTES], "little")

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the network's scores."""
        return tuple(json.loads(self.metadata["classes"]))

    def to_torch(self) -> Classifier:
        """The network as a module of torch with its weights, in eval mode on the CPU.

        Raises:
            UsageError: torch is not installed (or torchvision, for a network of torchvision's).
        """
        optional("torch", "to_torch()")
        from flightline.torch import classifier

        return classifier(self)
