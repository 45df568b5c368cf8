"""`predict`, `evaluate`, `export` and `mistakes`: what a finished job's network is good for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

import flightline.client.files.images
from tests.support.http_service import Answer, FakeService, problem
from tests.unit.flightline.conftest import Run

MISTAKES: list[dict[str, Any]] = [
    {
        "split": "val",
        "index": 7,
        "file": "val/bird/0007.png",
        "true": "bird",
        "predicted": "airplane",
        "probabilities": {"airplane": 0.998, "bird": 0.002},
    },
    {
        "split": "val",
        "index": 3,
        "file": None,
        "true": "airplane",
        "predicted": "bird",
        "probabilities": {"airplane": 0.25, "bird": 0.75},
    },
]


@pytest.fixture
def job_id(service: FakeService) -> str:
    """A finished job."""
    return str(service.add(status="succeeded")["id"])


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """Files whose content is their number: the service in memory knows no images."""
    paths = [tmp_path / f"{number}.jpg" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(b"image %d" % number)
    return [str(path) for path in paths]


@pytest.fixture
def sent(service: FakeService) -> list[list[tuple[str, bytes]]]:
    """What each request to classify had: names and contents, in order."""
    requests: list[list[tuple[str, bytes]]] = []
    answer = service.answer

    def classified(method: str, target: str, body: bytes, last_event_id: int = 0) -> Answer:
        if "/predict" not in target:
            return answer(method, target, body, last_event_id)
        part = re.compile(rb'name="image"; filename="([^"]+)".*?\r\n\r\n(.*?)\r\n--', re.DOTALL)
        files = [(name.decode(), content) for name, content in part.findall(body)]
        requests.append(files)
        birds = {"class": "bird", "probabilities": {"airplane": 0.03, "bird": 0.97}}
        return 200, {"items": [birds for _ in files], "weights": "best"}

    service.answer = classified  # type: ignore[method-assign]
    return requests


class TestPredict:
    def test_one_image(self, run: Run, job_id: str, images: list[str], sent: list[list[tuple[str, bytes]]]) -> None:
        """Its class, how sure the network is, and what it would have said otherwise."""
        outcome = run("predict", job_id, images[0])
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.splitlines()[1].split() == [images[0], "bird", "97.0", "%", "airplane", "3.0", "%"]
        assert sent == [[("0.jpg", b"image 0")]]

    def test_more_images_than_a_request_takes(
        self,
        run: Run,
        job_id: str,
        images: list[str],
        sent: list[list[tuple[str, bytes]]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """They are sent in order, some at a time, by their number and by their bytes; a large one goes alone."""
        monkeypatch.setattr(flightline.client.files.images, "MOST_IMAGES", 2)
        found = run("predict", job_id, *images, "--json").json
        assert [[name for name, _ in files] for files in sent] == [["0.jpg", "1.jpg"], ["2.jpg", "3.jpg"], ["4.jpg"]]
        assert (len(found["items"]), found["weights"]) == (5, "best")
        sent.clear()
        monkeypatch.setattr(flightline.client.files.images, "MOST_BYTES", 10)
        Path(images[1]).write_bytes(b"large" * 9)
        assert run("predict", job_id, *images[:3]).code == 0
        assert [len(files) for files in sent] == [1, 1, 1]

    def test_a_file_that_cannot_be_read(self, run: Run, job_id: str, tmp_path: Path) -> None:
        """It is named, and nothing was asked."""
        outcome = run("predict", job_id, str(tmp_path / "gone.jpg"))
        assert (outcome.code, "gone.jpg' cannot be read: No such file" in outcome.err) == (2, True)
        assert run("predict", job_id, str(tmp_path)).code == 2

    def test_an_image_that_is_none(self, run: Run, service: FakeService, job_id: str, images: list[str]) -> None:
        """The service says which."""
        refusal = problem(422, "invalid_image", "0.jpg is no image.", ("/0", "is no image"))
        service.refuse[f"POST /v1/jobs/{job_id}/predict"] = refusal
        outcome = run("predict", job_id, images[0])
        assert (outcome.code, "0.jpg is no image." in outcome.err) == (3, True)

    def test_a_service_without_a_predictor(
        self, run: Run, service: FakeService, job_id: str, images: list[str]
    ) -> None:
        """It cannot answer now."""
        service.refuse[f"POST /v1/jobs/{job_id}/predict"] = problem(503, "no_predictor", "No predictor runs.")
        outcome = run("predict", job_id, images[0])
        assert (outcome.code, "No predictor runs." in outcome.err) == (4, True)

    def test_the_weights_that_are_meant(self, run: Run, service: FakeService, job_id: str, images: list[str]) -> None:
        """Those of the best epoch, unless the last ones are asked for."""
        for weights in ("best", "last"):
            run("predict", job_id, images[0], "--weights", weights)
            assert service.requests[-1][1] == f"/v1/jobs/{job_id}/predict?weights={weights}"


class TestEvaluate:
    def test_the_figures_are_shown_once_they_are_there(self, run: Run, service: FakeService, job_id: str) -> None:
        """The new job is followed; then come its accuracy, each class and what was taken for what."""
        outcome = run("evaluate", job_id, "shapes", "--weights", "best", "--val-fraction", "0.25")
        assert outcome.code == 0, outcome.err
        (body,) = (json.loads(body) for method, _, body in service.requests if method == "POST")
        assert body == {"dataset": {"name": "shapes", "val_fraction": 0.25}, "weights": "best"}
        assert "weights on 2,000 validation images of shapes:" in outcome.out
        assert re.search(r"^Accuracy [0-9.]+ %, loss [0-9.]+\.$", outcome.out, re.MULTILINE)
        assert "airplane" in outcome.out

    def test_as_json_it_is_the_evaluation_alone(self, run: Run, job_id: str) -> None:
        """How far the job is goes to standard error."""
        outcome = run("evaluate", job_id, "shapes", "--json")
        assert outcome.json["confusion_matrix"]
        assert "succeeded" in outcome.err

    def test_one_that_fails_ends_with_code_1(self, run: Run, service: FakeService, job_id: str) -> None:
        """And the reason."""
        error = {"code": "dataset_unavailable", "detail": "It is not on this machine."}
        failed = service.add(kind="evaluate", status="failed", error=error)
        service.refuse[f"POST /v1/jobs/{job_id}/evaluate"] = 201, failed
        outcome = run("evaluate", job_id, "shapes")
        assert (outcome.code, "It is not on this machine." in outcome.out) == (1, True)

    def test_a_data_set_of_other_classes_is_refused(self, run: Run, service: FakeService, job_id: str) -> None:
        """The service says what is wrong with it."""
        refusal = problem(422, "invalid_spec", "shapes has no class bird.", ("/dataset", "shapes has no class bird."))
        service.refuse[f"POST /v1/jobs/{job_id}/evaluate"] = refusal
        outcome = run("evaluate", job_id, "shapes")
        assert (outcome.code, "shapes has no class bird." in outcome.err) == (3, True)


class TestExport:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")

    @pytest.fixture(autouse=True)
    def _files(self, service: FakeService, job_id: str) -> None:
        service.refuse[f"GET /v1/jobs/{job_id}/model"] = 200, b"a network"
        service.refuse[f"GET /v1/jobs/{job_id}/notebook"] = 200, b"{}"

    @pytest.mark.parametrize(
        "kind,name,asked",
        [
            ("--onnx", "onnx", "model?format=onnx&weights=best"),
            ("--safetensors", "safetensors", "model?format=safetensors&weights=best"),
            ("--notebook", "ipynb", "notebook"),
        ],
    )
    def test_each_kind(self, run: Run, service: FakeService, job_id: str, kind: str, name: str, asked: str) -> None:
        """It is written into the current folder, and the path is printed."""
        outcome = run("export", job_id, kind)
        assert (outcome.code, outcome.out) == (0, f"{job_id}.{name}\n")
        assert Path(f"{job_id}.{name}").read_bytes() in {b"a network", b"{}"}
        assert service.requests[-1][1] == f"/v1/jobs/{job_id}/{asked}"

    def test_where_it_goes(self, run: Run, job_id: str, tmp_path: Path) -> None:
        """Into a folder under its own name, or into a file, whose folder must be there."""
        assert run("export", job_id, "--onnx", "-o", str(tmp_path)).out == f"{tmp_path}/{job_id}.onnx\n"
        found = run("export", job_id, "--onnx", "-o", "mine.onnx", "--json").json
        assert found == {"path": "mine.onnx", "bytes": 9}
        outcome = run("export", job_id, "--onnx", "-o", "none/mine.onnx")
        assert (outcome.code, "there is no folder 'none'" in outcome.err) == (2, True)
        assert run("export", job_id, "--onnx", "-o", "-").code == 2

    def test_what_is_there_already(self, run: Run, job_id: str) -> None:
        """A file of the usual name may have been changed since; one that was named is to be replaced."""
        path = Path(f"{job_id}.ipynb")
        path.write_text("changed")
        outcome = run("export", job_id, "--notebook")
        assert (outcome.code, path.read_text()) == (2, "changed")
        assert f"{path} is there already. Write {path} behind -o" in outcome.err
        assert run("export", job_id, "--notebook", "-o", str(path)).code == 0
        assert path.read_text() == "{}"

    @pytest.mark.parametrize("kinds", [[], ["--onnx", "--notebook"]])
    def test_one_kind_at_a_time(self, run: Run, service: FakeService, job_id: str, kinds: list[str]) -> None:
        """Anything else is wrong usage, before anybody is asked."""
        outcome = run("export", job_id, *kinds)
        assert (outcome.code, "--onnx, --notebook or --safetensors" in outcome.err) == (2, True)
        assert service.requests == []

    def test_a_job_that_has_left_nothing(self, run: Run, service: FakeService, job_id: str) -> None:
        """No file is made."""
        service.refuse[f"GET /v1/jobs/{job_id}/model"] = problem(404, "not_found", "It has no weights.")
        assert run("export", job_id, "--onnx").code == 3
        assert list(Path().iterdir()) == []


class TestMistakes:
    def test_they_are_listed(self, run: Run, service: FakeService, job_id: str) -> None:
        """The worst first: which image, what it is, what the network took it for and how sure it was."""
        service.refuse[f"GET /v1/jobs/{job_id}/mistakes"] = 200, {"items": MISTAKES, "next_cursor": None}
        outcome = run("mistakes", job_id, "-n", "2")
        assert [line.split() for line in outcome.out.splitlines()[1:]] == [
            ["val/bird/0007.png", "bird", "airplane", "99.8", "%", "0.2", "%"],
            ["val", "3", "airplane", "bird", "75.0", "%", "25.0", "%"],
        ]
        assert service.requests[-1][1] == f"/v1/jobs/{job_id}/mistakes?limit=2&weights=best"
        assert run("mistakes", job_id, "--json").json["items"] == MISTAKES

    def test_a_job_without_any(self, run: Run, service: FakeService, job_id: str) -> None:
        """A perfect network has made none."""
        service.refuse[f"GET /v1/jobs/{job_id}/mistakes"] = 200, {"items": [], "next_cursor": None}
        assert run("mistakes", job_id).err == "No mistakes.\n"

    def test_a_narrow_terminal(
        self, run: Run, service: FakeService, job_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Long paths are cut, the classes stay."""
        long = [mistake | {"file": f"val/{'long/' * 20}0007.png"} for mistake in MISTAKES]
        service.refuse[f"GET /v1/jobs/{job_id}/mistakes"] = 200, {"items": long, "next_cursor": None}
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "44")
        lines = Text.from_ansi(run("mistakes", job_id).out).plain.splitlines()
        assert max(map(len, lines)) <= 44 or any("Left out" in line for line in lines)
        assert "airplane" in lines[3]
        assert "…" in lines[3]


def test_the_documents_are_the_services(run: Run, service: FakeService, job_id: str) -> None:
    """With every digit."""
    exact = [MISTAKES[0] | {"probabilities": {"airplane": 0.9981234567, "bird": 0.0018765433}}]
    service.refuse[f"GET /v1/jobs/{job_id}/mistakes"] = 200, {"items": exact, "next_cursor": None}
    assert json.loads(run("mistakes", job_id, "--json").out)["items"] == exact
