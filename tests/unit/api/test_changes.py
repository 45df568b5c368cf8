"""What is said of a job's change that cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from api.http.requests.edits import CHANGE, read_change
from shared.errors import InvalidSpec
from shared.jobspec import Caps

CAPS = Caps()


@pytest.mark.parametrize(
    "body, fields",
    [
        (b'{"priority": 9}', {"priority": 9}),
        (b'{"name": "wide", "tags": ["b", "a"]}', {"name": "wide", "tags": ["b", "a"]}),
        (b'{"name": null, "tags": null, "notes": null}', {"name": None, "tags": [], "notes": None}),
        (b'{"notes": ""}', {"notes": None}),
        ('{"notes": "# Größe\\n* a\\tb"}'.encode(), {"notes": "# Größe\n* a\tb"}),
    ],
)
def test_a_change_is_what_it_names(body: bytes, fields: dict[str, Any]) -> None:
    """What is left out stays; null removes."""
    assert read_change(body, CAPS) == fields


@pytest.mark.parametrize(
    "body, code, pointer, detail",
    [
        (
            b"[]",
            "invalid_spec",
            "",
            'A change must be an object such as {"notes": "the first with dropout"}, not an array.',
        ),
        (b"{}", "invalid_spec", "", "This changes nothing. Give name, tags, notes or priority."),
        (b'{"priority": null}', "invalid_spec", "/priority", "priority must be a whole number from 0 to 9, not null."),
        (b'{"name": 3}', "invalid_spec", "/name", "name must be a text, not 3."),
        (b'{"name": " "}', "invalid_spec", "/name", "The name is blank."),
        (
            '{"name": "\u202ewol"}'.encode(),
            "invalid_spec",
            "/name",
            "The name holds the control character U+202E at position 0.",
        ),
        (b'{"tags": ["a", "b", "a"]}', "invalid_spec", "/tags/2", 'The tag "a" is given twice.'),
        (b'{"tags": "a"}', "invalid_spec", "/tags", 'tags must be an array, not "a".'),
        (b'{"tags": [3]}', "invalid_spec", "/tags/0", "tags[0] must be a text, not 3."),
        (
            b'{"notes": "a\\u0000"}',
            "invalid_spec",
            "/notes",
            "The text holds a NUL character at position 1; take it out.",
        ),
        (
            b'{"notes": "' + b"a" * 10_001 + b'"}',
            "invalid_spec",
            "/notes",
            "notes may have at most 10,000 characters.",
        ),
        (
            b'{"tags": [' + b",".join(b'"%d"' % number for number in range(21)) + b"]}",
            "invalid_spec",
            "/tags",
            "21 entries; at most 20 are allowed here (FLIGHTLINE_MAX_TAGS).",
        ),
        (b'{"priority": 10}', "invalid_spec", "/priority", "priority must be from 0 to 9, not 10."),
        (b'{"priority": "3"}', "invalid_spec", "/priority", 'priority must be a whole number from 0 to 9, not "3".'),
        (b'{"priority": NaN}', "invalid_spec", "/priority", "priority must be a whole number from 0 to 9, not NaN."),
        (
            b'{"priority": 1, "prioritty": 3}',
            "invalid_spec",
            "/prioritty",
            'There is no field "prioritty" here. Did you mean "priority"?',
        ),
        (
            b'{"priority": 1, "priority": 2}',
            "invalid_spec",
            "/priority",
            'The field "priority" is given twice; keep one.',
        ),
        (
            b'{"priority": 1, "epochs": 2}',
            "invalid_spec",
            "/epochs",
            'There is no field "epochs" here. Known here: name, tags, notes or priority.',
        ),
        (b"", "malformed_json", "", "The body is empty. Send a JSON object."),
        (
            b"{",
            "malformed_json",
            "",
            "The body is not JSON: Expecting property name enclosed in double quotes (line 1, column 2).",
        ),
    ],
)
def test_a_change_that_means_nothing_is_refused_like_a_job(body: bytes, code: str, pointer: str, detail: str) -> None:
    """The pointer leads to the field, the words say what would be right."""
    with pytest.raises(InvalidSpec) as caught:
        read_change(body, CAPS)
    assert (caught.value.code, [(one.pointer, one.detail) for one in caught.value.errors]) == (
        code,
        [(pointer, detail)],
    )


def test_the_description_promises_no_defaults() -> None:
    """A field that is left out stays as it is; none at all is no change."""
    schema = CHANGE.schemas()["JobChange"]
    assert schema["minProperties"] == 1
    assert not any("default" in field for field in schema["properties"].values())
