"""Answers with a network as ONNX, from a process of its own: torch's exporter takes seconds and much memory."""

from __future__ import annotations

import json
import subprocess
import sys

from shared.delivery.questions import Answered, Export, Refused
from shared.errors import NotExportable

LONGEST_SECONDS = 600.0
"""How long an export may take. Its asker may give up before; the file is there when it asks again."""


def export(question: Export) -> Answered | Refused:
    """Have the network written and stored as the job's artifact.

    Raises:
        NotExportable: the export took too long, or its process was killed.
    """
    command = [sys.executable, "-m", "worker.predictor.onnx_export", question.job_id, question.weights]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LONGEST_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotExportable(f"The export took more than {LONGEST_SECONDS:g} s. Take format=safetensors.") from error
    if done.returncode or not done.stdout:
        raise NotExportable("The export's process ended before its work was done. The predictor's log has the cause.")
    refused: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return Refused(refused["code"], refused["detail"]) if refused else Answered({})
