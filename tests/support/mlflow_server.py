"""A real MLflow tracking server on a free port, with a database and a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support.servers import reserve_port
from tests.support.stacks import until


class MlflowServer:
    """A running `mlflow server`.

    Args:
        folder: for its database, its files and its log.
        options: further options of the command.
        more: further environment variables.
    """

    def __init__(self, folder: Path, *options: str, **more: str) -> None:
        self._reserved = reserve_port()
        port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        places = [
            "--backend-store-uri",
            f"sqlite:///{folder}/mlflow.db",
            "--artifacts-destination",
            str(folder / "files"),
        ]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        with (folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *where, *places, *options],
                env=os.environ | quiet | more,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "The MLflow server has ended; its log says why."
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Send a request of MLflow's REST API, and give the JSON of its answer."""
        response = httpx.post(f"{self.url}/api/2.0/mlflow/{path}", json=body, timeout=60)
        assert response.is_success, response.text
        return dict(response.json())

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """As `post`, for reads."""
        response = httpx.get(f"{self.url}/api/2.0/mlflow/{path}", params=params, timeout=60)
        assert response.is_success, response.text
        return dict(response.json())

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """The runs of an experiment, the oldest first."""
        found = self.get("experiments/get-by-name", experiment_name=experiment)["experiment"]
        asked = {"experiment_ids": [found["experiment_id"]], "order_by": ["attributes.start_time ASC"]}
        return list(self.post("runs/search", max_results=1000, **asked).get("runs", []))

    def log_run(self, experiment_id: str, name: str, *, status: str = "FINISHED", **data: Any) -> str:
        """Log a run that has `metrics`, `params` and `tags`, and return its id."""
        run = self.post("runs/create", experiment_id=experiment_id, run_name=name, start_time=1_769_860_800_000)
        run_id = str(run["run"]["info"]["run_id"])
        self.post("runs/log-batch", run_id=run_id, **data)
        if status != "RUNNING":
            self.post("runs/update", run_id=run_id, status=status, end_time=1_769_862_600_000)
        return run_id

    def close(self) -> None:
        """End the server with its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reserved.close()
