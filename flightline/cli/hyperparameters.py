"""What a job asks for beyond its preset, or beyond the defaults, in the words of ``--set``."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flightline.client.records import JobRecord

LEFT_OUT = "(left out)"


def chosen(job: JobRecord) -> list[str]:
    """``path=value`` for each field in which the job's spec differs from its preset, else from the defaults.

    A list of layers or of other objects has a line for each of them, such as ``training.augment.0=crop(padding=2)``.
    Nothing is known of a spec whose fields belong to another release: then it is all of it.
    """
    from shared.jobspec.differences import differences

    found = differences(job.raw["spec"], job.preset, job.raw.get("kind", "train"))
    return [f"{one.path}={LEFT_OUT if one.left_out else _shown(one.value)}" for one in found]


def _shown(value: object) -> str:
    """A value as JSON; text as it is, and an object with a kind as ``conv2d(out_channels=16, kernel_size=3)``."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        fields = ", ".join(f"{key}={_shown(inner)}" for key, inner in value.items() if key != "kind")
        return f"{value['kind']}({fields})" if fields else str(value["kind"])
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return json.dumps(value, ensure_ascii=False)
