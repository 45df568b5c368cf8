"""`python -m worker.predictor`: answers questions until it is asked to stop."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from shared.errors import ConfigurationError, FlightlineError
from shared.settings import Settings
from worker.device_pin import pin, resolve


def main() -> int:
    """Run a predictor until it is stopped; returns the exit code."""
    try:
        settings = Settings()
        (cpu,) = resolve("cpu")
        pin(cpu)
        # Imported only now: torch must not see a GPU.
        from worker.predictor.process import run_predictor

        return run_predictor(settings)
    except (ValidationError, ConfigurationError, FlightlineError) as error:
        print(f"predictor: {error}", file=sys.stderr)  # noqa: T201 -- a command's answer
        return 2


if __name__ == "__main__":
    sys.exit(main())
