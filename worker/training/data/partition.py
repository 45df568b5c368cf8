"""Which images of a class are kept out: a fixed part, chosen by a hash, the same for every job and machine."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict

import torch
from torch import Tensor

from worker.training.data.records import Split


def part_of(count: int, fraction: float) -> int:
    """How many of a class's `count` images are the part that is kept out.

    The fraction of the count, rounded to a whole number (a half to the even one); but at least one image, and never
    all of them. Of a single image, none.
    """
    return min(max(round(count * fraction), 1), count - 1) if count else 0


def chosen(split: Split, fraction: float) -> Tensor:
    """The mask (N) of the images that are kept out: in each class those whose keys have the smallest sha256.

    The key of an image is its file's name, without the folder, or else its number in the set's own split, in decimal
    digits. The part grows with the fraction; an image that is added or removed moves at most one other of its class.
    """
    keys = [name.rpartition("/")[2] for name in split.names] or [str(number) for number in split.index.tolist()]
    members: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(split.labels.tolist()):
        members[label].append(position)
    mask = torch.zeros(len(split), dtype=torch.bool)
    for positions in members.values():
        by_hash = sorted(positions, key=lambda position: hashlib.sha256(os.fsencode(keys[position])).digest())
        mask[by_hash[: part_of(len(positions), fraction)]] = True
    return mask


def parted(split: Split, fraction: float) -> tuple[Split, Split]:
    """The split without the part that is kept out, and that part."""
    mask = chosen(split, fraction)
    return split.only(~mask), split.only(mask)
