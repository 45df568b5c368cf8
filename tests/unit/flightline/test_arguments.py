"""Documents and settings from the command line."""

from __future__ import annotations

import pytest

from flightline.arguments import apply_settings
from flightline.documents import merged
from flightline.errors import UsageError


@pytest.mark.parametrize(
    "setting,expected",
    [
        ("a=1", {"a": 1}),
        ("a.b.c=true", {"a": {"b": {"c": True}}}),
        ("a=[8, 8]", {"a": [8, 8]}),
        ("a=text with = in it", {"a": "text with = in it"}),
        ('a="5"', {"a": "5"}),
        ("a=", {"a": ""}),
        ("a=1e-3", {"a": 0.001}),
    ],
)
def test_values_are_json_or_text(setting: str, expected: dict[str, object]) -> None:
    """A value is JSON where it can be read as such, else the text itself; objects on the way are made."""
    assert apply_settings({}, [setting]) == expected


def test_settings_change_a_copy_in_order() -> None:
    """The document that was passed stays as it was; later settings win; list items are reached by number."""
    document = {"layers": [{"kind": "linear"}, {"kind": "tanh"}]}
    result = apply_settings(document, ["layers.1.kind=relu", "layers.1.kind=gelu", "layers.0=1"])
    assert result == {"layers": [1, {"kind": "gelu"}]}
    assert document == {"layers": [{"kind": "linear"}, {"kind": "tanh"}]}


@pytest.mark.parametrize("setting", ["layers.2.kind=relu", "layers.x=1", "name.first=x", "=1", "name"])
def test_settings_that_fit_nowhere(setting: str) -> None:
    """A path through a text, or past a list's end, is refused with the setting named."""
    with pytest.raises(UsageError, match="--set"):
        apply_settings({"layers": [{}, {}], "name": "x"}, [setting])


def test_merged_replaces_what_is_no_object() -> None:
    """Objects are merged; lists and plain values are replaced whole."""
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}) == {
        "a": {"b": 1, "c": [3]},
        "d": {"e": 2},
    }
