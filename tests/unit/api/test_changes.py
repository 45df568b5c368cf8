"""What is said of a job's change that cannot be used."""

from __future__ import annotations

import pytest

from api.http.requests.bodies import read_change
from shared.errors import InvalidSpec


def test_a_change_is_read() -> None:
    """A priority is all that there is to change."""
    assert read_change(b'{"priority": 9}').priority == 9


@pytest.mark.parametrize(
    "body, code, pointer, detail",
    [
        (b"[]", "invalid_spec", "", 'A change must be an object such as {"priority": 7}, not an array.'),
        (b"{}", "invalid_spec", "", '"priority" is missing.'),
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
            'There is no field "epochs" here. Known here: priority.',
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
        read_change(body)
    assert (caught.value.code, [(one.pointer, one.detail) for one in caught.value.errors]) == (
        code,
        [(pointer, detail)],
    )
