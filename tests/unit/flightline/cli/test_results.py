"""show --weights and download: what a job has left."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flightline import Client
from flightline.errors import UsageError
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run


@pytest.fixture
def job_id(service: FakeService) -> str:
    """A job with one file, whose sum is right."""
    service.sha256 = hashlib.sha256(b"weights").hexdigest()
    return str(service.add(status="succeeded")["id"])


@pytest.mark.parametrize("weights", ["best", "last"])
def test_show_asks_for_the_weights_that_are_meant(run: Run, service: FakeService, job_id: str, weights: str) -> None:
    """In the whole job, in its part, and as JSON."""
    for more in ([], ["--part", "evaluation"], ["--part", "evaluation", "--json"]):
        outcome = run("show", job_id, "--weights", weights, *more)
        assert outcome.code == 0
        assert service.requests[-1][1] == f"/v1/jobs/{job_id}/evaluation?weights={weights}"
    assert f"The {weights} weights on 2,000 validation images" in run("show", job_id, "--weights", weights).out


def test_a_held_out_job_shows_its_test_images_too(run: Run, service: FakeService) -> None:
    """Their score is the honest one; it can be asked for alone."""
    spec = {"architecture": {"kind": "mlp"}, "dataset": {"holdout_fraction": 0.1}}
    job_id = service.add(status="succeeded", spec=spec)["id"]
    out = run("show", job_id).out
    assert out.index("The best weights on 2,000 validation images") < out.index("weights on 2,000 test images")
    assert [path.rpartition("=")[2] for _, path, _ in service.requests if "evaluation" in path] == ["best", "test"]
    assert "test images" in run("show", job_id, "--part", "evaluation", "--weights", "test").out


def test_show_lists_the_weights_that_there_are(run: Run, job_id: str) -> None:
    """Another word is wrong usage."""
    outcome = run("show", job_id, "--weights", "first")
    assert outcome.code == 2
    assert outcome.err == "Error: --weights must be best, last or test, not first.\n"


def test_download_into_a_new_folder(run: Run, job_id: str, tmp_path: Path) -> None:
    """It is made, with those above it; the files' places are printed."""
    folder = tmp_path / "new" / "place"
    outcome = run("download", job_id, "--to", str(folder))
    assert (outcome.code, outcome.out) == (0, f"{folder}/best.safetensors\n")
    assert (folder / "best.safetensors").read_bytes() == b"weights"


def test_download_of_one_and_of_none(run: Run, service: FakeService, job_id: str, tmp_path: Path) -> None:
    """A wrong name is refused; a job without files says so, and makes no folder for them."""
    outcome = run("download", job_id, "other", "--to", str(tmp_path / "new"))
    assert (outcome.code, "has no artifact 'other'" in outcome.err) == (3, True)
    service.files = {}
    outcome = run("download", job_id, "--to", str(tmp_path / "new"))
    assert (outcome.code, outcome.out, outcome.err) == (0, "", f"Job {job_id} has left no artifacts.\n")
    assert not (tmp_path / "new").exists()


def test_a_file_that_arrives_with_another_sum_is_not_kept(
    run: Run, service: FakeService, job_id: str, tmp_path: Path
) -> None:
    """The service's answer is not what it says."""
    service.sha256 = "0" * 64
    assert run("download", job_id, "--to", str(tmp_path / "new")).code == 3
    assert list((tmp_path / "new").iterdir()) == []


def test_a_file_in_the_place_of_the_folder(run: Run, job_id: str, tmp_path: Path) -> None:
    """Wrong usage, in words about the place; the file stays as it was."""
    file = tmp_path / "file"
    file.write_text("mine")
    outcome = run("download", job_id, "--to", str(file))
    assert (outcome.code, outcome.err) == (2, f"Error: '{file}' is a file; --to takes a folder.\n")
    outcome = run("download", job_id, "--to", str(file / "folder"))
    assert (outcome.code, "cannot be written to the folder" in outcome.err, "Not a directory" in outcome.err) == (
        2,
        True,
        True,
    )
    assert file.read_text() == "mine"


def test_the_client_writes_files_into_folders_that_are_there(client: Client, job_id: str, tmp_path: Path) -> None:
    """A file of any name; a missing folder is named."""
    assert client.download(job_id, "best.safetensors", tmp_path / "mine.st").read_bytes() == b"weights"
    with pytest.raises(UsageError, match=f"there is no folder '{tmp_path}/new'"):
        client.download(job_id, "best.safetensors", tmp_path / "new" / "mine.st")
