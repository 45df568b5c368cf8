"""What the service in memory answers that no test changes, as the API writes it."""

from __future__ import annotations

from typing import Any


def layer_cost(pointer: str, kind: str, before: list[int], after: list[int], parameters: int) -> dict[str, Any]:
    """What a dry run says of a layer."""
    return {
        "pointer": pointer,
        "kind": kind,
        "input_shape": before,
        "output_shape": after,
        "parameters": parameters,
    }


CREATED = "2026-01-31T12:00:00.000Z"
ATTEMPT = {
    "attempt": 1,
    "worker": "a-machine.with-a-long-name:cpu:12345",
    "device": "cpu",
    "outcome": "failed",
    "environment": {
        "engine": "fused",
        "device": "cpu",
        "capability": "x86_64 AVX2",
        "threads": 1,
        "torch": "2.8.0",
        "cuda": "",
        "data_fingerprint": "d" * 64,
    },
    "resumed_from_epoch": 12,
    "error": {"code": "non_finite_loss", "detail": "Loss is NaN in epoch 13."},
    "started_at": CREATED,
    "finished_at": "2026-01-31T12:02:11.000Z",
}


def _listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": None}


def _preset(name: str, **spec: Any) -> dict[str, Any]:
    return {"name": name, "title": "Two layers", "note": "", "spec": spec, "cost": {"parameters": 1574402}}


_FIGURES = {"precision": 0.8, "recall": 0.9, "f1": 0.85, "support": 1000}
EVALUATION = {
    "weights": "best",
    "epoch": 2,
    "accuracy": 0.85,
    "loss": 0.4,
    "classes": ["airplane", "bird"],
    "confusion_matrix": [[900, 100], [200, 800]],
    "per_class": [{"class": "airplane"} | _FIGURES, {"class": "bird"} | _FIGURES],
}
CATALOG: dict[str, Any] = {
    "/readyz": {"status": "ready"},
    "/v1/workers": _listed(
        {
            "id": "host-1:cpu:1",
            "host": "host-1",
            "pid": 1,
            "device": "cpu",
            "device_kind": "cpu",
            "device_name": None,
            "versions": {},
            "datasets": [{"name": "cifar10", "classes": ["airplane", "bird"]}],
            "state": "idle",
            "job_id": None,
            "started_at": "2026-01-31T12:00:00.000Z",
            "last_heartbeat_at": "2026-01-31T12:00:00.000Z",
        }
    ),
    "/v1/queues": _listed({"name": "flightline.any", "depth": 2, "oldest_age_seconds": 61.0, "messages": None}),
    "/v1/presets": _listed(
        _preset("notebook-linear", training={"epochs": 100, "optimizer": {"kind": "sgd", "lr": 0.01}}),
        _preset("grown", training={"epochs": 100, "ema": 0.9}),
    ),
    "/v1/datasets": _listed(
        {
            "name": "cifar10",
            "classes": ["airplane", "bird"],
            "held": [{"classes": ["airplane", "bird"], "workers": ["w"]}],
        },
        {"name": "synthetic", "classes": ["airplane", "bird"], "held": []},
    ),
}
