"""Python as text: literals, calls, indented lists, and the imports that a program needs."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence

from shared.jobspec.fields.base import Part

_STANDARD = {
    "hashlib": "import hashlib",
    "itertools": "import itertools",
    "json": "import json",
    "math": "import math",
    "os": "import os",
    "struct": "import struct",
    "zlib": "import zlib",
    "OrderedDict": "from collections import OrderedDict",
    "deepcopy": "from copy import deepcopy",
    "Path": "from pathlib import Path",
}
_INSTALLED = {
    "np": "import numpy as np",
    "torch": "import torch",
    "Image": "from PIL import Image",
    "ImageOps": "from PIL import ImageOps",
    "nn": "from torch import nn",
    "F": "from torch.nn import functional as F",
    "DataLoader": "from torch.utils.data import DataLoader",
    "datasets": "from torchvision import datasets",
    "models": "from torchvision import models",
    "transforms": "from torchvision import transforms",
    "vgg": "from torchvision.models import vgg",
}


def literal(value: object) -> str:
    """Return a number, a string, a boolean, None or a sequence of these as Python writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def call(name: str, *arguments: object, **options: object) -> str:
    """Return the call of a function with these arguments."""
    return f"{name}({', '.join([*map(literal, arguments), *options_of(**options)])})"


def options_of(**options: object) -> list[str]:
    """Return arguments that are given by their names."""
    return [f"{option}={literal(value)}" for option, value in options.items()]


def broken(name: str, arguments: Sequence[str]) -> str:
    """Return a call with arguments as they are written; a line for each where there are many."""
    if len(arguments) <= 5:
        return f"{name}({', '.join(arguments)})"
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), ")"])


def changed(part: Part, *names: str) -> dict[str, object]:
    """Return those of a part's fields whose value is not the field's default, which is torch's as well."""
    fields = type(part).model_fields
    return {name: getattr(part, name) for name in names if getattr(part, name) != fields[name].default}


def filled(values: Iterable[object], indent: str = "") -> str:
    """Return a list; broken between its items into lines that start with this indent where it is long."""
    items = [f"{literal(value)}," for value in values]
    if sum(map(len, items)) + len(items) <= 90:
        return f"[{' '.join(items)[:-1]}]"
    rows = [f"{indent}   "]
    for item in items:
        if len(rows[-1]) + len(item) > 118:
            rows.append(f"{indent}   ")
        rows[-1] += f" {item}"
    return "\n".join(["[", *rows, f"{indent}]"])


def indented(lines: Iterable[str]) -> list[str]:
    """Return the lines, one step further to the right."""
    return [f"    {line}" if line else line for line in lines]


def joined(*blocks: str) -> str:
    """Return blocks of definitions as one text, two empty lines between them; empty blocks are left out."""
    return "\n\n\n".join(block.strip("\n") for block in blocks if block)


def lines(*wanted: str | None) -> str:
    """Return lines as one text; None stands for a line that is left out."""
    return "\n".join(line for line in wanted if line is not None)


def imports_of(code: str) -> str:
    """Return the imports of a program: those of the known names that it uses."""
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    groups = [sorted(group[name] for name in group if name in used) for group in (_STANDARD, _INSTALLED)]
    return "\n\n".join("\n".join(_merged(group)) for group in groups if group)


def _merged(statements: Sequence[str]) -> list[str]:
    """Return the statements, plain imports first, with one statement for all names of a module."""
    plain = [statement for statement in statements if statement.startswith("import")]
    names: dict[str, list[str]] = {}
    for statement in statements:
        if statement.startswith("from"):
            module, _, name = statement.removeprefix("from ").partition(" import ")
            names.setdefault(module, []).append(name)
    return [*plain, *(f"from {module} import {', '.join(sorted(parts))}" for module, parts in sorted(names.items()))]
