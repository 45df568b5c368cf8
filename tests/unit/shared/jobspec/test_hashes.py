"""The two names of what a job asks for."""

import string
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.jobs.actor import EVERYBODY
from shared.jobs.idempotency import SubmissionKey
from shared.jobspec import Caps, Submission, parse_spec
from shared.jobspec.hashes import canonical, twin_hash

TAPERED: dict[str, Any] = {"preset": "notebook-tapered"}


def parse(document: dict[str, Any]) -> Submission:
    """Checks a document under the default caps."""
    return parse_spec(document, Caps())


def test_hashes_never_change() -> None:
    """The hashes of version 1 are fixed: stored jobs are found by them."""
    submission = parse({**TAPERED, "training": {"seed": 3}})
    assert submission.spec_hash == "dac8c233b23004a1e0598b5ffe2faaa9e91e44ff1af392c14f63589d99adb995"
    assert submission.config_hash == "5c7eed8c346f4c3a55a6bcea419103bbf60dbed5ae69bd8b5a86b09adc03c18a"


def test_fields_added_later_change_no_hash() -> None:
    """A recipe from before its parts had more fields keeps its hash: their defaults are left out, inside lists too."""
    recipe = {"schedule": {"kind": "cosine"}, "augment": [{"kind": "crop"}, {"kind": "flip"}], "weight_average": None}
    submission = parse({**TAPERED, "training": recipe})
    assert submission.spec_hash == "f36c05151bfc598059823727d5dfa6bf1e668e14aa3996d91eed9a1133cdf866"


def test_what_a_key_stands_for_never_changes() -> None:
    """A request that is repeated by way of an upgrade is the same request: its key is kept for a day."""
    labelled = {**TAPERED, "name": "a", "tags": ["x"]}
    submission = parse({**labelled, "training": {"epochs": 7, "optimizer": {"kind": "adam", "lr": 0.002}}})
    key = SubmissionKey.of_submission("k", submission, actor=EVERYBODY)
    retry = SubmissionKey.of_retry("k", "0197", actor=EVERYBODY)

    assert key.body_sha256 == "0e0e7c10da814bb1082919b14e53147a00d4b9cd686316ac92e81192950c7053"
    assert retry.body_sha256 == "d9446e8b634ffd0e2ef9cc09aeaadeba12cb6b9127797d5a853d020d6c3849d5"


@pytest.mark.parametrize(
    "same",
    [
        {"name": "other", "tags": ["x"], "priority": 9},
        {"cache": "prefer"},
        {"limits": {"timeout_seconds": 60}, "resources": {"device": "cuda", "threads": 2}},
        {"training": {"engine": "reference"}},
        {"training": {"optimizer": {"lr": 0.01, "momentum": 0}}},
        {"dataset": "cifar2"},
        {"architecture": "notebook-tapered"},
    ],
)
def test_labels_and_defaults_change_nothing(same: dict[str, Any]) -> None:
    """Labels, where it runs, its engine, and defaults written out leave both hashes as they are."""
    first, second = parse(TAPERED), parse({**TAPERED, **same})
    assert (first.spec_hash, first.config_hash) == (second.spec_hash, second.config_hash)


@pytest.mark.parametrize(
    "other",
    [
        {"training": {"optimizer": {"lr": 0.011}}},
        {"training": {"optimizer": {"kind": "adam"}}},
        {"training": {"early_stopping": {}}},
        {"training": {"augment": [{"kind": "flip"}]}},
        {"training": {"augment": [{"kind": "cutout"}]}},
        {"training": {"schedule": {"kind": "one_cycle"}}},
        {"training": {"weight_average": {"kind": "ema"}}},
        {"architecture": {"output": "logits"}},
        {"dataset": {"classes": ["bird", "airplane"]}},
        {"dataset": "synthetic"},
        {"dataset": {"train_per_class": 100}},
    ],
)
def test_what_changes_the_result_changes_the_hash(other: dict[str, Any]) -> None:
    """Another recipe, network or data has other hashes."""
    first, second = parse(TAPERED), parse({**TAPERED, **other})
    assert first.spec_hash != second.spec_hash
    assert first.config_hash != second.config_hash


def test_repetitions_share_their_config_hash() -> None:
    """Seeds differ in spec_hash alone; the default seed too."""
    zero, one, two = (parse({**TAPERED, "training": {"seed": seed}}) for seed in (0, 1, 2))
    assert len({zero.spec_hash, one.spec_hash, two.spec_hash}) == 3
    assert {zero.config_hash, one.config_hash, two.config_hash} == {parse(TAPERED).config_hash}


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(string.ascii_letters + '_"\\.0123456789e'), inner),
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(string.ascii_letters), _VALUES, max_size=3))
def test_canonical_json_is_that_of_rfc_8785(content: dict[str, Any]) -> None:
    """Byte for byte what the library writes, floats in texts and in numbers included."""
    assert canonical(content) == rfc8785.dumps(content)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e16, 1e21, 1e22, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308, 0.1])
def test_floats_are_written_as_by_ecma_script(value: float) -> None:
    """Where orjson and RFC 8785 differ: whole ones, large ones, small ones."""
    assert canonical({"a": [value, f"{value} and 1e5"]}) == rfc8785.dumps({"a": [value, f"{value} and 1e5"]})


def test_twins_ask_for_the_same_in_the_same_way() -> None:
    """Labels, priority, limits and the cache may differ; engine, device and threads, which decide bits, may not."""

    def twin(**document: Any) -> str:
        submission = parse(TAPERED | document)
        return twin_hash(submission.spec, submission.spec_hash)

    same: list[dict[str, Any]] = [
        {"name": "other"},
        {"priority": 9},
        {"cache": "exact"},
        {"limits": {"max_attempts": 1}},
    ]
    assert {twin(**document) for document in same} == {twin()}
    others: list[dict[str, Any]] = [{"resources": {"device": "cpu"}}, {"resources": {"threads": 2}}]
    others.append({"training": {"engine": "reference"}})
    assert len({twin(), *(twin(**document) for document in others)}) == 4


def test_a_cache_that_is_off_is_not_stored() -> None:
    """The release before refuses a spec that has a field which it does not know."""
    assert "cache" not in parse(TAPERED).document
    assert parse(TAPERED | {"cache": "exact"}).document["cache"] == "exact"
