"""The command reads JSON as the API does: one clear error that says what and where, never a traceback."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flightline import Client
from flightline.client.documents import encoded
from flightline.errors import UsageError
from shared.errors import InvalidSpec
from shared.jobspec import Caps, parse_submission
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

WRONG = [
    (b"", "is empty. Send a JSON object."),
    (b" \n ", "is empty. Send a JSON object."),
    (b'{"preset": "x",\n "name" "y"}', "is not JSON: Expecting ':' delimiter (line 2, column 9)."),
    (b"[" * 200_000, "is nested too deeply: more than 16 levels (line 1, column 17)."),
    (b'{\n"a": ' * 20_000, "is nested too deeply: more than 16 levels (line 17, column 6)."),
    (b'{"a": "]]]]]]]]]]]]", "b":' + b"[" * 9999, "nested too deeply: more than 16 levels (line 1, column 42)."),
    (b'{"a": ' + b"[" * 17 + b"]" * 17 + b"}", "Nested more than 16 levels deep; no job needs that. (at /a/0/0"),
    (b'{"training": {"epochs": 1, "epochs": 2}}', 'The field "epochs" is given twice; keep one. (at /training/epochs)'),
    (
        b'{"name": "\\ud800"}',
        "half of a surrogate pair at position 0; send whole characters. (at /name)",
    ),
    (b'{"\\udfff": 1}', "half of a surrogate pair"),
    (b'{"name": "a\\u0000"}', "The text holds a NUL character at position 1; take it out. (at /name)"),
    (b'{"name":\n "\xff"}', "is not UTF-8: byte 11 (in line 2) cannot be read. Save it as UTF-8."),
    *(
        ('{"name": "Müller"}'.encode(encoding), f"seems to be {encoding[:6].upper()}, and JSON is sent as UTF-8: save")
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
    ),
]
NUMBERS = [str(number) for number in range(len(WRONG))]


def read(run: Run, tmp_path: Path, content: bytes) -> Any:
    """How a submission of this file ends."""
    file = tmp_path / "job.json"
    file.write_bytes(content)
    return run("submit", str(file))


@pytest.mark.parametrize("content, text", WRONG, ids=NUMBERS)
def test_a_file_that_is_wrong(run: Run, service: FakeService, tmp_path: Path, content: bytes, text: str) -> None:
    """Its name, what is wrong and where; nothing is sent."""
    outcome = read(run, tmp_path, content)
    assert (outcome.code, outcome.out) == (2, "")
    assert text in outcome.err
    assert outcome.err.startswith(f"Error: {tmp_path}/job.json ")
    assert len(outcome.err.splitlines()) == 1
    assert service.requests == []


@pytest.mark.parametrize("content, text", WRONG, ids=NUMBERS)
def test_the_service_says_the_same(content: bytes, text: str) -> None:
    """There is one reader for both."""
    with pytest.raises(InvalidSpec) as caught:
        parse_submission(content, Caps())
    assert text.removeprefix("is ") in caught.value.detail


def test_standard_input(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file, whatever the terminal's encoding; none at all is an empty one."""
    for stdin, code, text in (
        (io.TextIOWrapper(io.BytesIO(b'\xef\xbb\xbf{"name": "\xc3\xa9"}'), "ascii"), 3, "/architecture"),
        (io.TextIOWrapper(io.BytesIO(b"{"), "ascii"), 2, "Standard input is not JSON: Expecting property name"),
        (None, 2, "Standard input is empty."),
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        outcome = run("submit", "-")
        assert (outcome.code, text in outcome.err) == (code, True), outcome.err
    assert json.loads(service.requests[-1][2]) == {"name": "é"}


@pytest.mark.parametrize("source", ["/dev/zero", "."])
def test_what_is_no_file(run: Run, service: FakeService, source: str) -> None:
    """One without an end is not read to it; a folder is none."""
    outcome = run("submit", source)
    assert (outcome.code, "Traceback" in outcome.err) == (2, False)
    assert "larger than 16,000,000 bytes; no job is" in outcome.err or "Is a directory" in outcome.err


@pytest.mark.parametrize(
    "training, pointer",
    [
        (b'{"optimizer": {"lr": NaN}}', "/training/optimizer/lr"),
        (b'{"optimizer": {"lr": 1e999}}', "/training/optimizer/lr"),
        (b'{"epochs": ' + b"9" * 5000 + b"}", "/training/epochs"),
    ],
    ids=["nan", "infinity", "digits"],
)
def test_what_the_service_is_to_judge_is_sent(
    run: Run, service: FakeService, tmp_path: Path, training: bytes, pointer: str
) -> None:
    """A byte-order mark is no part of it; NaN, infinities and numbers of any length are named by their field there."""
    outcome = read(run, tmp_path, b'\xef\xbb\xbf{"preset": "notebook-linear", "training": ' + training + b"}")
    assert outcome.code == 0, outcome.err
    with pytest.raises(InvalidSpec) as caught:
        parse_submission(service.requests[-1][2], Caps())
    assert [error.pointer for error in caught.value.errors] == [pointer]


@pytest.mark.parametrize(
    "setting, text",
    [
        ('training={"epochs": 1, "epochs": 2}', 'The field "epochs" is given twice'),
        ('name="\\ud800"', "half of a surrogate pair"),
        ("name=\udcff", "half of a surrogate pair"),
        ("architecture.hidden=" + "[" * 30 + "]" * 30, "Nested more than 16 levels deep"),
    ],
)
def test_a_setting_that_is_wrong(run: Run, service: FakeService, setting: str, text: str) -> None:
    """As in a file; the setting is named."""
    outcome = run("submit", "--preset", "x", "--set", setting)
    assert (outcome.code, service.requests) == (2, [])
    assert text in outcome.err


def test_a_setting_of_many_digits(run: Run, service: FakeService) -> None:
    """Python refuses to read it; the service names its field."""
    assert run("submit", "--preset", "x", "--set", f"training.epochs={'9' * 5000}").code == 0
    with pytest.raises(InvalidSpec, match="more than 30 digits"):
        parse_submission(service.requests[-1][2].replace(b'"x"', b'"notebook-linear"'), Caps())


def test_a_name_that_is_no_text(run: Run, service: FakeService) -> None:
    """Bytes of the command line that are not UTF-8."""
    outcome = run("submit", "--preset", "x", "--name", "a\udcff")
    assert (outcome.code, "half of a surrogate pair" in outcome.err, service.requests) == (2, True, [])


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    whole: list[Any] = []
    for _ in range(levels):
        whole = [whole]
    return whole


@pytest.mark.parametrize(
    "spec, text",
    [
        ({"name": "a\ud800"}, "half of a surrogate pair"),
        ({"training": {"epochs": 10**5000}}, "cannot be written as JSON"),
        ({"training": {"augment": nested(100_000)}}, "nested too deeply"),
    ],
)
def test_a_document_of_python(spec: dict[str, Any], text: str) -> None:
    """What no JSON can hold is refused before anything is sent."""
    with Client("http://127.0.0.1:9") as client, pytest.raises(UsageError, match=text):
        client.submit(spec)


def test_a_document_within_itself() -> None:
    """It would have no end."""
    spec: dict[str, Any] = {}
    spec["training"] = spec
    with pytest.raises(UsageError, match="cannot be written as JSON: Circular reference"):
        encoded(spec)


@pytest.mark.parametrize("runs", ["no", ["no"], {"source": "notebook", "id": "1"}, [[1, 2]], 7])
def test_what_is_no_list_of_runs_is_said(client: Client, runs: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=r"Runs to import are a list of objects such as .*, not "):
        client.import_runs(runs)
