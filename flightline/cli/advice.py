"""What a person at a terminal does about an error: the service's own words are for programs and pages as well."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import FlightlineError

_BY_CODE: Mapping[str, str] = {
    "job_not_found": "`flightline jobs` lists the jobs.",
    "sweep_not_found": "`flightline sweeps` lists the sweeps.",
    "delivery_not_found": "`flightline webhook deliveries WEBHOOK` lists them.",
    "token_not_found": "`flightline token list` lists the tokens.",
}


def advice(error: FlightlineError) -> str:
    """The command that helps with an error; empty where its own words say all."""
    return _BY_CODE.get(error.code, "")
