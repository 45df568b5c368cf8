"""From a device's name to what a process may see, and a command line to workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import torch

from tests.support.servers import wait_until
from worker import device_pin, launch
from worker.device_pin import Device, NoSuchDevice, pin, require_usable, resolve

GPUS = ("GPU-a", "MIG-b")


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the machine show these GPUs."""

    def show(*visible: str) -> None:
        monkeypatch.setattr(device_pin, "visible_gpus", lambda: visible)

    return show


class TestResolve:
    @pytest.mark.parametrize(
        "wanted, gpus, found",
        [
            ("cpu", GPUS, ["cpu"]),
            ("auto", GPUS, ["cuda:0", "cuda:1"]),
            ("auto", (), ["cpu"]),
            ("cuda", GPUS, ["cuda:0", "cuda:1"]),
            ("cuda:all", GPUS, ["cuda:0", "cuda:1"]),
            ("cuda:1", GPUS, ["cuda:1"]),
        ],
    )
    def test_a_name_stands_for_devices(
        self, show: Callable[..., None], wanted: str, gpus: tuple[str, ...], found: list[str]
    ) -> None:
        """`auto` takes every GPU, and the CPU only where there is none."""
        show(*gpus)
        assert [device.name for device in resolve(wanted)] == found

    @pytest.mark.parametrize("wanted", ["cuda:2", "cuda", "tpu", ""])
    def test_a_device_that_is_not_there_is_refused_with_those_that_are(
        self, show: Callable[..., None], wanted: str
    ) -> None:
        """A silent fall back to the CPU would run for days."""
        show(*(GPUS if wanted == "cuda:2" else ()))
        with pytest.raises(NoSuchDevice, match="This machine shows cpu"):
            resolve(wanted)


class TestPin:
    def test_a_gpu_worker_sees_its_gpu_alone(self) -> None:
        """By the name that the environment gave it; inside, torch calls it cuda:0."""
        environment: dict[str, str] = {"CUDA_VISIBLE_DEVICES": "GPU-a,MIG-b"}
        device = Device("cuda:1", "cuda", "MIG-b")
        pin(device, environment)
        assert environment["CUDA_VISIBLE_DEVICES"] == "MIG-b"
        assert device.torch_name == "cuda:0"

    def test_a_cpu_worker_sees_none(self) -> None:
        """Also on a machine full of them."""
        environment: dict[str, str] = {}
        pin(Device("cpu", "cpu", ""), environment)
        assert environment["CUDA_VISIBLE_DEVICES"] == ""

    def test_arithmetic_is_repeatable_unless_the_user_chose_otherwise(self) -> None:
        """cuBLAS reads its workspace's size once, before anything runs."""
        for given in ({}, {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}):
            environment = dict(given)
            pin(Device("cuda:0", "cuda", "0"), environment)
            assert environment["CUBLAS_WORKSPACE_CONFIG"] == given.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


class TestUsable:
    """Under stand-ins for torch: what it says on machines that nobody has at hand."""

    GPU = Device("cuda:1", "cuda", "MIG-b")

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("The NVIDIA driver on your system is too old (found version 11040)."),
            AssertionError("Torch not compiled with CUDA enabled"),
            torch.AcceleratorError(
                "CUDA error: no kernel image is available for execution on the device\nCompile with"
            ),
            RuntimeError("No CUDA GPUs are available"),
        ],
        ids=["driver too old", "build for the CPU", "card too old", "vanished"],
    )
    def test_a_gpu_that_torch_cannot_use_is_said_so(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """With torch's reason, in one line, and what to do."""

        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(torch, "ones", fail)
        with pytest.raises(NoSuchDevice) as raised:
            require_usable(self.GPU)
        message = str(raised.value)
        assert str(error).split("\n")[0] in message
        assert "cuda:1 (MIG-b)" in message
        assert "driver" in message
        assert "--device cpu" in message
        assert "\n" not in message

    def test_one_that_works_passes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A kernel ran."""
        asked: list[str] = []

        def ones(count: int, device: str) -> torch.Tensor:
            asked.append(device)
            return torch.zeros(count) + 1

        monkeypatch.setattr(torch, "ones", ones)
        require_usable(self.GPU)
        assert asked == ["cuda:0"]

    def test_a_cpu_needs_no_trial(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is asked of torch."""
        monkeypatch.delattr(torch, "ones")
        require_usable(Device("cpu", "cpu", ""))


class TestCommand:
    def test_a_device_that_is_not_there_ends_the_command(
        self, show: Callable[..., None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One line, exit code 2."""
        show()
        assert launch.main(["--device", "cuda:7"]) == 2
        assert capsys.readouterr().err.startswith("worker: There is no device 'cuda:7' here.")

    def test_a_bad_setting_ends_the_command(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The message names the variable."""
        monkeypatch.setenv("FLIGHTLINE_LEASE_SECONDS", "soon")
        assert launch.main(["--device", "cpu"]) == 2
        assert "lease_seconds" in capsys.readouterr().err.lower()

    @pytest.mark.parametrize(
        "name, value",
        [("FLIGHTLINE_REDIS_URL", "amqp://somewhere"), ("FLIGHTLINE_DATABASE_URL", "not a url")],
    )
    def test_a_place_that_cannot_be_ends_the_command(self, name: str, value: str) -> None:
        """Before anything is started, and without a traceback."""
        command = [sys.executable, "-m", "worker", "--device", "cpu"]
        ran = subprocess.run(command, env={**os.environ, name: value}, capture_output=True, text=True, check=False)
        assert ran.returncode == 2
        assert ran.stderr.startswith(f"worker: {name}")
        assert "Traceback" not in ran.stderr


class TestSeveral:
    """One process for each device; here they are shells."""

    @pytest.fixture(autouse=True)
    def _signals(self) -> Iterator[None]:
        """The tests' own handlers are back afterwards."""
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        yield
        for number, handler in before.items():
            signal.signal(number, handler)

    @staticmethod
    def _start(monkeypatch: pytest.MonkeyPatch, *scripts: str) -> list[subprocess.Popen[bytes]]:
        started: list[subprocess.Popen[bytes]] = []
        real = subprocess.Popen

        def start(command: list[str]) -> subprocess.Popen[bytes]:
            assert command[1:4] == ["-m", "worker", "--device"]
            started.append(real(["sh", "-c", scripts[len(started)]]))
            return started[-1]

        monkeypatch.setattr(subprocess, "Popen", start)
        return started

    def test_one_that_fails_ends_the_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The supervisor starts all of them anew."""
        started = self._start(monkeypatch, "exit 3", "exec sleep 1000")
        code = launch.run_each([Device("cuda:0", "cuda", "0"), Device("cuda:1", "cuda", "1")])
        assert abs(code) in {3, signal.SIGTERM}
        wait_until(lambda: all(child.poll() is not None for child in started), "both processes ending")

    def test_all_that_end_well_make_a_good_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Exit code 0, once the last has ended."""
        self._start(monkeypatch, "exit 0", "exit 0")
        assert launch.run_each([Device("cuda:0", "cuda", "0"), Device("cuda:1", "cuda", "1")]) == 0
