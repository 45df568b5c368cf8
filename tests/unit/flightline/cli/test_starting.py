"""The command before it has loaded, and the package's own names."""

from __future__ import annotations

import subprocess
import sys

import pytest

import flightline
from tests.unit.test_layers import ROOT, modules_after

INTERRUPTED_WHILE_LOADING = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from flightline.__main__ import main
main()
"""


def test_ctrl_c_while_the_command_loads_is_no_traceback() -> None:
    """It ends as an interrupted command does, and says nothing."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADING], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_entry_point_loads_nothing_before_it_can_be_interrupted() -> None:
    """What takes time to load comes within its reach."""
    assert not modules_after("import flightline.__main__") & {"httpx", "rich", "typer", "shared"}


def test_every_name_of_the_package_is_there() -> None:
    """Each is loaded when it is asked for, and listed before; another one is missing as anywhere."""
    assert all(getattr(flightline, name).__name__ == name for name in flightline.__all__)
    assert set(flightline.__all__) <= set(dir(flightline))
    with pytest.raises(AttributeError, match="no attribute 'Model'"):
        _ = flightline.Model
