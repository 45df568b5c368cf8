"""A stand-in for curl where a machine has none: `-s`, `-N`, `-H` and `-d @FILE`, which the documentation uses."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def main() -> int:
    """Print the answer; 22 is curl's own exit code for one that says no."""
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    given = parser.parse_args([flag for word in sys.argv[1:] for flag in (["-s", "-N"] if word == "-sN" else [word])])
    body = Path(given.d.removeprefix("@")).read_bytes() if given.d else None
    request = Request(given.url, body, dict(header.split(": ", 1) for header in given.H))
    try:
        with urlopen(request) as answer:
            sys.stdout.buffer.write(answer.read())
    except HTTPError as refusal:
        sys.stdout.buffer.write(refusal.read())
        return 22
    return 0


if __name__ == "__main__":
    sys.exit(main())
