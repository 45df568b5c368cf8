"""What is refused: where the error points, and what it says."""

import dataclasses
import json
from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.jobspec import BUILT_IN, Caps, Catalog, parse_spec, parse_submission

PRESET: dict[str, Any] = {"preset": "notebook-tapered"}
FLATTEN: dict[str, Any] = {"kind": "flatten"}
TO_CLASSES: dict[str, Any] = {"kind": "linear", "out_features": 2}


def network(*layers: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """A job with these layers."""
    return {"architecture": {"kind": "layers", "layers": list(layers)}, **rest}


def conv(**options: Any) -> dict[str, Any]:
    """A convolution to 16 channels, 3 × 3 unless told."""
    return {"kind": "conv2d", "out_channels": 16, "kernel_size": 3, **options}


def residual(*layers: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A residual block of these layers."""
    return {"kind": "residual", "layers": list(layers), **options}


def vision(name: str) -> dict[str, Any]:
    """A network of torchvision's."""
    return {"kind": "torchvision", "network": name}


def training(**fields: Any) -> dict[str, Any]:
    """The preset with another recipe."""
    return {**PRESET, "training": fields}


def refusal(document: object, catalog: Catalog = BUILT_IN) -> InvalidSpec:
    """The one error that a document raises."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(InvalidSpec) as caught:
        parse_submission(body, Caps(), catalog)
    return caught.value


def drawn_in(input_shape: tuple[int, int, int]) -> Catalog:
    """A catalogue of the drawn data set alone, with images of this shape."""
    return Catalog({"synthetic": dataclasses.replace(BUILT_IN.datasets["synthetic"], input_shape=input_shape)})


FIELDS = [
    # what is sent, where the error points, what it must say
    ({}, "", ["no architecture", "preset"]),
    ({"architecture": None}, "/architecture", ["an object", "null"]),
    ({"architecture": "notebook"}, "/architecture", ["notebook-tapered"]),
    (network(TO_CLASSES, dataset="fotos"), "/dataset", ['There is no data set "fotos".', "Known: cifar2"]),
    (
        network(TO_CLASSES, dataset="cifar10"),
        "/dataset",
        ["cifar2", "airplane and bird", '{"name": "cifar10", "classes": null} is all of its classes'],
    ),
    ({"architecture": {"kind": "cnn"}}, "/architecture", ['"cnn"', "mlp, layers or torchvision"]),
    ({"architecture": {"kind": "torchvision"}}, "/architecture", ['"network" is missing']),
    (
        {"architecture": {**vision("resnet18"), "layers": []}},
        "/architecture/layers",
        ["It belongs to the kind layers."],
    ),
    (network(TO_CLASSES) | {"preset": None, "presset": "x"}, "/presset", ['Did you mean "preset"?']),
    (network(TO_CLASSES, zzz=1), "/zzz", ["Known here: preset, name, tags"]),
    (network(TO_CLASSES, training={"preset": "convnet"}), "/training/preset", ["It belongs in /preset."]),
    ({"architecture": vision("resnet-18")}, "/architecture/network", ['"resnet18"?', '"vgg11_bn"', '"mobilenet_v2"']),
    ({"architecture": vision("googlenet")}, "/architecture/network", ["googlenet", '"densenet121", "efficientnet_b0"']),
    ({"architecture": {**vision("resnet18"), "output": "odds"}}, "/architecture/output", ['"logits"']),
    ({"architecture": vision("resnet18"), "training": {"engine": "fused"}}, "/training/engine", ["fully connected"]),
    (network(conv(), FLATTEN, TO_CLASSES, training={"engine": "fused"}), "/training/engine", ['"auto"']),
    ({"architecture": {"hidden": [5]}}, "/architecture", ['"kind" is missing']),
    ({"architecture": {"kind": "mlp"}}, "/architecture", ['"hidden" is missing']),
    ({"architecture": {"kind": "mlp", "hidden": [64, "32"]}}, "/architecture/hidden/1", ["whole number", '"32"']),
    ({"architecture": {"kind": "mlp", "hidden": [64, True]}}, "/architecture/hidden/1", ["whole number", "true"]),
    ({"architecture": {"kind": "mlp", "hidden": [0]}}, "/architecture/hidden/0", ["from 1 to 1,000,000,000, not 0"]),
    ({"architecture": {"kind": "mlp", "hidden": 5}}, "/architecture/hidden", ["an array"]),
    ({"architecture": {"kind": "mlp", "hidden": [], "activation": "rellu"}}, "/architecture/activation", ['"relu"?']),
    ({"preset": "notebook-taperd"}, "/preset", ['"notebook-tapered"?']),
    ({"preset": 3}, "/preset", ["no preset 3"]),
    ({**PRESET, "dataset": "cifar"}, "/dataset", ['"cifar2"?']),
    ({**PRESET, "dataset": {"name": "cifar"}}, "/dataset/name", ["cifar10, synthetic", "svhn or stl10"]),
    ({**PRESET, "dataset": {"classes": ["airplan", "bird"]}}, "/dataset/classes/0", ['"airplane"?', "truck"]),
    ({**PRESET, "dataset": {"classes": ["bird", "bird"]}}, "/dataset/classes/1", ["twice"]),
    ({**PRESET, "dataset": {"classes": ["bird"]}}, "/dataset/classes", ["two or more"]),
    ({**PRESET, "dataset": {"train_per_class": 5001}}, "/dataset/train_per_class", ["from 1 to 5,000"]),
    ({**PRESET, "dataset": {"val_per_class": 0}}, "/dataset/val_per_class", ["from 1 to 1,000,000,000"]),
    ({**PRESET, "epochs": 3}, "/epochs", ["/training/epochs"]),
    ({**PRESET, "lr": 0.1}, "/lr", ["/training/optimizer/lr"]),
    ({**PRESET, "taining": {}}, "/taining", ['"training"?']),
    (training(optimizer={"kind": "sgd", "momentm": 0.9}), "/training/optimizer/momentm", ['"momentum"?']),
    (
        training(optimizer={"kind": "sgd", "betas": [0, 0]}),
        "/training/optimizer/betas",
        ["adam, adamw or nadam"],
    ),
    (training(epochs=0), "/training/epochs", ["epochs must be 1 or more, not 0."]),
    (training(optimizer={"kind": "adamm"}), "/training/optimizer", ['"adam"?', "sgd, adam, adamw, rmsprop or nadam"]),
    (training(optimizer={"lr": 0}), "/training/optimizer/lr", ["above 0 and at most 1,000"]),
    (training(optimizer={"lr": "0.1"}), "/training/optimizer/lr", ["a number", '"0.1"']),
    (training(optimizer={"kind": "adam", "betas": [0.9, 1]}), "/training/optimizer/betas/1", ["from 0 and below 1"]),
    (training(optimizer={"kind": "adam", "betas": [0.9]}), "/training/optimizer/betas", ["missing"]),
    (training(optimizer={"nesterov": True}), "/training/optimizer/nesterov", ["momentum above 0"]),
    (training(optimizer={"kind": "adam", "betas": [0, 0, 0]}), "/training/optimizer/betas", ["at most 2", "are 3"]),
    (training(loss="cross_entropy"), "/training/loss", ["log_softmax", '"nll"']),
    (training(epochs=10_001), "/training/epochs", ["from 1 to 10,000", "FLIGHTLINE_MAX_EPOCHS"]),
    (training(epochs=1.5), "/training/epochs", ["whole number", "1.5"]),
    (training(batch_size=0), "/training/batch_size", ["1 or more"]),
    (training(seed=-1), "/training/seed", ["from 0 to 4,294,967,295"]),
    (training(precision="fp16"), "/training/precision", ["fp32", "bf16"]),
    (training(shuffle="yes"), "/training/shuffle", ["true or false"]),
    (training(label_smoothing=1), "/training/label_smoothing", ["from 0 and below 1"]),
    (
        training(engine="fused", weight_average={"kind": "ema"}),
        "/training/engine",
        ['"fused"', "average", '"auto"'],
    ),
    ({**training(engine="fused"), "resources": {"device": "cuda"}}, "/training/engine", ["CPU", '"auto"']),
    ({"preset": "convnet", "training": {"engine": "fused"}}, "/training/engine", ["average", "fully connected"]),
    (training(weight_average={"kind": "swa"}), "/training/weight_average/kind", ['"ema"']),
    (training(weight_average={"kind": "ema", "decay": 1}), "/training/weight_average/decay", ["from 0 and below 1"]),
    (training(weight_average={"decay": 0.9}), "/training/weight_average", ['"kind"', "missing"]),
    (training(schedule={"kind": "cosine", "min_lr": 1}), "/training/schedule/min_lr", ["at most", "0.01"]),
    (training(schedule={"kind": "step", "gamma": 2}), "/training/schedule/gamma", ["at most 1"]),
    (training(schedule={"kind": "onecycle"}), "/training/schedule", ['"one_cycle"?']),
    (training(schedule={"kind": "one_cycle", "pct_start": 2}), "/training/schedule/pct_start", ["from 0 to 1"]),
    (
        training(schedule={"kind": "one_cycle", "div_factor": 0.5}),
        "/training/schedule/div_factor",
        ["1 to 1,000,000,000,"],
    ),
    (
        training(schedule={"kind": "one_cycle", "anneal_strategy": "cosine"}),
        "/training/schedule/anneal_strategy",
        ["cos"],
    ),
    (training(augment=[{"kind": "flip"}, {"kind": "crop", "padding": 0}]), "/training/augment/1/padding", ["1 to 16"]),
    (training(augment=[{"kind": "flip"}, {"kind": "flip"}]), "/training/augment/1", ["twice"]),
    (training(augment=[{"kind": "cutoff"}]), "/training/augment/0", ["no augmentation of kind", '"cutout"?']),
    (training(augment=[{"kind": "cutout", "size": 0}]), "/training/augment/0/size", ["1 or more"]),
    (training(augment=[{"kind": "cutout", "size": 33}]), "/training/augment/0/size", ["from 1 to 32", "cifar10"]),
    (training(augment=[{"kind": "crop", "padding_mode": "edge"}]), "/training/augment/0/padding_mode", ["reflect"]),
    (training(early_stopping={"patience": 0}), "/training/early_stopping/patience", ["from 1 to"]),
    (training(early_stopping={"monitor": "loss"}), "/training/early_stopping/monitor", ["val_loss"]),
    ({**PRESET, "resources": {"threads": 65}}, "/resources/threads", ["from 1 to 64"]),
    ({**PRESET, "resources": {"device": "gpu"}}, "/resources/device", ["cuda"]),
    ({**PRESET, "priority": 10}, "/priority", ["from 0 to 9", "10"]),
    ({**PRESET, "priority": 10**500}, "/priority", ["from 0 to 9", "30 digits"]),
    ({**PRESET, "limits": {"max_attempts": 0}}, "/limits/max_attempts", ["from 1 to 100"]),
    ({**PRESET, "name": "x" * 101}, "/name", ["101 characters", "100"]),
    ({**PRESET, "name": "\0"}, "/name", ["NUL"]),
    ({**PRESET, "name": "two\nlines"}, "/name", ["U+000A at position 3"]),
    ({**PRESET, "tags": ["a", "a"]}, "/tags/1", ["twice"]),
    ({**PRESET, "tags": [" "]}, "/tags/0", ["blank"]),
    ({**PRESET, "tags": ["\ud800"]}, "/tags/0", ["surrogate"]),
    ({**PRESET, "tags": [str(number) for number in range(21)]}, "/tags", ["21 entries", "20"]),
    ({**PRESET, "\ud800": 1}, "", ["field name", "surrogate"]),
    ({**PRESET, "a/b~c": 1}, "/a~1b~0c", ["no field"]),
    ({**PRESET, "x" * 1000: 1}, "", ["1,000 characters"]),
    ({**PRESET, **{f"x{number}": 1 for number in range(1000)}}, "", ["1,001 fields"]),
]
SHAPES = [
    (network(), "", ["at least one layer"]),
    (network(TO_CLASSES), "/0", ["3 × 32 × 32", "flatten", "3072 features"]),
    (network(FLATTEN, {"kind": "linear", "out_features": 10}), "/1", ["10 features", "2 classes", '"out_features": 2']),
    (network(conv(), conv()), "/1", ["16 × 28 × 28", "2 classes", "flatten"]),
    (network(FLATTEN, conv()), "/1", ["3072 features", "before the first flatten"]),
    (network(conv(kernel_size=33)), "/0", ["3 × 32 × 32", "kernel_size of at most 32", "padding of at least 1"]),
    (network(conv(dilation=16)), "/0", ["33 with its dilation", "kernel_size of at most 2"]),
    (network(conv(), conv(groups=3)), "/1", ["16 × 30 × 30", "groups 3", "1, 2, 4, 8 or 16"]),
    (network({"kind": "maxpool2d", "kernel_size": 3, "padding": 2}), "/0", ["at most 1"]),
    (network({"kind": "avgpool2d", "kernel_size": 33}), "/0", ["at most 32"]),
    (network(FLATTEN, {"kind": "maxpool2d", "kernel_size": 2}), "/1", ["takes an image"]),
    (network({"kind": "conv", "out_channels": 3}), "/0", ['no layer of kind "conv"', '"conv2d"?']),
    (network({"kind": "relu", "padding": 3}), "/0/padding", ["to the kind conv2d, maxpool2d or avgpool2d"]),
    (network({"kind": "linear", "units": 3}), "/0/units", ["no field"]),
    (network({"kind": "dropout", "p": 1}), "/0/p", ["from 0 and below 1"]),
    (network({"kind": "batchnorm", "momentum": 0}), "/0/momentum", ["above 0 and at most 1"]),
    (network({"kind": "scale"}), "/0", ['"factor"', "missing"]),
    (network({"kind": "scale", "factor": -1.0}), "/0/factor", ["above 0"]),
    (network({"kind": "whitening", "kernel_size": 9}), "/0/kernel_size", ["from 1 to 8"]),
    (network(conv(), {"kind": "whitening", "kernel_size": 2}), "/1", ["Layer 1 (whitening)", "can only be the first"]),
    (network(residual({"kind": "whitening", "kernel_size": 2})), "/0/layers/0", ["inside a residual block"]),
    (network(residual()), "/0/layers", ["at least one layer"]),
    (network({"kind": "residual"}), "/0", ['"layers"', "missing"]),
    (network(residual(conv(), short=[])), "/0/short", ['"shortcut"?']),
    (network(residual({"kind": "conv", "out_channels": 3})), "/0/layers/0", ['"conv2d"?']),
    (network(residual(conv(), shortcut=[{"kind": "linear", "units": 3}])), "/0/shortcut/0/units", ["no field"]),
    (network(residual(residual(conv()))), "/0/layers/0", ["inside a residual block"]),
    (network(residual(conv(), conv(kernel_size=99))), "/0/layers/1", ["Layer 1 (conv2d) of the layers of layer 0"]),
    (network(residual(conv(), shortcut=[conv(kernel_size=99)])), "/0/shortcut/0", ["of the shortcut of layer 0"]),
    (network(residual(conv())), "/0", ["16 × 30 × 30", "3 × 32 × 32", "padding of half"]),
    (network(residual(conv(padding=1))), "/0", ["16 × 32 × 32", '"out_channels": 16', '"stride": 1', '"bias": false']),
    (network(conv(padding=1), residual(conv(stride=2, padding=1))), "/1", ["16 × 16 × 16", '"stride": 2']),
    (network(residual(conv(padding=1, out_channels=3), shortcut=[FLATTEN])), "/0", ["an empty shortcut"]),
    (network(residual(FLATTEN, TO_CLASSES)), "/0", ["2 features", '{"kind": "flatten"} and', '"out_features": 2']),
    (network(residual(conv(padding=1, out_channels=3)), FLATTEN, FLATTEN), "/2", ["end in"]),
    (network(FLATTEN, *[residual(*[{"kind": "relu"}] * 60)] * 4, TO_CLASSES), "", ["246 layers", "MAX_LAYERS"]),
    (network(*[FLATTEN] * 201), "", ["201 entries", "200", "FLIGHTLINE_MAX_LAYERS"]),
    (network(residual(*[{"kind": "relu"}] * 150)), "/0", ["end in"]),
    (
        network(residual(conv(), shortcut=[FLATTEN] * 201)),
        "/0/shortcut",
        ["201 entries", "200", "FLIGHTLINE_MAX_LAYERS"],
    ),
    (network(*[FLATTEN] * 100_000), "", ["100,000 entries"]),
]


@pytest.mark.parametrize("document, pointer, words", FIELDS)
def test_wrong_fields_are_pointed_at(document: object, pointer: str, words: list[str]) -> None:
    """A wrong field is found where it was sent, and the message says what would be right."""
    found = {error.pointer: error.detail for error in refusal(document).errors}
    assert pointer in found
    assert [word for word in words if word not in found[pointer]] == []


@pytest.mark.parametrize("document, pointer, words", SHAPES)
def test_wrong_layers_are_pointed_at(document: object, pointer: str, words: list[str]) -> None:
    """A layer that does not fit is named with its input and with what would fit."""
    test_wrong_fields_are_pointed_at(document, f"/architecture/layers{pointer}", words)


@pytest.mark.parametrize(
    "body, words",
    [
        (b"", ["empty"]),
        (b" \n", ["empty"]),
        (b'{"preset":\n  notebook}', ["line 2, column 3"]),
        (b'{"preset": "notebook-linear"', ["line 1, column 29"]),
        (b'{"name": "\xff"}', ["UTF-8", "byte 10"]),
        ('{"preset": "notebook-linear"}'.encode("utf-16"), ["UTF-8"]),
        (b"[" * 100_000, ["nested"]),
    ],
)
def test_what_is_not_json_has_a_code_of_its_own(body: bytes, words: list[str]) -> None:
    """Malformed JSON says where it stops being JSON."""
    error = refusal(body)
    assert error.code == "malformed_json"
    assert error.errors[0].pointer == ""
    assert [word for word in words if word not in error.detail] == []


@pytest.mark.parametrize("body", [b"[]", b"3", b"null", b'"notebook-linear"', b"NaN"])
def test_a_job_is_an_object(body: bytes) -> None:
    """Any other JSON value is refused as a whole."""
    assert refusal(body).errors[0].detail.startswith("A job is a JSON object")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_are_finite(literal: str) -> None:
    """Literals that are no numbers, and numbers past every float, are refused at their field."""
    error = refusal(f'{{"preset": "notebook-linear", "training": {{"optimizer": {{"lr": {literal}}}}}}}'.encode())
    assert [problem.pointer for problem in error.errors] == ["/training/optimizer/lr"]
    assert "finite number" in error.detail


def test_a_key_given_twice_is_refused() -> None:
    """Two values for one field have no one meaning."""
    error = refusal(b'{"preset": "notebook-linear", "training": {"seed": 1, "seed": 2}}')
    assert [(problem.pointer, problem.detail) for problem in error.errors] == [
        ("/training/seed", 'The field "seed" is given twice; keep one.')
    ]
    error = refusal(b'{"preset": "notebook-linear", "a/b": 1, "a/b": 2}')
    assert [problem.pointer for problem in error.errors] == ["/a~1b"]


@pytest.mark.parametrize("key", ["\\ud800", "\\u0000", "x" * 101])
def test_a_key_that_no_field_has_is_refused_for_that_alone(key: str) -> None:
    """A pointer holds only keys that can be written down."""
    error = refusal(f'{{"{key}": 1, "{key}": 2}}'.encode())
    assert [problem.pointer for problem in error.errors] == [""]


def test_deep_nesting_is_refused_where_it_gets_too_deep() -> None:
    """JSON that Python can still read may be too deep for a job."""
    error = refusal(b'{"preset": "notebook-linear", "tags": ' + b"[" * 100 + b"]" * 100 + b"}")
    assert error.errors[0].pointer.startswith("/tags/0/0/0")


def test_a_flood_of_values_is_refused_as_a_whole() -> None:
    """A body of very many small values is dropped before it is looked at in full."""
    flood = json.dumps([[[1] * 99] * 99] * 9)
    assert "values" in refusal(f'{{"tags": {flood}}}'.encode().replace(b"tags", b"x")).detail


def test_a_billion_hidden_units_are_refused_with_the_cap() -> None:
    """The error names the layer, the number of parameters and the cap."""
    error = refusal({"architecture": {"kind": "mlp", "hidden": [128, 10**9, 64]}})
    assert [problem.pointer for problem in error.errors] == ["/architecture/hidden/1"]
    assert "200,000,000" in error.detail


def test_wide_images_are_refused_before_they_fill_the_memory() -> None:
    """Few parameters can still make many values: the batch's activations have a cap too."""
    error = refusal(network(conv(padding=1024), conv(padding=1024), FLATTEN, TO_CLASSES))
    assert "FLIGHTLINE_MAX" in error.detail


def test_a_torchvision_network_has_the_same_caps() -> None:
    """Its figures are those of the table, and the error does not speak of layers that nobody listed."""
    with pytest.raises(InvalidSpec) as caught:
        parse_spec({"architecture": vision("vgg11_bn")}, Caps(max_parameters=1_000_000))
    assert [error.pointer for error in caught.value.errors] == ["/architecture/network"]
    assert caught.value.errors[0].detail.startswith("The network needs 9,227,010 parameters; at most 1,000,000")


@pytest.mark.parametrize("padding, mode, fits", [(7, "reflect", True), (8, "reflect", False), (12, "constant", True)])
def test_a_crop_mirrors_no_more_than_there_is(padding: int, mode: str, fits: bool) -> None:
    """An image of 8 × 8 pixels has 7 beside its outermost one; a black margin may be of any width."""
    small = drawn_in((3, 8, 12))
    crop = {"kind": "crop", "padding": padding, "padding_mode": mode}
    document = {**PRESET, "dataset": "synthetic", "training": {"augment": [{"kind": "flip"}, crop]}}
    if fits:
        parse_spec(document, Caps(), small)
    else:
        error = refusal(document, small)
        assert [problem.pointer for problem in error.errors] == ["/training/augment/1/padding"]
        assert "must be from 1 to 7, as the images of synthetic have no more pixels to mirror, not 8" in error.detail


def test_what_a_short_form_or_preset_stands_for_is_blamed_on_it() -> None:
    """An error in what was not sent points at the name that stands for it."""
    for document, pointer in (({"architecture": "notebook-linear"}, "/architecture"), (PRESET, "/preset")):
        with pytest.raises(InvalidSpec) as caught:
            parse_spec(document, Caps(max_parameters=10))
        assert [error.pointer for error in caught.value.errors] == [pointer]


@pytest.mark.parametrize("batch_size", [1, 3, 9, 9999])
def test_a_last_batch_of_one_is_refused_before_a_batchnorm(batch_size: int) -> None:
    """A batchnorm over features cannot train on one sample; the error names a batch size that works."""
    layers = [FLATTEN, {"kind": "linear", "out_features": 8}, {"kind": "batchnorm"}, TO_CLASSES]
    error = refusal(network(*layers, training={"batch_size": batch_size}))
    assert [problem.pointer for problem in error.errors] == ["/training/batch_size"]
    better = int(error.detail.split(" would do")[0].split()[-1])
    assert parse_spec(network(*layers, training={"batch_size": better}), Caps()).cost.parameters


def test_a_last_batch_of_one_is_fine_for_images() -> None:
    """A batchnorm over an image has as many values as pixels, and a subset of the images is what counts."""
    layers = [conv(), {"kind": "batchnorm"}, FLATTEN, TO_CLASSES]
    parse_spec(network(*layers, training={"batch_size": 3}), Caps())
    flat = [FLATTEN, {"kind": "batchnorm"}, TO_CLASSES]
    subset = {"train_per_class": 33}
    parse_spec(network(*flat, training={"batch_size": 3}, dataset=subset), Caps())


def test_a_network_without_weights_is_refused() -> None:
    """Three channels pooled to one pixel would fit three classes, but nothing could learn."""
    pooled = network({"kind": "avgpool2d", "kernel_size": 32}, FLATTEN)
    error = refusal({**pooled, "dataset": {"classes": ["bird", "cat", "dog"]}})
    assert [problem.pointer for problem in error.errors] == ["/architecture"]


def test_all_wrong_fields_are_told_at_once() -> None:
    """One answer lists every wrong field."""
    error = refusal({**PRESET, "priority": 10, "training": {"epochs": 0, "seed": "x"}, "nme": "x"})
    assert {problem.pointer for problem in error.errors} == {"/priority", "/training/epochs", "/training/seed", "/nme"}
    assert "And 3 more problems." in error.detail


def test_values_that_json_does_not_have_are_refused() -> None:
    """A document from Python may hold more than JSON can."""
    with pytest.raises(InvalidSpec, match="not a JSON value"):
        parse_spec({**PRESET, "name": b"bytes"}, Caps())
    with pytest.raises(InvalidSpec, match="not a text"):
        parse_spec({**PRESET, 3: "three"}, Caps())  # type: ignore[dict-item]


def test_cuda_graphs_want_a_cuda_device() -> None:
    """A job that only a GPU can run must say so, or a CPU worker would take it and fail."""
    document = {"preset": "notebook-linear", "training": {"engine": "graphs"}}

    with pytest.raises(InvalidSpec) as refused:
        parse_spec(document, Caps())

    assert [error.pointer for error in refused.value.errors] == ["/training/engine"]
    assert parse_spec(document | {"resources": {"device": "cuda"}}, Caps()).spec.queue == "cuda"


def test_the_fused_engine_waits_for_a_cpu() -> None:
    """Where any device would do, a GPU's worker does not take the job, which it could not run."""
    assert parse_spec(training(engine="fused"), Caps()).spec.queue == "cpu"
    assert parse_spec(training(engine="resident"), Caps()).spec.queue == "any"
