"""Documents and settings from the command line."""

from __future__ import annotations

import pytest

from flightline.cli.arguments import apply_settings
from flightline.client.documents import job_document, merged
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


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("space.a.b.low=1", {"a.b": {"low": 1}, "a.b.c": {"values": [1, 2]}}),
        ("space.a.b.c.values.1=3", {"a.b": {"low": 0}, "a.b.c": {"values": [1, 3]}}),
        ('space.a.b={"low": 2}', {"a.b": {"low": 2}, "a.b.c": {"values": [1, 2]}}),
        ('space.d.e={"low": 2}', {"a.b": {"low": 0}, "a.b.c": {"values": [1, 2]}, "d.e": {"low": 2}}),
    ],
)
def test_settings_of_a_space(setting: str, expected: dict[str, object]) -> None:
    """Its keys are paths with dots: the longest that fits is meant, and a new one is set whole."""
    document = {"space": {"a.b": {"low": 0}, "a.b.c": {"values": [1, 2]}}}
    assert apply_settings(document, [setting]) == {"space": expected}


def test_a_setting_of_a_path_that_the_space_does_not_have() -> None:
    """Its fields cannot be set one by one: the message names those that are there, and shows how to add it."""
    with pytest.raises(UsageError, match=r"the space has a\.b\. Add another path whole: --set 'space\.c\.d="):
        apply_settings({"space": {"a.b": {"low": 0}}}, ["space.c.d.low=5"])


@pytest.mark.parametrize("setting", ["layers.2.kind=relu", "layers.x=1", "name.first=x", "=1", "name"])
def test_settings_that_fit_nowhere(setting: str) -> None:
    """A path through a text, or past a list's end, is refused with the setting named."""
    with pytest.raises(UsageError, match="--set"):
        apply_settings({"layers": [{}, {}], "name": "x"}, [setting])


@pytest.mark.parametrize(
    "document", [{"preset": "convnet"}, {"training": {"epochs": 2}}, {"training": {"augment": []}}]
)
def test_a_setting_in_a_list_that_is_not_there(document: dict[str, object]) -> None:
    """Lists are sent whole: the message says so, and shows how."""
    with pytest.raises(UsageError) as caught:
        apply_settings(document, ["training.augment.0.kind=flip"])
    assert "A list is set whole: --set 'training.augment=[…]'" in caught.value.detail


def test_merged_replaces_what_is_no_object() -> None:
    """Objects are merged; lists and plain values are replaced whole."""
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}) == {
        "a": {"b": 1, "c": [3]},
        "d": {"e": 2},
    }


def test_merged_replaces_an_object_of_another_kind() -> None:
    """Another optimizer does not inherit the first one's fields."""
    sgd = {"optimizer": {"kind": "sgd", "momentum": 0.9}}
    assert merged(sgd, {"optimizer": {"kind": "adam"}}) == {"optimizer": {"kind": "adam"}}
    assert merged(sgd, {"optimizer": {"lr": 0.1}}) == {"optimizer": {"kind": "sgd", "momentum": 0.9, "lr": 0.1}}


CIFAR2 = {"name": "cifar10", "classes": ["airplane", "bird"]}
TAPERED = {"kind": "mlp", "hidden": [1024, 512, 128], "activation": "tanh", "output": "log_softmax"}


@pytest.mark.parametrize(
    "document,setting,expected",
    [
        ({"dataset": "cifar2"}, "dataset.train_per_class=320", {"dataset": CIFAR2 | {"train_per_class": 320}}),
        ({"dataset": "cifar2"}, "dataset=synthetic", {"dataset": "synthetic"}),
        (
            {"architecture": "notebook-tapered"},
            "architecture.hidden.0=64",
            {"architecture": TAPERED | {"hidden": [64, 512, 128]}},
        ),
    ],
)
def test_settings_go_into_short_forms(document: dict[str, object], setting: str, expected: dict[str, object]) -> None:
    """A setting inside a short form writes out what that stands for; what it stands for stays as it was."""
    assert apply_settings(document, [setting]) == expected
    assert apply_settings({"architecture": "notebook-tapered"}, ["architecture.kind=mlp"]) == {"architecture": TAPERED}


def test_overrides_go_into_short_forms() -> None:
    """Fields beside a short form keep what it stands for: `synthetic` does not become another data set."""
    few = {"dataset": {"train_per_class": 8}}
    expected = {"dataset": {"name": "synthetic", "classes": ["airplane", "bird"], "train_per_class": 8}}
    assert job_document({"dataset": "synthetic"}, few) == expected
    linear = job_document({"architecture": "notebook-tapered"}, {"architecture": {"kind": "layers", "layers": []}})
    assert linear == {"architecture": {"kind": "layers", "layers": []}}


def test_a_setting_in_an_unknown_short_form_is_refused() -> None:
    """A name that stands for nothing has no fields; the message shows it."""
    with pytest.raises(UsageError, match='is "notebook", not an object: it has no field'):
        apply_settings({"architecture": "notebook"}, ["architecture.hidden.0=1"])


def test_a_setting_goes_beside_the_name_of_a_data_set_of_ones_own() -> None:
    """The service alone knows whether there is such a data set, and its classes."""
    asked = apply_settings({"dataset": "shapes"}, ["dataset.image_size=64"])
    assert asked == {"dataset": {"name": "shapes", "image_size": 64}}
