"""The types of the spec, as error messages read them."""

from typing import Any

import pytest

from shared.documents.schema_places import homes, place
from shared.jobspec import BUILT_IN, PRESETS, JobSpec


@pytest.mark.parametrize(
    "location, path",
    [
        (("training", "optimizer", "sgd", "lr"), ("training", "optimizer", "lr")),
        (("architecture", "mlp", "hidden", 3), ("architecture", "hidden", 3)),
        (("architecture", "layers", "layers", 2, "conv2d", "groups"), ("architecture", "layers", 2, "groups")),
        (("architecture", "layers", "layers", 0, "tanh", "tanh"), ("architecture", "layers", 0, "tanh")),
        (("training", "augment", 0, "crop", "padding"), ("training", "augment", 0, "padding")),
        (("training", "early_stopping", "patience"), ("training", "early_stopping", "patience")),
        (("training", "training"), ("training", "training")),
        ((), ()),
    ],
)
def test_union_tags_are_no_part_of_a_path(location: tuple[Any, ...], path: tuple[Any, ...]) -> None:
    """The tags that pydantic puts into a location are dropped; fields of the same name are not."""
    assert place(location).path == path


def test_bounds_are_read_from_the_types() -> None:
    """A range is worded as the type states it, through unions and arrays."""
    assert place(("training", "optimizer", "sgd", "lr")).bounds == "above 0 and at most 1,000"
    assert place(("training", "optimizer", "adam", "betas", 1)).bounds == "from 0 and below 1"
    assert place(("priority",)).bounds == "from 0 to 9"
    assert place(("dataset", "train_per_class")).bounds == "from 1 to 1,000,000,000"
    assert place(("training", "epochs")).bounds == "1 or more"
    assert place(("name",)).bounds is None


def test_fields_put_in_the_wrong_place_have_a_home() -> None:
    """A field name that stands in one place only is known with that place; one in many is not."""
    assert homes()["momentum"] == "/training/optimizer/momentum"
    assert homes()["threads"] == "/resources/threads"
    assert homes()["preset"] == "/preset"
    assert "kind" not in homes()
    assert "name" not in homes()


def test_every_field_says_what_it_is() -> None:
    """The API's description has a sentence for each field and each object."""
    schema = JobSpec.model_json_schema()
    for name, part in {"JobSpec": schema, **schema["$defs"]}.items():
        assert part["description"], name
        undescribed = {field for field, about in part["properties"].items() if "description" not in about}
        assert undescribed <= {"kind"}, name


def test_the_registries_know_their_own_names() -> None:
    """A preset and a data set are found under the name that they carry."""
    assert all(name == preset.name for name, preset in PRESETS.items())
    assert all(name == info.name for name, info in BUILT_IN.datasets.items())
