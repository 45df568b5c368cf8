"""Messages for pydantic's findings, written for the person who sent the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from shared.documents.phrases import closest, did_you_mean, listed, show
from shared.documents.pointers import pointer
from shared.documents.reader import MAX_PROBLEMS
from shared.documents.schema_places import Place, homes, place
from shared.errors import FieldError
from shared.jobspec.expansion import Expanded
from shared.jobspec.fields.job import JobSpec

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def describe(error: ValidationError, expanded: Expanded) -> Iterator[FieldError]:
    """Turn findings about a job, at most `MAX_PROBLEMS`, into pointers and sentences."""
    for finding in error.errors(include_url=False)[:MAX_PROBLEMS]:
        where = place(finding["loc"])
        if finding["type"] == "missing" and where.path == ("architecture",) and expanded.problems:
            continue  # it would have come from a preset that does not exist
        yield FieldError(expanded.pointer(where.path), explain(finding, where))


def describe_plain(error: ValidationError, root: type[BaseModel]) -> Iterator[FieldError]:
    """Turn findings about any other document, which has no presets and short forms, into pointers and sentences."""
    for finding in error.errors(include_url=False)[:MAX_PROBLEMS]:
        where = place(finding["loc"], root)
        present = where.path[:-1] if finding["type"] == "missing" else where.path
        yield FieldError(pointer(present), explain(finding, where))


def explain(finding: ErrorDetails, where: Place) -> str:
    """Say in a sentence what is wrong at a place, and what would be right."""
    return _EXPLANATIONS.get(finding["type"], _other)(finding, where)


_ENTRIES = {"layers": "layer", "shortcut": "layer", "augment": "augmentation"}
"""The noun for one entry of each list."""


def _name(where: Place) -> str:
    name = ""
    for token in where.path:
        name = f"{name}[{token}]" if isinstance(token, int) else token
    return name or "the job"


def _missing(_: ErrorDetails, where: Place) -> str:
    if where.path == ("architecture",):
        return (
            'There is no architecture. Describe one ({"kind": "mlp", "hidden": [512]}), name a preset\'s '
            '("architecture": "notebook-tapered") or start from a preset ("preset": "notebook-tapered").'
        )
    return f"{show(_name(where))} is missing."


def _unknown_field(_: ErrorDetails, where: Place) -> str:
    name = str(where.path[-1])
    likely = closest(name, where.fields)
    home = homes().get(name) if where.root is JobSpec else None
    kinds = [kind for kind, fields in where.rivals.items() if name in fields]
    if home not in {None, pointer(where.path)} and not (likely and likely.lower() == name.lower()):
        hint = f"It belongs in {home}."
    elif kinds:
        hint = f"It belongs to the kind {listed(kinds)}."
    elif likely:
        hint = f"Did you mean {show(likely)}?"
    else:
        hint = f"Known here: {listed(where.fields)}."
    return f"There is no field {show(name)} here. {hint}"


def _unknown_kind(finding: ErrorDetails, where: Place) -> str:
    given = finding["input"]
    kind = given.get("kind") if isinstance(given, Mapping) else given
    if kind in ("residual", "whitening") and "conv2d" in where.kinds:  # layers, but not all
        return f"A {kind} layer cannot stand inside a residual block; it belongs in /architecture/layers."
    hint = did_you_mean(kind, where.kinds)
    what = _ENTRIES.get(str(where.path[-2]), _name(where)) if isinstance(where.path[-1], int) else _name(where)
    return f"There is no {what} of kind {show(kind)}.{hint} Known: {listed(where.kinds)}."


def _no_kind(_: ErrorDetails, where: Place) -> str:
    return f'"kind" is missing; it is one of {listed(where.kinds)}.'


def _out_of_range(finding: ErrorDetails, where: Place) -> str:
    number = show(finding["input"]).strip('"')  # which a query has as text
    return f"{_name(where)} must be {where.bounds}, not {number}."


def _not_a(what: str) -> Callable[[ErrorDetails, Place], str]:
    def explain_kind(finding: ErrorDetails, where: Place) -> str:
        comma = "," if where.bounds and where.bounds.endswith("or more") else ""
        bounds = f"{comma} {where.bounds}" if where.bounds else ""
        return f"{_name(where)} must be {what}{bounds}, not {show(finding['input'])}."

    return explain_kind


def _not_finite(finding: ErrorDetails, where: Place) -> str:
    return f"{_name(where)} must be a finite number, not {show(finding['input'])}."


def _not_listed(finding: ErrorDetails, where: Place) -> str:
    expected = finding["ctx"]["expected"].replace("'", '"').replace(" or ", ", ").split(", ")
    given = finding["input"]
    hint = did_you_mean(given, [word.strip('"') for word in expected])
    return f"{_name(where)} must be {listed(expected)}, not {show(given)}.{hint}"


def _too_long(finding: ErrorDetails, where: Place) -> str:
    return f"{_name(where)} takes at most {finding['ctx']['max_length']}; there are {finding['ctx']['actual_length']}."


def _too_few(finding: ErrorDetails, where: Place) -> str:
    least, found = finding["ctx"]["min_length"], finding["ctx"]["actual_length"]
    return f"{_name(where)} takes at least {least}; there {'is' if found == 1 else 'are'} {found}."


def _empty(_: ErrorDetails, where: Place) -> str:
    return f"{_name(where)} is empty: give one, or leave the field out."


def _too_many_characters(finding: ErrorDetails, where: Place) -> str:
    return f"{_name(where)} may have at most {finding['ctx']['max_length']:,} characters."


def _not_an_instant(finding: ErrorDetails, where: Place) -> str:
    wanted = "an instant with its offset, such as 2026-01-31T12:00:00Z"
    return f"{_name(where)} must be {wanted}, not {show(finding['input'])}."


def _wrong_form(finding: ErrorDetails, where: Place) -> str:
    wanted = (
        "be the next_cursor of a page" if where.path[-1:] == ("cursor",) else "have the form that is asked for here"
    )
    return f"{_name(where)} must {wanted}, not {show(finding['input'])}."


def _broken_rule(finding: ErrorDetails, where: Place) -> str:
    rule = str(finding["ctx"]["error"])
    if rule.endswith((".", "?")):  # it says all
        return f"{_name(where)} {rule}"
    given = "" if isinstance(finding["input"], Mapping | list) else f", not {show(finding['input'])}"
    return f"{_name(where)} {rule}{given}."


def _other(finding: ErrorDetails, where: Place) -> str:
    return f"{_name(where)}: {finding['msg']}."


_EXPLANATIONS: Mapping[str, Callable[[ErrorDetails, Place], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_field,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _no_kind,
    "literal_error": _not_listed,
    "enum": _not_listed,
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than": _out_of_range,
    "less_than_equal": _out_of_range,
    "int_type": _not_a("a whole number"),
    "int_from_float": _not_a("a whole number"),
    "int_parsing": _not_a("a whole number"),
    "int_parsing_size": _not_a("a whole number"),
    "float_type": _not_a("a number"),
    "float_parsing": _not_a("a number"),
    "finite_number": _not_finite,
    "bool_type": _not_a("true or false"),
    "string_type": _not_a("a text"),
    "tuple_type": _not_a("an array"),
    "dict_type": _not_a("an object"),
    "model_type": _not_a("an object"),
    "model_attributes_type": _not_a("an object"),
    "list_type": _not_a("an array"),
    "too_long": _too_long,
    "too_short": _too_few,
    "string_unicode": lambda _, where: f"{_name(where)} must be a text of whole characters.",
    "string_pattern_mismatch": _wrong_form,
    "string_too_short": _empty,
    "string_too_long": _too_many_characters,
    "datetime_parsing": _not_an_instant,
    "datetime_from_date_parsing": _not_an_instant,
    "timezone_aware": _not_an_instant,
    "value_error": _broken_rule,
}
