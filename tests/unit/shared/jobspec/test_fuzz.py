"""Whatever is sent, the answer is a job or one InvalidSpec that points into it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import InvalidSpec
from shared.jobspec import Caps, Submission, parse_spec, parse_submission

WHOLE = parse_spec(
    {
        "name": "fuzz",
        "tags": ["a", "b"],
        "architecture": {
            "kind": "layers",
            "layers": [
                {"kind": "whitening", "kernel_size": 2},
                {"kind": "conv2d", "out_channels": 4, "kernel_size": 3},
                {"kind": "batchnorm"},
                {"kind": "relu"},
                {"kind": "maxpool2d", "kernel_size": 2},
                {
                    "kind": "residual",
                    "layers": [
                        {"kind": "scale", "factor": 0.5},
                        {"kind": "conv2d", "out_channels": 8, "kernel_size": 1},
                    ],
                    "shortcut": [{"kind": "conv2d", "out_channels": 8, "kernel_size": 1, "bias": False}],
                },
                {"kind": "flatten"},
                {"kind": "dropout", "p": 0.1},
                {"kind": "linear", "out_features": 2},
            ],
        },
        "training": {
            "optimizer": {"kind": "adam"},
            "schedule": {"kind": "one_cycle"},
            "augment": [{"kind": "flip"}, {"kind": "crop"}, {"kind": "cutout"}],
            "early_stopping": {},
            "weight_average": {"kind": "ema"},
        },
    },
    Caps(),
).document
STARTS: list[Any] = [
    WHOLE,
    parse_spec({"preset": "notebook-tapered"}, Caps()).document,
    {"preset": "notebook-linear", "dataset": "synthetic", "training": {"seed": 1, "optimizer": {"lr": 0.1}}},
    {"architecture": "notebook-tapered-logits"},
    {"preset": "convnet", "dataset": {"name": "mnist", "classes": None, "image_size": 32, "channels": 3}},
    {"preset": "notebook-linear", "dataset": {"name": "svhn", "holdout_fraction": 0.1, "val_per_class": 9}},
]
WORDS = [
    "",
    "kind",
    "mlp",
    "layers",
    "sgd",
    "adam",
    "conv2d",
    "flatten",
    "lr",
    "\0",
    "\ud800",
    "a/b~",
    "name",
    "preset",
]

text = st.sampled_from(WORDS) | st.text(max_size=8)
numbers = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 10**9, 2**63, 10**400, -(10**4000), 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def holds(document: Any, pointer: str) -> bool:
    """Whether a JSON pointer leads somewhere."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return False
    return True


def outcome(parse: Callable[[], Submission]) -> Submission | InvalidSpec:
    """What comes of it; nothing else may be raised."""
    try:
        return parse()
    except InvalidSpec as error:
        return error


def check(result: Submission | InvalidSpec, document: Any = None) -> None:
    """A refusal must point into the document and be fit to be sent; a job must be fit to be stored and read again."""
    if isinstance(result, InvalidSpec):
        assert result.errors
        assert orjson.dumps([result.detail, *((problem.pointer, problem.detail) for problem in result.errors)])
        assert all(holds(document, problem.pointer) for problem in result.errors)
        return
    assert orjson.loads(orjson.dumps(result.document)) == result.document
    assert result.cost.flops_per_epoch < 2**53
    again = parse_spec(result.document, Caps())
    assert (again.spec_hash, again.cost) == (result.spec_hash, result.cost)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """A good document with up to three places replaced, dropped, or added to."""
    document = copy.deepcopy(draw(st.sampled_from(STARTS)))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([place for place in places(document) if place] or [("name",)]))
        holder = document
        for key in way:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "drop", "add"]))
        if action == "drop" and holder:
            del holder[last]
        elif action == "add" and isinstance(holder, dict):
            holder[draw(text)] = draw(values)
        else:
            holder[last] = draw(values)
    return document


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=64) | st.text(max_size=64).map(lambda body: body.encode("utf-8", "surrogatepass")))
@example(b'{"a":' * 1000)
@example(b"-")
@example(b"1" * 10_000)
@example(b"{" + b",".join(b'"%d": 1' % key for key in range(50_000)) + b', "7": 1}')
def test_any_bytes(body: bytes) -> None:
    """Bytes of any kind raise InvalidSpec alone."""
    check(outcome(lambda: parse_submission(body, Caps())))


@settings(max_examples=500, deadline=None)
@given(values)
def test_any_json(document: Any) -> None:
    """JSON of any shape raises InvalidSpec alone, and its pointers lead somewhere."""
    check(outcome(lambda: parse_submission(json.dumps(document).encode(), Caps())), document)


@settings(max_examples=1500, deadline=None)
@given(mutations())
def test_any_almost_good_job(document: Any) -> None:
    """A job with something wrong in it gives a job or an error that points into what was sent."""
    check(outcome(lambda: parse_submission(json.dumps(document).encode(), Caps())), document)


@settings(max_examples=300, deadline=None)
@given(mutations())
def test_any_document_from_python(document: Any) -> None:
    """The same holds for a document that was never JSON text."""
    check(outcome(lambda: parse_spec(document, Caps())), document)
