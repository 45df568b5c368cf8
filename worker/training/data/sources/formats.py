"""The file formats of torchvision's copies, read without running anything that a file could contain."""

from __future__ import annotations

import io
import math
import pickle
import struct
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]


class Malformed(Exception):
    """The content is not of its format; the message says what is wrong."""


def batch(content: bytes) -> Mapping[str, Any]:
    """A pickled dictionary of numpy arrays, lists, strings and numbers, as CIFAR's Python version has them.

    Raises:
        Malformed: the pickle is damaged, or names anything else that it would have to import or call.
    """
    try:
        found = _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except Malformed:
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        raise Malformed("it is a damaged pickle") from error
    if not isinstance(found, dict):
        raise Malformed("it is not a pickled dictionary")
    return found


def idx(content: bytes) -> Bytes:
    """The array of bytes in an IDX file, as MNIST has them: a magic number, the dimensions, the values."""
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise Malformed("it is no IDX file of bytes")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise Malformed("it is cut off")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    return _shaped(content[start:], shape)


def raw(content: bytes, *shape: int) -> Bytes:
    """Items of this shape one after another, as STL-10 has them."""
    count, rest = divmod(len(content), math.prod(shape))
    if rest:
        raise Malformed("it is cut off")
    return _shaped(content, (count, *shape))


def matlab(content: bytes) -> Mapping[str, NDArray[Any]]:
    """The numeric arrays in a MATLAB file of version 5, by name, as SVHN has them."""
    marks = {b"IM": "<", b"MI": ">"}
    if len(content) < 128 or content[126:128] not in marks:
        raise Malformed("it is no MATLAB file of version 5")
    order = marks[content[126:128]]
    try:
        return dict(_matrix(body, order) for kind, body in _elements(content[128:], order) if kind == _MATRIX)
    except (struct.error, zlib.error, ValueError, UnicodeDecodeError) as error:
        raise Malformed("it is damaged") from error


def _shaped(values: bytes, shape: tuple[int, ...]) -> Bytes:
    if len(values) != math.prod(shape):
        raise Malformed(f"it has {len(values):,} values, not {' × '.join(map(str, shape))}")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """What `_codecs.encode` does in a pickle of protocol 2: bytes are written as text in Latin-1."""
    if encoding != "latin1":
        raise Malformed(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


_SAMPLE: Any = np.empty(0)
_RECONSTRUCT, _FROM_BUFFER = _SAMPLE.__reduce__()[0], _SAMPLE.__reduce_ex__(5)[0]
"""The functions that a pickle of numpy's calls to make an array, by protocol 2 and by protocol 5."""

_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("_codecs", "encode"): _encode,
}
"""All that a pickle may import: what numpy arrays and bytes consist of, in every version of pickle and numpy."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a pickle imports; refuses all that is not part of a numpy array."""
        if (module, name) not in _ALLOWED:
            raise Malformed(f"its pickle asks for {module}.{name}, which no copy of this data set needs")
        return _ALLOWED[module, name]


_COMPRESSED, _MATRIX = 15, 14
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Numbers of MATLAB's element types, and numpy's names of them."""


def _elements(content: bytes, order: str) -> list[tuple[int, bytes]]:
    """The elements of a part of a file, each with its type; compressed ones are unpacked."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:  # a small element: type, size and up to four bytes of content in eight bytes
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, 8
        else:
            start, step = at + 8, 8 + (size if kind == _COMPRESSED else size + -size % 8)
        body = content[start : start + size]  # of a file that is cut off it is short, and then fails to be read
        found += _elements(zlib.decompress(body), order) if kind == _COMPRESSED else [(kind, body)]
        at += step
    return found


def _matrix(body: bytes, order: str) -> tuple[str, NDArray[Any]]:
    _, (_, dimensions), (_, name), (kind, values), *_ = _elements(body, order)
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    array = np.frombuffer(values, dtype=np.dtype(_TYPES[kind]).newbyteorder("<" if order == "<" else ">"))
    return name.decode("ascii"), array.reshape(shape, order="F")
