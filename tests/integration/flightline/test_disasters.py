"""Everything is lost and put back from a backup, by the commands that the documentation names: no row is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sqlalchemy import update

from shared.database.engine import Database
from shared.database.tables import Artifact
from shared.storage.store import Storage
from tests.support.homes import Home, closing_database
from tests.support.rows import TEXT, contents, fill
from tests.support.servers import PostgresServer, find_postgres


def test_every_table_comes_back_from_a_backup_on_sqlite(home: Home, tmp_path: Path) -> None:
    """`flightline backup`, the home deleted, `flightline restore`."""
    settings, file = home("old"), str(tmp_path / "all.tar.gz")
    storage = Storage(settings.storage_url)
    storage.check()
    stored = vars(storage.put(TEXT, b"weights"))
    with closing_database(settings) as db:
        fill(db)
        db.write(lambda connection: connection.execute(update(Artifact).values(stored)))
        before = contents(db)
    _flightline(settings.home_dir, "backup", file)
    shutil.rmtree(settings.home_dir)
    _flightline(settings.home_dir, "restore", file)

    with closing_database(settings) as db:
        assert contents(db) == before
    assert Storage(settings.storage_url).read(TEXT) == b"weights"


def test_every_table_comes_back_from_a_dump_of_postgresql(
    postgres_server: PostgresServer, postgres_shared: str, tmp_path: Path
) -> None:
    """`pg_dump`, the database dropped, `pg_restore` into an empty one."""
    url = postgres_server.create("disaster", template=postgres_shared)
    db = Database(url)
    fill(db)
    before = contents(db)
    db.dispose()
    file = str(tmp_path / "flightline.dump")
    _postgres(postgres_server, "pg_dump", "--format=custom", f"--file={file}", url)
    postgres_server.drop("disaster")
    postgres_server.create("disaster")
    _postgres(postgres_server, "pg_restore", "--clean", "--if-exists", f"--dbname={url}", file)

    db = Database(url)
    assert contents(db) == before
    db.dispose()
    postgres_server.drop("disaster")


def _flightline(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "flightline", *arguments]
    environment = os.environ | {"FLIGHTLINE_HOME": str(home)}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _postgres(server: PostgresServer, program: str, *arguments: str) -> None:
    binary = find_postgres(server.folder, (os.getuid(), os.getgid())) / program
    subprocess.run([str(binary), *arguments], check=True, capture_output=True)
