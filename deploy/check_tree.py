"""Checks of the tree that no other linter makes: addresses and paths of one machine, and code that is too long.

Prints `path:line: what` for each finding and exits 1 if there is one.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# Written so that this file does not find itself.
FORBIDDEN = {
    "a package registry's address": re.compile(
        r"\b(pypi[.]org|python[h]osted[.]org|registry[.]npm[j]s|download[.]py[t]|deb[.]debian)|--(extra-)?index-[u]rl h"
    ),
    "a path of one machine": re.compile(r"(?<![\w.~}$])/(work|root|farm)/[\w.]"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
}
ADDRESSES_IN_LOCKS = {
    ".lock": re.compile(r"\w+://| @ |(^|\s)file:"),
    "package-lock.json": re.compile(r'"resolved":'),
}
CODE = {".py", ".ts", ".tsx"}


def tracked(root: Path) -> Iterator[Path]:
    """Yield the files that git knows or would add, without those of the ignore lists."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        path = root / name
        if path.is_file() and not path.is_symlink():
            yield path


def text_findings(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and a message for each text that a file must not contain."""
    in_lock = next((pattern for end, pattern in ADDRESSES_IN_LOCKS.items() if path.name.endswith(end)), None)
    patterns = FORBIDDEN | ({"an address in a lock": in_lock} if in_lock else {})
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in patterns.items():
            if pattern.search(line):
                yield number, what


def length_findings(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and a message for a file of code, or a Python function, above its limit of lines."""
    if path.suffix not in CODE:
        return
    lines = text.count("\n")
    if lines > MAX_FILE_LINES:
        yield 1, f"{lines} lines; at most {MAX_FILE_LINES}"
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines; at most {MAX_FUNCTION_LINES}"


def findings(root: Path) -> list[str]:
    """Return every finding below `root` as one printable line."""
    found = []
    for path in tracked(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures and the like
        for line, what in [*text_findings(path, text), *length_findings(path, text)]:
            found.append(f"{path.relative_to(root)}:{line}: {what}")
    return found


if __name__ == "__main__":
    lines = findings(Path(__file__).resolve().parent.parent)
    print("\n".join(lines) or "tree: nothing found")
    sys.exit(1 if lines else 0)
