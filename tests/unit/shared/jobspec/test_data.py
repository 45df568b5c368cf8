"""What a job may say of its images: classes, size, channels, normalisation, and which of them to validate on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import BUILT_IN, PRESETS, Caps, Catalog, Submission, parse_spec
from shared.jobspec.datasets import set_aside

Document = dict[str, Any]

LINEAR: Document = {"kind": "layers", "layers": [{"kind": "flatten"}, {"kind": "linear"}]}
SHAPES: Document = {
    "name": "shapes",
    "source": "folder",
    "ready": True,
    "classes": ["circle", "square", "star"],
    "counts": {"circle": [40, 10], "square": [30, 10], "star": [20, 5]},
    "input_shape": [3, 48, 64],
    "has_val": True,
}
"""A folder of one's own whose images are all of one size."""
MIXED = SHAPES | {"name": "mixed", "input_shape": None}
"""A folder whose images differ in size."""
UNSPLIT = SHAPES | {"name": "unsplit", "has_val": False, "counts": {"circle": [40, 0], "square": [30, 0]}}
UNSPLIT["classes"] = ["circle", "square"]
"""A folder without validation images."""
GREY = SHAPES | {"name": "grey", "input_shape": [1, 20, 20]}
CATALOG = Catalog.of_reports([SHAPES, MIXED, UNSPLIT, GREY])
SET_NAMES = ["mnist", "fashion_mnist", "cifar100", "svhn", "stl10"]


def parse(dataset: Any, caps: Caps = Caps(), **rest: Any) -> Submission:  # noqa: B008 -- immutable
    """Check a job on these images; a linear network unless told."""
    return parse_spec({"dataset": dataset, "architecture": LINEAR} | rest, caps, CATALOG)


def refused(dataset: Any, caps: Caps = Caps(), **rest: Any) -> list[tuple[str, str]]:  # noqa: B008 -- immutable
    """The pointers and sentences of what is wrong."""
    with pytest.raises(InvalidSpec) as caught:
        parse(dataset, caps, **rest)
    return [(problem.pointer, problem.detail) for problem in caught.value.errors]


def stored(dataset: Any) -> Document:
    """The data set's part of the stored job."""
    return dict(parse(dataset).document["dataset"])


@pytest.mark.parametrize("name", SET_NAMES)
def test_torchvisions_small_sets_are_known_by_name(name: str) -> None:
    """A job on one is on all of its classes, in its shape, with its published figures."""
    info = BUILT_IN.datasets[name]
    submission = parse(name)
    assert submission.spec.dataset.classes == info.classes
    assert submission.spec.dataset.normalize == "published"
    assert submission.spec.dataset.channels == info.channels
    assert submission.cost.layers[0].input_shape == info.input_shape
    assert info.published_moments is not None
    assert [len(figures) for figures in info.published_moments] == [info.channels] * 2


def test_torchvisions_small_sets_have_their_published_sizes() -> None:
    """Classes, training and validation images, as their authors give them."""
    sizes = {
        name: (len(info.classes), *map(sum, zip(*info.counts.values(), strict=True)))
        for name, info in BUILT_IN.datasets.items()
    }
    assert sizes == {
        "cifar10": (10, 50_000, 10_000),
        "synthetic": (2, 10_000, 2_000),
        "mnist": (10, 60_000, 10_000),
        "fashion_mnist": (10, 60_000, 10_000),
        "cifar100": (100, 50_000, 10_000),
        "svhn": (10, 73_257, 26_032),
        "stl10": (10, 5_000, 8_000),
    }
    assert len(set(BUILT_IN.datasets["cifar100"].classes)) == 100
    assert [*BUILT_IN.datasets["cifar100"].classes] == sorted(BUILT_IN.datasets["cifar100"].classes)


class TestClasses:
    """Left out: two of the sets of version 1, all of any other; null: all, always."""

    @pytest.mark.parametrize("name, usual", [("cifar10", 2), ("synthetic", 2), ("mnist", 10), ("shapes", 3)])
    def test_left_out_or_null(self, name: str, usual: int) -> None:
        """The stored job lists them in the data set's order."""
        every = list(CATALOG.datasets[name].classes)
        left_out, null = stored({"name": name})["classes"], stored({"name": name, "classes": None})["classes"]
        assert left_out == (every if usual == len(every) else ["airplane", "bird"])
        assert null == every

    def test_null_beside_a_preset(self) -> None:
        """It takes the place of the preset's two classes, and sets the width of its last layer."""
        submission = parse_spec({"preset": "convnet", "dataset": {"classes": None}}, Caps())
        assert submission.spec.dataset.classes == BUILT_IN.datasets["cifar10"].classes
        assert submission.cost.layers[-1].output_shape == (10,)

    def test_null_of_an_unknown_set(self) -> None:
        """The one thing that is wrong is the name."""
        assert [pointer for pointer, _ in refused({"name": "shape", "classes": None})] == ["/dataset/name"]

    def test_a_job_of_a_thousand_classes_can_be_stored_and_read_again(self) -> None:
        """More than a thousand are refused, listed or not."""
        names = [f"class-{number:04}" for number in range(1001)]
        large = SHAPES | {"name": "large", "classes": names, "counts": {name: [2, 1] for name in names}}
        catalog = Catalog.of_reports([large | {"input_shape": [1, 4, 4]}])
        document: Document = {"dataset": {"name": "large", "classes": names[:1000]}, "architecture": LINEAR}
        submission = parse_spec(document, Caps(), catalog)
        assert parse_spec(submission.document, Caps(), catalog).spec_hash == submission.spec_hash
        for dataset in ("large", {"name": "large", "classes": names}):
            with pytest.raises(InvalidSpec, match=r"1,001 (classes|entries)"):
                parse_spec({**document, "dataset": dataset}, Caps(), catalog)


class TestShape:
    """Channels, height and width that the network is given."""

    @pytest.mark.parametrize(
        "dataset, shape",
        [
            ("cifar2", (3, 32, 32)),
            ({"image_size": 64}, (3, 64, 64)),
            ({"channels": 1}, (1, 32, 32)),
            ("mnist", (1, 28, 28)),
            ({"name": "mnist", "channels": 3}, (3, 28, 28)),
            ({"name": "stl10", "image_size": 32, "channels": 1}, (1, 32, 32)),
            ("shapes", (3, 48, 64)),
            ({"name": "shapes", "channels": 1}, (1, 48, 64)),
            ({"name": "shapes", "image_size": 24}, (3, 24, 24)),
            ({"name": "mixed", "image_size": 24}, (3, 24, 24)),
            ("grey", (1, 20, 20)),
        ],
        ids=str,
    )
    def test_follows_from_the_set_and_the_job(self, dataset: Any, shape: tuple[int, ...]) -> None:
        """Parameters and FLOPs too."""
        submission = parse(dataset)
        pixels, classes = shape[0] * shape[1] * shape[2], len(submission.spec.dataset.classes)
        assert submission.cost.layers[0].input_shape == shape
        assert submission.cost.parameters == (pixels + 1) * classes
        images = CATALOG.samples(submission.spec.dataset)
        assert submission.cost.flops_per_epoch == 4 * pixels * classes * images

    def test_must_be_chosen_where_images_differ_in_size(self) -> None:
        """The refusal points at the data set, or at the null."""
        for dataset, pointer in (("mixed", "/dataset"), ({"name": "mixed", "image_size": None}, "/dataset/image_size")):
            ((where, why),) = refused(dataset)
            assert where == pointer
            assert why == ('The images of mixed are not all of one size: say which they get, such as "image_size": 64.')

    @pytest.mark.parametrize(
        "fields, pointer",
        [({"image_size": 0}, "image_size"), ({"image_size": 1025}, "image_size"), ({"channels": 2}, "channels")],
    )
    def test_has_bounds(self, fields: Document, pointer: str) -> None:
        """Of 1 to 1,024 pixels and one or three channels."""
        assert [where for where, _ in refused(fields)] == [f"/dataset/{pointer}"]

    def test_decides_what_fits_an_augmentation(self) -> None:
        """A cutout is as large as the images at most, as the job has them."""
        cutout = {"augment": [{"kind": "cutout", "size": 33}]}
        parse({"name": "shapes", "image_size": 33}, training=cutout)
        parse({"image_size": 40}, training=cutout)
        assert [where for where, _ in refused("cifar2", training=cutout)] == ["/training/augment/0/size"]

    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.parametrize("dataset", [*SET_NAMES, "shapes", {"name": "mixed", "image_size": 64}], ids=str)
    def test_fits_every_preset(self, preset: str, dataset: Any) -> None:
        """A preset on another set has as many outputs as that has classes, and images of its shape."""
        submission = parse_spec({"preset": preset, "dataset": dataset}, Caps(), CATALOG)
        assert submission.preset == preset
        assert submission.cost.layers[-1].output_shape == (len(submission.spec.dataset.classes),)


class TestTorchvision:
    """torchvision's networks make images smaller several times."""

    def test_wants_images_that_it_does_not_shrink_to_nothing(self) -> None:
        """The error says how many pixels it needs."""
        vgg = {"kind": "torchvision", "network": "vgg11_bn"}
        ((where, why),) = refused("mnist", architecture=vgg)
        assert where == "/architecture/network"
        assert "vgg11_bn shrinks images of 1 × 28 × 28 to nothing: it needs 32 pixels" in why
        parse({"name": "mnist", "image_size": 32}, architecture=vgg)

    def test_needs_two_images_where_a_batchnorm_sees_one_pixel(self) -> None:
        """A last batch of one image could not be normalised."""
        rest: Any = {"architecture": {"kind": "torchvision", "network": "resnet18"}, "training": {"batch_size": 3}}
        parse({"image_size": 9}, **rest)
        ((where, why),) = refused({"image_size": 8}, **rest)
        assert where == "/training/batch_size"
        assert "batchnorm in resnet18 after 3 × 8 × 8 needs at least two" in why


class TestNormalize:
    """Left out: published figures where the set has them for such images, computed ones otherwise."""

    @pytest.mark.parametrize(
        "dataset, stands",
        [
            ("cifar2", "published"),
            ("mnist", "published"),
            ({"name": "stl10", "image_size": 32}, "published"),
            ({"name": "mnist", "channels": 3}, "computed"),
            ({"channels": 1}, "computed"),
            ("shapes", "computed"),
            ({"name": "shapes", "normalize": "none"}, "none"),
        ],
        ids=str,
    )
    def test_left_out(self, dataset: Any, stands: str) -> None:
        """The stored job says which."""
        assert stored(dataset)["normalize"] == stands

    @pytest.mark.parametrize(
        "dataset, why",
        [
            ({"name": "shapes"}, "shapes has no published mean and deviation: normalize"),
            ({"channels": 1}, "cifar10 has no published mean and deviation for images of 1 channel: normalize"),
            ({"name": "mnist", "channels": 3}, "mnist has no published mean and deviation for images of 3 channels"),
        ],
        ids=str,
    )
    def test_published_figures_that_there_are_not(self, dataset: Document, why: str) -> None:
        """Asked for by name they are refused."""
        ((where, text),) = refused(dataset | {"normalize": "published"})
        assert where == "/dataset/normalize"
        assert why in text


class TestSplits:
    """Which images are trained on, and which validated on."""

    def test_a_set_without_validation_images_needs_a_fraction(self) -> None:
        """The refusal says how to write one."""
        ((where, why),) = refused("unsplit")
        assert where == "/dataset"
        assert why.startswith("unsplit has no validation images")
        assert '"val_fraction": 0.2' in why

    @pytest.mark.parametrize("dataset", [{}, {"name": "shapes"}, {"name": "mnist"}], ids=str)
    def test_a_set_with_validation_images_takes_none(self, dataset: Document) -> None:
        """The refusal names the field that does what was probably meant."""
        ((where, why),) = refused(dataset | {"val_fraction": 0.2})
        assert where == "/dataset/val_fraction"
        assert "holdout_fraction" in why

    @pytest.mark.parametrize("count, fraction, aside", [(40, 0.25, 10), (3, 0.01, 1), (3, 0.99, 2), (1, 0.5, 0)])
    def test_each_class_keeps_an_image_on_either_side(self, count: int, fraction: float, aside: int) -> None:
        """A class of one image alone is trained on."""
        assert set_aside(count, fraction) == aside

    @pytest.mark.parametrize(
        "dataset, images",
        [
            ({"name": "unsplit", "val_fraction": 0.25}, 40 - 10 + 30 - 8),
            ({"name": "unsplit", "val_fraction": 0.25, "train_per_class": 25}, 25 + 22),
            ({"name": "shapes", "holdout_fraction": 0.5}, 20 + 15 + 10),
            ({"holdout_fraction": 0.1}, 9_000),
            ({}, 10_000),
        ],
        ids=str,
    )
    def test_an_epoch_costs_what_is_trained_on(self, dataset: Document, images: int) -> None:
        """FLOPs leave out what is validated on."""
        submission = parse(dataset)
        pixels = 48 * 64 if "name" in dataset else 32 * 32
        assert submission.cost.flops_per_epoch == 4 * 3 * pixels * len(submission.spec.dataset.classes) * images

    def test_limits_count_what_is_left(self) -> None:
        """Of forty images ten are validated on."""
        split = {"name": "unsplit", "val_fraction": 0.25}
        parse(split | {"train_per_class": 30, "val_per_class": 10})
        found = dict(refused(split | {"train_per_class": 31, "val_per_class": 11}))
        assert "from 1 to 30" in found["/dataset/train_per_class"]
        assert "from 1 to 10" in found["/dataset/val_per_class"]

    @pytest.mark.parametrize("fields", [{"val_fraction": 0}, {"val_fraction": 1}, {"holdout_fraction": 1.0}], ids=str)
    def test_fractions_lie_between_none_and_all(self, fields: Document) -> None:
        """All images or none on one side are no split."""
        assert [where for where, _ in refused(fields)] == [f"/dataset/{next(iter(fields))}"]

    def test_a_split_without_images_is_refused(self) -> None:
        """Classes of one image each cannot be trained and validated on."""
        single = UNSPLIT | {"counts": {"circle": [1, 0], "square": [1, 0]}}
        document = {"dataset": {"name": "unsplit", "val_fraction": 0.5}, "architecture": LINEAR}
        with pytest.raises(InvalidSpec, match="no images of these classes to validate on"):
            parse_spec(document, Caps(), Catalog.of_reports([single]))


class TestSize:
    """Decoded images are bounded by FLIGHTLINE_MAX_DATASET_BYTES."""

    def test_is_that_of_all_images_of_the_jobs_classes(self) -> None:
        """Training and validation together, at the job's size."""
        exact = 12_000 * 3 * 32 * 32
        parse("cifar2", Caps(max_dataset_bytes=exact))
        ((where, why),) = refused("cifar2", Caps(max_dataset_bytes=exact - 1))
        assert where == "/dataset"
        assert "12,000 images of 3 × 32 × 32 take 36,864,000 bytes decoded" in why
        assert "FLIGHTLINE_MAX_DATASET_BYTES" in why

    def test_grows_with_the_image_size(self) -> None:
        """The refusal points at what made it so large, and gives both sizes in units that people read."""
        ((where, why),) = refused({"name": "stl10", "image_size": 512})
        assert where == "/dataset/image_size"
        assert why == (
            "13,000 images of 3 × 512 × 512 take 10.2 GB decoded; at most 4 GB is allowed "
            "(FLIGHTLINE_MAX_DATASET_BYTES). Take a smaller image_size, or fewer classes."
        )

    def test_is_that_of_the_largest_copy(self) -> None:
        """A worker that holds more images than are published would load them all."""
        copy = {"name": "cifar10", "ready": True, "counts": {"airplane": [50_000, 10], "bird": [9, 9]}}
        catalog = Catalog.of_reports([], [[copy]])
        with pytest.raises(InvalidSpec, match="50,028 images"):
            parse_spec({"architecture": LINEAR}, Caps(max_dataset_bytes=10**8), catalog)


@pytest.mark.parametrize("dataset", [None, {}, {"channels": 3, "image_size": None, "holdout_fraction": 0}], ids=str)
def test_fields_of_this_release_are_stored_where_they_say_something(dataset: Any) -> None:
    """A job that could have been submitted to the release before can be run by its workers, who know none of them."""
    document: Document = {"architecture": LINEAR} | ({} if dataset is None else {"dataset": dataset})
    assert parse_spec(document, Caps()).document["dataset"] == {
        "name": "cifar10",
        "classes": ["airplane", "bird"],
        "normalize": "published",
        "train_per_class": None,
        "val_per_class": None,
    }


@pytest.mark.parametrize(
    "dataset",
    [
        "mnist",
        {"name": "mnist", "channels": 3},
        {"name": "grey", "channels": 3, "image_size": 9},
        {"channels": 1},
        {"name": "unsplit", "val_fraction": 0.3},
        {"name": "mixed", "image_size": 40, "channels": 1, "holdout_fraction": 0.25, "normalize": "none"},
    ],
    ids=str,
)
def test_a_stored_job_parses_to_itself(dataset: Any) -> None:
    """With every field that says something."""
    first = parse(dataset)
    again = parse_spec(json.loads(json.dumps(first.document)), Caps(), CATALOG)
    assert (again.document, again.spec_hash, again.cost) == (first.document, first.spec_hash, first.cost)


def test_each_field_changes_the_hash() -> None:
    """Other images are another training."""
    base = {"name": "unsplit", "val_fraction": 0.25}
    others: list[Document] = [{}, {"image_size": 9}, {"channels": 1}, {"val_fraction": 0.5}, {"holdout_fraction": 0.1}]
    assert len({parse(base | other).spec_hash for other in others}) == len(others)


HASHES = Path(__file__).with_name("hashes-1242c84.json")
"""Specs and their hashes as release 1242c84 computed them."""


def test_specs_of_the_release_before_keep_their_hashes() -> None:
    """For every preset and every kind of part that it knew."""
    kept = json.loads(HASHES.read_text(encoding="utf-8"))
    assert len(kept) > 40
    for entry in kept:
        submission = parse_spec(entry["spec"], Caps())
        assert (submission.spec_hash, submission.config_hash) == (entry["spec_hash"], entry["config_hash"])
        digest = hashlib.sha256(json.dumps(submission.document["dataset"], sort_keys=True).encode()).hexdigest()
        assert digest == entry["dataset_sha256"]
