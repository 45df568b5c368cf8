"""Proves and measures the engines of a GPU, on a machine that has Python, torch and pytest and nothing else of ours.

    make gpu OUT=folder              everything: at most eight minutes
    make gpu ONLY="tests tapered"    some parts
    make gpu QUICK=1                 a quarter of the time for each engine
    make gpu ENGINES=graphs          one engine beside the notebook's loop

Needs no installation and no virtual environment: `python3 -m benchmarks.gpu` in the checkout. Everything is written to
the folder as it comes, so a run that is cut off leaves its figures: `records.jsonl`, a log of each part, and at the end
`summary.md`. Without a GPU it runs on the CPU, on fewer images, and says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.gpu import table
from benchmarks.gpu.parts import Outcome, Part, run, summary
from benchmarks.gpu.plans import NETWORKS

TESTS = ("tests/golden/test_parity_gpu.py", "tests/unit/training/test_gpu.py")
"""Every file that holds tests marked gpu."""
LIMITS = {"check": 40.0, "tests": 150.0, "tapered": 75.0, "linear": 60.0, "convnet": 115.0, "trace": 40.0}
"""Seconds: together eight minutes. The parts run in this order."""


def parts(out: Path, *, quick: bool = False, engines: list[str] | None = None) -> list[Part]:
    """All parts in the order in which they run, with their command lines and time limits."""
    here = Path(__file__).parent
    pytest = ("-m", "pytest", "-c", str(here / "pytest.ini"), "--rootdir=.", "-m", "gpu", "-q", *TESTS)
    only = ["--engines", *engines] if engines else []
    options = ("--out", str(out), *(["--quick"] if quick else []), *only)
    commands = {
        "check": ("-m", "benchmarks.gpu.check"),
        "tests": pytest,
        **{network: ("-m", "benchmarks.gpu.measure", network, *options) for network in NETWORKS},
        "trace": ("-m", "benchmarks.gpu.tracing", "tapered", "--out", str(out)),
    }
    return [Part(name, commands[name], limit) for name, limit in LIMITS.items()]


def main() -> int:
    """Run the chosen parts; return 1 where one did not pass, else 0."""
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(LIMITS)}; all unless said otherwise")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--engines", nargs="*", help="measure only these engines")
    options = parser.parse_args()
    unknown = set(options.parts) - set(LIMITS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(LIMITS)}")
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "records.jsonl").unlink(missing_ok=True)
    chosen = [
        part
        for part in parts(out, quick=options.quick, engines=options.engines)
        if part.name in (options.parts or LIMITS)
    ]
    outcomes = [run(part, out) for part in chosen]
    return _conclude(outcomes, out)


def _conclude(outcomes: list[Outcome], out: Path) -> int:
    records = table.read(out / "records.jsonl")
    text = "\n".join([table.markdown(records), "", *table.verdicts(records), "", summary(outcomes), *_skipped()])
    (out / "summary.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\nwritten to {out}")
    return 0 if all(outcome.verdict == "passed" for outcome in outcomes) else 1


def _skipped() -> list[str]:
    import torch  # noqa: PLC0415 -- the parts have it to themselves

    if torch.cuda.is_available():
        return []
    return ["There is no GPU here: tests marked gpu and the engine graphs were skipped, and images were a tenth."]


if __name__ == "__main__":
    sys.exit(main())
