"""`python -m tests.fuzz --requests N --seed S`: sends the API what it is not made for, and checks that it bears it.

No answer is a fault of the server's, none is missing, none is undescribed, and memory does not grow.
"""

from __future__ import annotations

import argparse
import os
import sys

for _name in [name for name in os.environ if name.startswith(("FLIGHTLINE_", "PG"))]:
    del os.environ[_name]  # what a shell holds must not decide a run

from tests.fuzz.run import run  # noqa: E402 -- only now: settings read the environment
from tests.fuzz.service import attacked  # noqa: E402


def main(arguments: list[str]) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the same seed sends the same requests")
    options = parser.parse_args(arguments)
    for authentication in (False, True):
        with attacked(authentication=authentication) as target:
            outcome = run(target, options.requests // 2, options.seed)
        before, after = (f"{number / 1e6:.0f}" for number in outcome.memory_bytes)
        asked = "with tokens" if authentication else "open"
        said = f"{outcome.requests} requests in {outcome.seconds:.0f} s, memory {before} MB, then {after} MB"
        print(f"{asked}: {said}", flush=True)  # noqa: T201
        print(", ".join(f"{status}: {number}" for status, number in sorted(outcome.statuses.items())))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
