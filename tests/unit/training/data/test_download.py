"""Downloading CIFAR-10 from a small server of this machine, and what is left of downloads that broke off."""

from __future__ import annotations

import functools
import hashlib
import logging
import multiprocessing
import os
import signal
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from torchvision import datasets
from torchvision.datasets import CIFAR10

from tests.support.copies import NAMES, md5
from tests.support.copies import write_copy as write_small_copy
from tests.unit.training.data.test_folders import fill, survey
from tests.unit.training.data.test_torchvision import write_copy
from worker.training.data import load
from worker.training.data.sources import download
from worker.training.data.sources.download import Download
from worker.training.data.sources.layouts import CIFAR10 as LAYOUT
from worker.training.data.sources.layouts import LAYOUTS
from worker.training.errors import DatasetUnavailable
from worker.training.plan import DatasetPlan

PLAN = DatasetPlan("cifar10", ("bird", "airplane"))
FOLDER = "cifar-10-batches-py"


class Server:
    """Serves one archive over HTTP, counting how often it is asked for; `gate` holds its answers back."""

    def __init__(self, folder: Path) -> None:
        self.archive = folder / CIFAR10.filename
        self._gets = 0
        self.asked, self.gate = threading.Event(), threading.Event()
        self.gate.set()
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._gets += 1
                outer.asked.set()
                outer.gate.wait()
                super().do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_port}/{CIFAR10.filename}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """It answers, until the end."""
        thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        self.gate.set()
        self.http.shutdown()
        thread.join()
        self.http.server_close()

    @property
    def downloads(self) -> float:
        """How often it was fetched: torchvision asks twice, as it looks for a redirect first."""
        return self._gets / 2


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with a miniature of CIFAR-10, whose hashes are taken for the published ones."""
    origin = tmp_path / "origin"
    write_copy(origin, monkeypatch)
    server = Server(origin)
    with tarfile.open(server.archive, "w:gz") as archive:
        archive.add(origin / FOLDER, FOLDER)
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(server.archive.read_bytes()).hexdigest())
    monkeypatch.setattr(CIFAR10, "url", server.url)
    with server.running():
        yield server


def test_downloading_fetches_a_copy(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where it is allowed and nothing is there; the next load finds the copy, and the cache of its images."""
    data_dir = tmp_path / "data"
    assert next((held.source, held.ready) for held in survey(data_dir, allow_download=True)) == ("download", False)
    with caplog.at_level(logging.INFO):
        first = load(PLAN, data_dir, tmp_path / "cache", allow_download=True)
    assert [record.message for record in caplog.records if record.name == download.__name__] == ["dataset_download"]
    assert first.train.images[:3, 0, 0, 0].tolist() == [0, 1, 3]
    assert load(PLAN, data_dir, tmp_path / "cache").fingerprint == first.fingerprint
    assert server.downloads == 1
    assert len([*(tmp_path / "cache").glob("decoded-*")]) == 1


def nothing(folder: Path) -> None:
    """An empty folder."""
    for path in folder.iterdir():
        path.unlink()


def one_missing(folder: Path) -> None:
    """All batches but one."""
    (folder / "data_batch_2").unlink()


def one_cut_off(folder: Path) -> None:
    """All batches, one of them in part."""
    path = folder / "test_batch"
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("spoil", [nothing, one_missing, one_cut_off])
@pytest.mark.parametrize("archive", ["none", "part", "whole"])
def test_a_broken_off_download_is_done_again(server: Server, tmp_path: Path, archive: str, spoil: Any) -> None:
    """Whatever is left of its batches and its archive; an archive that is whole is not fetched again."""
    data_dir = tmp_path / "data"
    whole = load(PLAN, data_dir, tmp_path / "cache", allow_download=True).fingerprint
    path = data_dir / CIFAR10.filename
    spoil(data_dir / FOLDER)
    if archive != "whole":
        path.write_bytes(path.read_bytes()[: 100 if archive == "part" else 0])
    if archive == "none":
        path.unlink()
    assert load(PLAN, data_dir, tmp_path / "cache", allow_download=True).fingerprint == whole
    assert server.downloads == (1 if archive == "whole" else 2)


def test_what_is_there_complete_is_taken_before_a_download(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Class folders beside a broken copy: they are taken for the classes that they hold, the download for others."""
    fill(tmp_path / "data" / "cifar2")
    (tmp_path / "data" / FOLDER).mkdir()
    assert load(PLAN, tmp_path / "data", tmp_path, allow_download=True).source == "folder"
    assert [record.message for record in caplog.records] == ["dataset_copy_passed_over"]
    assert server.downloads == 0
    assert load(DatasetPlan("cifar10", ("bird", "truck")), tmp_path / "data", tmp_path, True).source == "torchvision"
    assert server.downloads == 1


def in_another_process(data_dir: Path, results: Any) -> None:
    """A worker that wants the data set too."""
    logging.getLogger(download.__name__).addHandler(Reporting(results))
    logging.getLogger(download.__name__).setLevel(logging.INFO)
    results.put(str(Download(data_dir, LAYOUT).source().folder))


class Reporting(logging.Handler):
    """Puts the names of events into a queue."""

    def __init__(self, results: Any) -> None:
        super().__init__()
        self._results = results

    def emit(self, record: logging.LogRecord) -> None:
        """Take the event."""
        self._results.put(record.getMessage())


def forked(data_dir: Path, results: Any) -> Any:
    """The other worker, started."""
    process = multiprocessing.get_context("fork").Process(target=in_another_process, args=(data_dir, results))
    process.start()
    return process


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_second_worker_waits_for_the_first_ones_download(server: Server, tmp_path: Path) -> None:
    """It says that it waits, downloads nothing itself, and finds the copy there."""
    results = multiprocessing.get_context("fork").Queue()
    server.gate.clear()
    first = forked(tmp_path / "data", results)
    assert results.get(timeout=60) == "dataset_download"
    assert server.asked.wait(60)
    second = forked(tmp_path / "data", results)
    assert results.get(timeout=60) == "dataset_download_awaited"
    server.gate.set()
    assert {results.get(timeout=60), results.get(timeout=60)} == {str(tmp_path / "data" / FOLDER)}
    for process in (first, second):
        process.join()
        assert process.exitcode == 0
    assert server.downloads == 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_worker_that_dies_leaves_the_download_to_the_next(server: Server, tmp_path: Path) -> None:
    """Its lock ends with it, and what it left behind is completed."""
    results = multiprocessing.get_context("fork").Queue()
    server.gate.clear()
    first = forked(tmp_path / "data", results)
    assert results.get(timeout=60) == "dataset_download"
    assert server.asked.wait(60)
    second = forked(tmp_path / "data", results)
    assert results.get(timeout=60) == "dataset_download_awaited"
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    server.gate.set()
    assert results.get(timeout=60) == "dataset_download"
    assert results.get(timeout=60) == str(tmp_path / "data" / FOLDER)
    second.join()
    assert Download(tmp_path / "data", LAYOUT).source().intact()


def test_a_server_that_cannot_be_reached_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says from where, why not, and what to do."""
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:1/cifar-10-python.tar.gz")
    with pytest.raises(DatasetUnavailable, match=r"from http://127\.0\.0\.1:1/.*: Connection refused\. Put a copy"):
        load(PLAN, tmp_path, tmp_path, allow_download=True)


def test_a_file_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    """The server's own answer."""
    server.archive.unlink()
    with pytest.raises(DatasetUnavailable, match="HTTP Error 404"):
        load(PLAN, tmp_path / "data", tmp_path, allow_download=True)


def test_what_is_not_the_published_file_is_refused(server: Server, tmp_path: Path) -> None:
    """Half an archive, or another one, is never unpacked."""
    server.archive.write_bytes(server.archive.read_bytes()[:200])
    with pytest.raises(DatasetUnavailable, match="not the published file, or only a part of it"):
        load(PLAN, tmp_path / "data", tmp_path, allow_download=True)
    assert not (tmp_path / "data" / FOLDER).exists()


def test_a_read_only_data_directory_is_named(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download needs a place to go; nothing is fetched without one."""
    (tmp_path / "data").mkdir()
    opened = Path.open

    def read_only(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if path.name == ".cifar10.lock":
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, mode, *args, **options)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(DatasetUnavailable, match=r"to .*/data: Read-only file system\."):
        load(PLAN, tmp_path / "data", tmp_path, allow_download=True)
    assert server.downloads == 0


def offered(name: str, origin: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have torchvision fetch a set from below this address, where the folder `origin` is served."""
    if name in {"mnist", "fashion_mnist"}:
        kind = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name]
        monkeypatch.setattr(kind, "mirrors", ["http://127.0.0.1:1/", f"{base}{LAYOUTS[name].folder}/"])
    elif name == "svhn":
        split_list = {
            split: [f"{base}{file}", file, md5_] for split, (_, file, md5_) in datasets.SVHN.split_list.items()
        }
        monkeypatch.setattr(datasets.SVHN, "split_list", split_list)
    else:
        kind = {"cifar100": datasets.CIFAR100, "stl10": datasets.STL10}[name]
        with tarfile.open(origin / kind.filename, "w:gz") as archive:
            archive.add(origin / LAYOUTS[name].folder, LAYOUTS[name].folder)
        monkeypatch.setattr(kind, "url", f"{base}{kind.filename}")
        monkeypatch.setattr(kind, "tgz_md5", md5(origin / kind.filename))


@pytest.mark.parametrize("name", NAMES)
def test_every_set_is_fetched_as_torchvision_keeps_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Archives that are unpacked, files that are not, and a mirror that is down; the next load finds the copy."""
    origin, data_dir = tmp_path / "origin", tmp_path / "data"
    write_small_copy(name, origin, monkeypatch)
    plan = DatasetPlan(name, LAYOUTS[name].classes)
    server = Server(origin)
    with server.running():
        offered(name, origin, server.url.removesuffix(CIFAR10.filename), monkeypatch)
        fetched = load(plan, data_dir, tmp_path / "cache", allow_download=True)
    assert fetched.fingerprint == load(plan, origin, tmp_path / "cache").fingerprint
    assert load(plan, data_dir, tmp_path / "other").source == "torchvision"
    down = [record for record in caplog.records if record.message == "dataset_mirror_failed"]
    assert bool(down) == ("mnist" in name)


def test_an_unpacked_file_that_is_cut_off_is_unpacked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the archive beside it, without fetching that again."""
    first = write_small_copy("mnist", tmp_path, monkeypatch)[0]
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:1/"])
    plan = DatasetPlan("mnist", LAYOUTS["mnist"].classes, channels=1)
    whole = load(plan, tmp_path, tmp_path / "cache").fingerprint
    first.write_bytes(first.read_bytes()[:100])
    assert load(plan, tmp_path, tmp_path / "cache", allow_download=True).fingerprint == whole
