"""Keep what a release writes, so that later ones can be tried on it: `python -m tests.golden.releases.make`.

To be run in a checkout of the release, before any later code is in it. Adds a folder named after the commit, which
`tests/golden/test_releases.py`, `tests/acceptance/test_upgrades.py` and `test_old_workers.py`, and
`tests/unit/flightline/test_older_services.py` then find by themselves.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import tempfile
from pathlib import Path

from api.app import create_app
from shared.settings import Settings
from tests.golden.releases import checkpoints, homes

RELEASES = Path(__file__).parent
CODE = "workers.tar.xz"
"""In a release's folder: the packages that its workers consist of."""
FIELDS = "fields.json"
"""In a release's folder: the names of the fields of its answers, by their classes in OpenAPI."""


def main() -> None:
    """Write checkpoints, homes and names of fields of the code that is checked out."""
    command = ["git", "rev-parse", "--short=7", "HEAD"]
    commit = subprocess.run(command, cwd=RELEASES, capture_output=True, text=True, check=True).stdout.strip()
    folder = RELEASES / commit
    folder.mkdir()
    checkpoints.make(folder)
    for database in homes.DATABASES:
        homes.make(folder, database)
    archive = subprocess.run(
        ["git", "archive", "HEAD", "shared", "worker"], cwd=RELEASES.parents[2], capture_output=True, check=True
    )
    (folder / CODE).write_bytes(lzma.compress(archive.stdout))
    (folder / FIELDS).write_text(json.dumps(_fields(), indent=1) + "\n")


def _fields() -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as home:
        described = create_app(Settings(home=Path(home))).test_client().get("/openapi.json").json or {}
    schemas = described["components"]["schemas"].items()
    return {name: [*schema["properties"]] for name, schema in schemas if schema.get("properties")}


if __name__ == "__main__":
    main()
