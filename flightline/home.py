"""What a running stack leaves in its home for others to find."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from shared.paths import expanded
from shared.processes import born

STATE_FILE = "stack.json"


def home_dir() -> Path:
    """`FLIGHTLINE_HOME` as an absolute path, without reading the other settings."""
    return expanded(Path(os.environ.get("FLIGHTLINE_HOME") or "~/.flightline"), "FLIGHTLINE_HOME")


def running_url(home: Path | None = None) -> str | None:
    """The address of the stack that runs in a home, None where none does."""
    state = read_state(home or home_dir())
    pid, url = state.get("pid"), state.get("url")
    return url if isinstance(url, str) and isinstance(pid, int) and born(pid) == state.get("born") else None


def read_state(home: Path) -> dict[str, Any]:
    """What the stack last wrote about itself; empty where there is nothing readable."""
    try:
        state = json.loads((home / STATE_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(home: Path, state: dict[str, Any]) -> None:
    """Replace what the stack says about itself, all or nothing."""
    draft = home / f"{STATE_FILE}.new"
    draft.write_text(json.dumps(state, indent=1))
    draft.replace(home / STATE_FILE)


def clear_state(home: Path) -> None:
    """Say that no stack runs in this home."""
    (home / STATE_FILE).unlink(missing_ok=True)
