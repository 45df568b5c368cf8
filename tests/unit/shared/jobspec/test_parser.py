"""What may be sent, and what becomes of it."""

import json
import sys
from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import BUILT_IN, PRESETS, Caps, Submission, parse_spec, parse_submission

WHOLE_EXAMPLE: dict[str, Any] = {
    "name": "tapered",
    "tags": ["notebook"],
    "dataset": {"name": "cifar10", "classes": ["airplane", "bird"], "normalize": "published"},
    "architecture": {"kind": "mlp", "hidden": [1024, 512, 128], "activation": "tanh", "output": "log_softmax"},
    "training": {
        "epochs": 100,
        "batch_size": 64,
        "shuffle": True,
        "seed": 0,
        "loss": "auto",
        "label_smoothing": 0.0,
        "precision": "fp32",
        "optimizer": {"kind": "sgd", "lr": 0.01, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
        "schedule": {"kind": "constant"},
        "augment": [],
        "early_stopping": None,
        "weight_average": None,
        "engine": "auto",
    },
    "resources": {"device": "any", "threads": 1},
    "priority": 5,
    "limits": {"timeout_seconds": 86400, "max_attempts": 3},
}


def submit(document: object) -> Submission:
    """Sends a document as the bytes that it would travel in."""
    return parse_submission(json.dumps(document).encode(), Caps())


def section(submission: Submission, name: str) -> Any:
    """A section of the expanded document."""
    return submission.document[name]


def test_every_default_is_the_documented_one() -> None:
    """An architecture alone stands for the documented whole."""
    submission = submit({"architecture": {"kind": "mlp", "hidden": [1024, 512, 128]}})
    expected = {**WHOLE_EXAMPLE, "name": None, "tags": []}
    expected["dataset"] = {**expected["dataset"], "train_per_class": None, "val_per_class": None}
    assert submission.document == expected


def test_a_whole_spec_is_kept_as_it_is() -> None:
    """Every field of a complete spec comes back unchanged, and so do name and tags."""
    document = submit(WHOLE_EXAMPLE).document
    assert {**document, "dataset": WHOLE_EXAMPLE["dataset"]} == WHOLE_EXAMPLE


def test_the_tapered_network_costs_what_it_should() -> None:
    """The check values: 3,737,474 parameters, 161,233,920,000 FLOPs an epoch, 14,949,896 bytes."""
    cost = submit({"preset": "notebook-tapered"}).cost
    assert (cost.parameters, cost.flops_per_epoch, cost.weight_bytes) == (3_737_474, 161_233_920_000, 14_949_896)
    assert [layer.output_shape for layer in cost.layers if layer.parameters] == [(1024,), (512,), (128,), (2,)]
    assert sum(layer.flops for layer in cost.layers) == cost.flops_per_epoch


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_torchvision_network_costs_what_it_should(classes: int) -> None:
    """ResNet-18 for CIFAR: 11,168,832 parameters and 513 for each class; one entry stands for all its layers."""
    names = list(BUILT_IN.datasets["cifar10"].classes[:classes])
    submission = submit({"architecture": {"kind": "torchvision", "network": "resnet18"}, "dataset": {"classes": names}})
    assert submission.spec.architecture.kind == "torchvision"
    assert submission.cost.parameters == 11_168_832 + 513 * classes
    (whole,) = submission.cost.layers
    assert (whole.kind, whole.output_shape, whole.flops) == ("resnet18", (classes,), submission.cost.flops_per_epoch)


@pytest.mark.parametrize("batch_size", [1, 3, 999])
def test_a_torchvision_network_trains_on_a_last_batch_of_one(batch_size: int) -> None:
    """None of them has a BatchNorm over one pixel; a test of the worker trains each on one image."""
    architecture = {"kind": "torchvision", "network": "mobilenet_v2"}
    document = {"architecture": architecture, "training": {"batch_size": batch_size}}
    assert submit({**document, "dataset": {"train_per_class": 500}}).cost.parameters == 2_226_434


def test_a_subset_of_the_images_costs_less() -> None:
    """FLOPs count the images that the job trains on."""
    cost = submit({"preset": "notebook-tapered", "dataset": {"train_per_class": 320}}).cost
    assert cost.flops_per_epoch == 161_233_920_000 * 640 // 10_000


@pytest.mark.parametrize("name", PRESETS)
def test_presets_stand_for_whole_specs(name: str) -> None:
    """Every preset is a job by itself, and its name stays as a label outside of the spec."""
    submission = submit({"preset": name})
    assert submission.preset == name
    assert "preset" not in submission.document
    assert submission.spec_hash == parse_spec(submission.document, Caps()).spec_hash


def test_explicit_fields_win_over_the_preset() -> None:
    """A field given beside a preset replaces that field alone, at any depth."""
    submission = submit(
        {
            "preset": "notebook-tapered-logits",
            "training": {"seed": 3, "optimizer": {"momentum": 0.9}},
            "architecture": {"hidden": [7]},
        }
    )
    assert section(submission, "architecture") == {
        "kind": "mlp",
        "hidden": [7],
        "activation": "tanh",
        "output": "logits",
    }
    assert section(submission, "training")["optimizer"]["momentum"] == 0.9
    assert section(submission, "training")["seed"] == 3


def test_another_kind_replaces_the_preset_s() -> None:
    """An object of another kind inherits nothing from the preset's."""
    layers = [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}]
    submission = submit(
        {
            "preset": "notebook-tapered-logits",
            "architecture": {"kind": "layers", "layers": layers},
            "training": {"optimizer": {"kind": "adam"}},
        }
    )
    assert section(submission, "architecture")["output"] == "log_softmax"
    assert section(submission, "training")["optimizer"]["lr"] == 0.001


def test_a_preset_s_name_stands_for_its_architecture() -> None:
    """As an architecture, a preset gives its network alone; no label, and nothing of another preset's network."""
    submission = submit({"preset": "notebook-tapered-logits", "architecture": "notebook-linear"})
    assert section(submission, "architecture")["hidden"] == [512]
    assert section(submission, "architecture")["output"] == "log_softmax"
    assert submit({"architecture": "notebook-linear"}).preset is None


@pytest.mark.parametrize("short, name", [("cifar2", "cifar10"), ("synthetic", "synthetic")])
def test_short_forms_of_data_sets(short: str, name: str) -> None:
    """A short form stands for airplanes and birds of its data set."""
    dataset = section(submit({"architecture": "notebook-linear", "dataset": short}), "dataset")
    assert dataset["name"] == name
    assert dataset["classes"] == ["airplane", "bird"]


def test_an_optimizer_without_a_kind_is_sgd() -> None:
    """The optimizer's kind has a default like everything else."""
    optimizer = section(submit({"preset": "notebook-linear", "training": {"optimizer": {"lr": 1}}}), "training")
    assert optimizer["optimizer"] == {**WHOLE_EXAMPLE["training"]["optimizer"], "lr": 1.0}


def test_the_last_linear_layer_may_leave_the_number_of_classes_to_the_data_set() -> None:
    """So a preset's network fits any classes; what is stored says the number, and another linear layer must too."""
    four = {"classes": ["cat", "dog", "frog", "horse"]}
    submission = submit({"preset": "convnet", "dataset": four})
    *_, linear, scale = section(submission, "architecture")["layers"]
    assert (linear["out_features"], scale["kind"]) == (4, "scale")
    layers = [{"kind": "flatten"}, {"kind": "linear", "out_features": 8}, {"kind": "linear"}]
    assert submit({"architecture": {"kind": "layers", "layers": layers}}).cost.layers[-1].output_shape == (2,)
    layers[1], layers[2] = layers[2], layers[1]
    with pytest.raises(InvalidSpec, match="out_features"):
        submit({"architecture": {"kind": "layers", "layers": layers}})


def test_the_number_of_classes_sets_the_last_layer() -> None:
    """The input shape and the number of classes come from the data set."""
    submission = submit({"architecture": {"kind": "mlp", "hidden": []}, "dataset": {"classes": [*_classes()]}})
    assert submission.cost.parameters == 3072 * 10 + 10


def _classes() -> tuple[str, ...]:
    return BUILT_IN.datasets["cifar10"].classes


def test_a_stored_document_parses_to_itself() -> None:
    """What is stored can be submitted again: the same document, hashes and cost."""
    first = submit({"preset": "notebook-tapered", "name": "again", "training": {"augment": [{"kind": "flip"}]}})
    again = parse_spec(json.loads(json.dumps(first.document)), Caps())
    assert (again.document, again.spec_hash, again.cost) == (first.document, first.spec_hash, first.cost)


def test_the_queue_is_the_device() -> None:
    """A job goes to the queue of the kind of device that it asks for."""
    assert submit({"preset": "notebook-linear", "resources": {"device": "cuda"}}).spec.queue == "cuda"


def test_a_byte_order_mark_is_harmless() -> None:
    """Windows editors put one in front."""
    assert parse_submission(b'\xef\xbb\xbf{"preset": "notebook-linear"}', Caps()).preset == "notebook-linear"


def test_names_in_any_script_are_kept() -> None:
    """A name may hold whatever people write, joined emoji too."""
    assert submit({"preset": "notebook-linear", "name": "Möwe 鳥 👩‍🚀"}).spec.name == "Möwe 鳥 👩‍🚀"


def test_caps_are_the_caller_s() -> None:
    """Every cap can be set, and one below a job refuses it."""
    preset = {"preset": "notebook-tapered", "tags": ["a", "b"], "name": "long"}
    for caps in (
        Caps(max_parameters=3_737_473),
        Caps(max_layers=2),
        Caps(max_epochs=99),
        Caps(max_batch_size=63),
        Caps(max_activations=100),
        Caps(max_flops_per_epoch=161_233_919_999),
        Caps(max_name_length=3),
        Caps(max_tags=1),
    ):
        with pytest.raises(InvalidSpec) as refusal:
            parse_spec({**preset, "architecture": {"hidden": [1024, 512, 128]}}, caps)
        assert len(refusal.value.errors) == 1, caps
    assert parse_spec(preset, Caps(max_parameters=3_737_474)).cost.parameters == 3_737_474


def test_the_spec_never_loads_torch() -> None:
    """The check runs where torch is not installed."""
    import subprocess

    code = "import sys, shared.jobspec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
