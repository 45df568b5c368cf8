"""An MLflow tracking server, spoken to over its REST API (version 2.0), which every MLflow from 2 on serves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from flightline.client.addresses import split_url
from flightline.errors import NotReachable, TrackerError, UsageError

PAGE = 1000
POINTS = 25_000
TIMEOUT_SECONDS = 60.0
TRIES = 3
_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_PROXIED = "mlflow-artifacts"
Json = dict[str, Any]


class Server:
    """One MLflow tracking server. Safe to share between threads.

    A user and a password are taken from the URL, else from `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, a
    token from `MLFLOW_TRACKING_TOKEN`, as MLflow's own client does.

    Args:
        uri: the server's address.
        transport: another httpx transport, for tests.

    Raises:
        UsageError: the address is none of a server.
    """

    def __init__(self, uri: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url, password = _address(uri)
        self._http = httpx.Client(
            base_url=self.url,
            auth=password or _login(),
            headers=_token() if password is None else {},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
            verify=httpx.create_ssl_context(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def experiment(self, name: str) -> Json | None:
        """Return the experiment of this name, deleted or not; None where there is none."""
        try:
            found: Json = self._get("experiments/get-by-name", experiment_name=name)["experiment"]
        except TrackerError as error:
            if error.tracker_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return found

    def create_experiment(self, name: str) -> str:
        """Create an experiment and return its id; that of the one which somebody else creates at the same time."""
        try:
            return str(self._post("experiments/create", {"name": name})["experiment_id"])
        except TrackerError as error:
            there = self.experiment(name) if error.tracker_code == "RESOURCE_ALREADY_EXISTS" else None
            if there is None:
                raise
            return str(there["experiment_id"])

    def experiments(self) -> list[Json]:
        """Return every experiment that is not deleted."""
        return list(self._pages("experiments/search", "experiments", {"view_type": "ACTIVE_ONLY"}))

    def runs(self, experiment_id: str, *, where: str = "", view: str = "ACTIVE_ONLY") -> Iterator[Json]:
        """Yield the runs of an experiment, the oldest first, that meet a condition of MLflow's search."""
        asked = {
            "experiment_ids": [experiment_id],
            "filter": where,
            "run_view_type": view,
            "order_by": ["attributes.start_time ASC"],
        }
        return self._pages("runs/search", "runs", asked)

    @contextmanager
    def unless_deleted(self, run_id: str) -> Iterator[None]:
        """Pass over a refusal of what is written where the run was deleted meanwhile: MLflow takes nothing for it."""
        try:
            yield
        except TrackerError:
            run = self._get("runs/get", run_id=run_id)["run"]
            if run["info"].get("lifecycle_stage") != "deleted":
                raise

    def history(self, run_id: str, metric: str) -> Iterator[Json]:
        """Yield every value of a run's metric: `step`, `timestamp` in milliseconds, `value`."""
        token = None
        while True:
            asked = {"run_id": run_id, "metric_key": metric, "max_results": POINTS, "page_token": token}
            answer = self._get("metrics/get-history", **{key: one for key, one in asked.items() if one is not None})
            yield from answer.get("metrics", ())
            token = answer.get("next_page_token")
            if not token:
                return

    def create_run(self, run: Mapping[str, Any]) -> Json:
        """Create a run and return it."""
        created: Json = self._post("runs/create", run, repeat=False)["run"]
        return created

    def log(self, run_id: str, **what: list[Json]) -> None:
        """Log `metrics`, `params` or `tags` of a run, at most as many as MLflow takes at once.

        A refusal is asked again once: MLflow refuses one of two that write the same for the first time at once.
        """
        body = {"run_id": run_id, **what}
        try:
            self._post("runs/log-batch", body)
        except TrackerError:
            self._post("runs/log-batch", body)

    def end_run(self, run_id: str, status: str, end_time: int) -> None:
        """Set how and when a run ended; the time is in milliseconds since 1970."""
        self._post("runs/update", {"run_id": run_id, "status": status, "end_time": end_time})

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted; MLflow keeps it among the deleted ones."""
        self._post("runs/delete", {"run_id": run_id})

    def upload(self, artifact_uri: str, name: str, file: Path) -> bool:
        """Store a file of a run; return whether the server takes files for others: else the client had to store it."""
        place = urlsplit(artifact_uri)
        if place.scheme != _PROXIED:
            return False
        path = quote(f"{place.path.strip('/')}/{name}")
        with file.open("rb") as content:
            self._answer("PUT", f"{_ARTIFACTS}/{path}", content=iter(lambda: content.read(1 << 20), b""), repeat=False)
        return True

    def _pages(self, path: str, what: str, asked: Mapping[str, Any]) -> Iterator[Json]:
        token = None
        while True:
            answer = self._post(path, {**asked, "max_results": PAGE, **({"page_token": token} if token else {})})
            yield from answer.get(what, ())
            token = answer.get("next_page_token")
            if not token:
                return

    def _get(self, path: str, **params: Any) -> Json:
        return self._answer("GET", f"{_API}/{path}", params=params)

    def _post(self, path: str, body: Mapping[str, Any], *, repeat: bool = True) -> Json:
        return self._answer("POST", f"{_API}/{path}", json=body, repeat=repeat)

    def _answer(self, method: str, path: str, *, repeat: bool = True, **content: Any) -> Json:
        """Send a request, several times where the connection breaks and `repeat` says that this does no harm."""
        for left in reversed(range(TRIES if repeat else 1)):
            try:
                return self._read(self._http.request(method, path, **content))
            except httpx.TransportError as error:
                if not left:
                    why = str(error) or type(error).__name__
                    raise NotReachable(f"No MLflow server answers at {self.url}: {why}.") from error
        raise AssertionError

    def _read(self, response: httpx.Response) -> Json:
        try:
            answer = response.json() if response.content else {}
        except ValueError:
            answer = None
        if response.is_success and isinstance(answer, dict):
            return answer
        raise TrackerError(*self._refusal(response, answer))

    def _refusal(self, response: httpx.Response, answer: object) -> tuple[str, str]:
        """Say why the server refused; return MLflow's own code for it too, empty where it gave none."""
        if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            how = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            return f"The MLflow server at {self.url} does not let you in (HTTP {response.status_code}). {how}", ""
        if isinstance(answer, dict) and "error_code" in answer:
            what = str(answer.get("message") or answer["error_code"])
            return f"The MLflow server at {self.url} refused: {what[:500]}", str(answer["error_code"])
        status = f"HTTP {response.status_code}"
        return f"What answers at {self.url} is no MLflow server: {response.request.url.path} gave {status}.", ""


def _address(uri: str) -> tuple[str, tuple[str, str] | None]:
    scheme = urlsplit(uri).scheme
    if scheme not in {"http", "https"}:
        raise UsageError(
            f"{uri[:100]!r} is not the address of an MLflow server, such as http://127.0.0.1:5000. For a database or a "
            "folder of MLflow's start `mlflow server --backend-store-uri …` and give its address."
        )
    return split_url(uri)


def _login() -> tuple[str, str] | None:
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    return (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None


def _token() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token and not _login() else {}
