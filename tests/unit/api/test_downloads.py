"""The names under which a job's files are saved."""

from __future__ import annotations

import pytest

from api.http.downloads import named_after

ID = "01a21cc0-8cca-7fb9-8b7e-b0b2f898b8db"


@pytest.mark.parametrize(
    "called, ending, name",
    [
        ("notebook-tapered", ".onnx", "notebook-tapered-98b8db.onnx"),
        ("My best, v1.2!", "-last.onnx", "my-best-v1.2-98b8db-last.onnx"),
        ("../../etc/passwd", ".ipynb", "etc-passwd-98b8db.ipynb"),
        ("größe", ".ipynb", "gr-e-98b8db.ipynb"),
        ("写真", ".ipynb", "mlp-98b8db.ipynb"),
    ],
)
def test_a_name_says_which_job_it_is(called: str, ending: str, name: str) -> None:
    """What the job is called and the end of its id, in characters that every file system takes."""
    assert named_after(called, "mlp", ID, ending) == name
