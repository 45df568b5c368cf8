"""Keep what a release writes, so that later ones can be tried on it: `python -m tests.golden.releases.make`.

To be run in a checkout of the release, before any later code is in it. Adds a folder named after the commit, which
`tests/golden/test_releases.py` and `tests/acceptance/test_upgrades.py` then find by themselves.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.golden.releases import checkpoints, homes

RELEASES = Path(__file__).parent


def main() -> None:
    """Write checkpoints and homes of the code that is checked out."""
    command = ["git", "rev-parse", "--short=7", "HEAD"]
    commit = subprocess.run(command, cwd=RELEASES, capture_output=True, text=True, check=True).stdout.strip()
    folder = RELEASES / commit
    folder.mkdir()
    checkpoints.make(folder)
    for database in ("sqlite", "postgresql"):
        homes.make(folder, database)


if __name__ == "__main__":
    main()
