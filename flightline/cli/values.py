"""Usage errors for values of options and arguments that do not fit."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup

from flightline.errors import UsageError

_BOUNDS = {"less_than_equal": "at most", "greater_than_equal": "at least"}
_KINDS = {"int": "a whole number", "float": "a number"}
_CHOICES = re.compile(r"'([^']*)'")


class Commands(TyperGroup):
    """The group of all commands, which turns pydantic's findings about an option's value into a `UsageError`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command on the command line.

        Raises:
            UsageError: the value of an option or argument is out of bounds, or not one of its choices.
        """
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            # Pydantic's, where typer asked it.
            findings: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
            if not findings:
                raise
            raise UsageError(f"{_name(error.param)} {_wanted(findings[0])}, not {findings[0]['input']}.") from None


def _name(param: Any) -> str:
    name = str(param.opts[0])
    return name if name.startswith("-") else str(param.metavar or name)


def _wanted(finding: dict[str, Any]) -> str:
    kind = str(finding["type"])
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind]} {next(iter(finding['ctx'].values()))}"
    if kind == "value_error":
        *choices, last = _CHOICES.findall(finding["msg"])[1:] or ["one that --help lists"]
        return f"must be {', '.join(choices)} or {last}" if choices else f"must be {last}"
    return f"must be {_KINDS.get(kind.partition('_')[0], 'one that --help lists')}"
