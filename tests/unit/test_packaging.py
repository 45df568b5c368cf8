"""What is shipped: the locks, the wheel, the script that installs, the Makefile, the images and services."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from deploy.check_tree import length_findings, text_findings
from shared.people.tokens import FIRST_TOKEN
from shared.settings import Settings
from tests.unit.test_layers import imported_names

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"api", "flightline", "migrations", "shared", "worker"}
ENTRY = re.compile(r"^([a-z0-9][a-z0-9._-]*)(\[[a-z0-9,._-]+\])?==(\S+)", re.MULTILINE)


def read_lock(name: str) -> str:
    """Return the text of one lock."""
    return (ROOT / "locks" / f"{name}.lock").read_text(encoding="utf-8")


def pins(name: str) -> set[tuple[str, str]]:
    """Return the (name, version) pairs of one lock."""
    return {(package, version) for package, _extras, version in ENTRY.findall(read_lock(name))}


def torch_pair() -> list[str]:
    """Return the versions of torch and torchvision in the workers' lock."""
    return [version for name in ("torch", "torchvision") for package, version in pins("worker") if package == name]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names in a wheel built from the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return docker-compose.yml as Compose would merge it."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return document


class TestLocks:
    """locks/{api,local,worker,dev}.lock."""

    @pytest.mark.parametrize("name", ["api", "local", "worker", "dev"])
    def test_hold_no_address(self, name: str) -> None:
        """A lock works with any registry: it names packages and hashes, never where they lie."""
        assert not re.search(r"://|\s@\s|--index|--find-links|\bfile:", read_lock(name))

    @pytest.mark.parametrize("name", ["api", "local", "worker", "dev"])
    def test_hold_a_hash_for_every_package(self, name: str) -> None:
        """Nothing is installed unchecked."""
        entries = re.split(r"\n(?=[a-z])", read_lock(name).strip())
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)

    @pytest.mark.parametrize("name", ["api", "local", "worker"])
    def test_of_those_who_run_it_are_parts_of_the_developers(self, name: str) -> None:
        """What runs in an image, or by `make up`, is what the tests ran with."""
        assert pins(name) <= pins("dev")

    def test_pin_one_pair_of_torch_and_torchvision(self) -> None:
        """The one that the tests ran with: torchvision's operators load only beside the torch they were built with."""
        assert torch_pair() == [version(name).partition("+")[0] for name in ("torch", "torchvision")]

    def test_keep_torch_from_the_api(self) -> None:
        """The API's image stays small; Optuna, which runs in a process of its own, brings numpy."""
        assert not {name for name, _version in pins("api")} & {"torch", "torchvision"}

    @pytest.mark.parametrize(
        "lock,packages",
        [("api", ["api", "shared", "flightline", "migrations"]), ("worker", ["worker", "shared", "flightline"])],
    )
    def test_hold_whatever_the_code_imports(self, lock: str, packages: list[str]) -> None:
        """A package that is imported stands in the lock of that side, whatever else is installed here."""
        owners = packages_distributions()
        optional = {"s3fs", "opentelemetry"}  # extras, for whoever asks for S3 or traces
        imported = {
            name.split(".")[0]
            for package in packages
            for path in (ROOT / package).rglob("*.py")
            if not path.is_relative_to(ROOT / "flightline" / "torch")  # for users who have torch
            for name in imported_names(path)
        }
        third_party = imported - set(sys.stdlib_module_names) - PACKAGES - optional
        distributions = {owners[name][0].lower().replace("_", "-") for name in third_party}
        assert distributions <= {name for name, _version in pins(lock)}


class TestWheel:
    """What `pip install flightline-train` gets."""

    def test_holds_the_five_packages_and_nothing_beside(self, names: set[str]) -> None:
        """Tests, benchmarks and documents stay out."""
        tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
        assert tops == PACKAGES

    def test_says_that_it_is_typed(self, names: set[str]) -> None:
        """Type checkers of those who import it read the annotations."""
        assert {f"{package}/py.typed" for package in PACKAGES} <= names

    def test_holds_every_module(self, names: set[str]) -> None:
        """No module of a package is forgotten."""
        modules = {
            str(path.relative_to(ROOT))
            for package in PACKAGES
            for path in (ROOT / package).rglob("*.py")
            if "__pycache__" not in path.parts
        }
        assert modules <= names

    def test_holds_the_page(self, names: set[str]) -> None:
        """As it was built: the document, what it names, and that compressed."""
        page = {path.name for path in (ROOT / "api" / "static" / "page").iterdir()}
        assert {f"api/static/page/{name}" for name in page} <= names
        assert {Path(name).suffix for name in page} == {".html", ".js", ".css", ".br", ".gz"}

    def test_is_refused_without_the_page(self, tmp_path: Path) -> None:
        """Nobody installs half a product; the message says what to do. An editable installation may come first."""
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, tmp_path)
        shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
        for package in PACKAGES:
            (tmp_path / package).mkdir()
        builder = WheelBuilder(str(tmp_path))
        with pytest.raises(FileNotFoundError, match="make web"):
            list(builder.build(directory=str(tmp_path / "dist"), versions=["standard"]))
        (built,) = builder.build(directory=str(tmp_path / "dist"), versions=["editable"])
        assert Path(built).is_file()


class TestSdist:
    """What somebody builds a wheel from who has no Node."""

    def test_holds_the_page_and_what_looks_for_it(self, tmp_path: Path) -> None:
        """A wheel can be built from it as it is."""
        (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
        with tarfile.open(built) as sdist:
            names = {name.partition("/")[2] for name in sdist.getnames()}
        assert {"api/static/page/index.html", "deploy/wheel_page.py"} <= names
        assert not {name for name in names if "node_modules" in name}


class TestInstall:
    """deploy/install, with a stand-in for Python that writes down what it is asked."""

    @pytest.fixture
    def install(self, tmp_path: Path) -> Any:
        """Return a function that runs deploy/install for a backend and returns its calls, one text each."""
        (pin,) = [version for name, version in pins("dev") if name == "uv"]
        python = tmp_path / "python"
        python.write_text(
            "#!/usr/bin/env bash\n"
            f'if [ "$*" = "-m uv --version" ]; then echo "uv {pin}"; exit; fi\n'
            'echo "CALL $*"; for word; do if [ -e "$word" ] && [ "$word" != "$0" ]; then cat "$word"; fi; done\n',
            encoding="utf-8",
        )
        python.chmod(0o755)

        def run(backend: str) -> list[str]:
            command = [str(ROOT / "deploy" / "install"), str(python), "locks/worker.lock"]
            environment = os.environ | {"TORCH_BACKEND": backend}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
            return done.stdout.split("CALL ")[1:]

        return run

    def test_takes_the_whole_lock_by_default(self, install: Any) -> None:
        """The registry's builds, every file checked."""
        (call,) = install("default")
        assert "--require-hashes locks/worker.lock" in call.splitlines()[0]

    def test_leaves_torch_and_cuda_to_the_chosen_backend(self, install: Any) -> None:
        """TORCH_BACKEND=cpu: all but torch's own packages from the lock, then the locked pair from PyTorch's index."""
        (checked, pair), (torch, torchvision) = install("cpu"), torch_pair()
        assert {name for name, _version in pins("worker")} - {name for name, *_ in ENTRY.findall(checked)} == {
            name for name, _version in pins("worker") if re.match(r"torch|triton|nvidia-|cuda-", name)
        }
        assert "--torch-backend cpu" in pair
        assert pair.splitlines()[1:] == [f"torch=={torch}", f"torchvision=={torchvision}"]


class TestMakefile:
    """The targets."""

    def test_alone_lists_every_target(self) -> None:
        """Plain `make` is `make help`, and no target is hidden from it."""
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = re.findall(r"^\.PHONY: ([a-z-]+)$", text, re.MULTILINE)
        done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert targets
        assert all(re.search(rf"^  make {target} +\S", done.stdout, re.MULTILINE) for target in targets)


class TestTree:
    """deploy/check_tree.py."""

    @pytest.mark.parametrize(
        "name,text",
        [
            ("a.md", "see https://" + "py" + "pi.org/simple"),
            ("a.sh", "cd " + "/wo" + "rk/main"),
            ("a.lock", "x @ https:" + "//example.org/x.whl"),
            ("package-lock.json", '"resolved": "https:' + '//example.org/x.tgz"'),
        ],
    )
    def test_is_searched_for_addresses_and_paths(self, name: str, text: str) -> None:
        """Each kind of finding is found."""
        assert [line for line, _what in text_findings(Path(name), text)] == [1]

    def test_is_searched_for_long_functions(self) -> None:
        """A function of more than 60 lines is named."""
        text = "def long():\n" + "    pass\n" * 60
        assert list(length_findings(Path("a.py"), text)) == [(1, "long has 61 lines; at most 60")]

    @pytest.mark.parametrize("name", ["a.py", "a.ts", "a.tsx"])
    def test_is_searched_for_long_files(self, name: str) -> None:
        """Those of the page too."""
        assert list(length_findings(Path(name), "\n" * 401)) == [(1, "401 lines; at most 400")]


class TestCompose:
    """docker-compose.yml."""

    def test_opens_ports_on_this_machine_alone(self, compose: dict[str, Any]) -> None:
        """Nothing is reachable from outside unless somebody says so."""
        ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
        assert ports
        assert all(port.startswith("127.0.0.1:") for port in ports)

    def test_asks_for_tokens(self, compose: dict[str, Any]) -> None:
        """Unless somebody says otherwise, and where it says how to start, it says how to make the first."""
        assert compose["services"]["api"]["environment"]["FLIGHTLINE_AUTH"] == "${FLIGHTLINE_AUTH:-on}"
        head = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").partition("name: flightline")[0]
        assert f"docker compose run --rm api {FIRST_TOKEN}" in head

    def test_sets_only_settings_that_exist(self, compose: dict[str, Any]) -> None:
        """A misspelled variable would be ignored in silence."""
        known = {f"FLIGHTLINE_{name.upper()}" for name in Settings.model_fields}
        given = {name for service in compose["services"].values() for name in service.get("environment", {})}
        assert {name for name in given if name.startswith("FLIGHTLINE_")} <= known

    def test_gives_workers_longer_to_stop_than_they_take(self, compose: dict[str, Any]) -> None:
        """Docker kills later than the worker's own deadline, so a stopped job is released, not lost."""
        grace = [
            int(compose["services"][name]["stop_grace_period"].rstrip("s")) for name in ("worker-cpu", "worker-gpu")
        ]
        assert min(grace) > Settings.model_fields["stop_grace_seconds"].default

    def test_lets_up_wait_succeed(self, compose: dict[str, Any]) -> None:
        """Somebody waits for the one-shot migration to end well, else `up --wait` calls its end a failure."""
        waiting = compose["services"]["api"]["depends_on"]["migrate"]
        assert waiting == {"condition": "service_completed_successfully"}

    def test_watches_every_lasting_service(self, compose: dict[str, Any]) -> None:
        """Each service but the migration has a health check."""
        unwatched = {name for name, service in compose["services"].items() if "healthcheck" not in service}
        assert unwatched == {"migrate"}
