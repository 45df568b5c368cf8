"""Short words for values and names."""

from __future__ import annotations

import pytest

from shared.documents.phrases import ignored_files


@pytest.mark.parametrize(
    "by_kind, words",
    [
        ({".heic": 2, "no suffix": 1}, "3 files ignored in /data: 2 × .heic, 1 without a suffix"),
        ({".gif": 1}, "1 file ignored in /data: 1 × .gif"),
        ({"folder": 1}, "1 entry ignored in /data: 1 folder"),
        ({"folder": 2, ".gif": 1200}, "1,202 entries ignored in /data: 1,200 × .gif, 2 folders"),
        ({".gif": 3, "hidden": 2}, "5 files ignored in /data: 3 × .gif, 2 hidden"),
        (
            {f".{number}": 9 - number for number in range(8)},
            "44 files ignored in /data: 9 × .0, 8 × .1, 7 × .2, 6 × .3, 5 × .4, 4 × .5, 5 of other kinds",
        ),
    ],
)
def test_ignored_files_are_counted_in_words(by_kind: dict[str, int], words: str) -> None:
    """The commonest first; a kind that a worker of an earlier release counts is named as it is."""
    assert ignored_files("/data", by_kind) == words
