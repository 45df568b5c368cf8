"""Requests made up from the API's own description: right ones and wrong ones, one by one and in sequences."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import max_response_time, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)

LEFT_OUT = [
    positive_data_acceptance,  # a job is refused for what no schema can say: layers that do not fit one another
    not_a_server_error,  # see `_check`: a service without a predictor answers 503 by right
    max_response_time,  # the machine's other work decides it
]
"""Schemathesis' checks that are left out, with the reasons."""
_TOO_LONG = frozenset({414, 431})
"""What the server itself answers for every operation, before the application sees the request."""
_SECONDS = 60.0
_QUIET = settings(
    deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False
)


@dataclass
class Describer:
    """Sends what Schemathesis makes up, and holds every answer to the description.

    Args:
        url: where the API is.
        jobs: ids of jobs there: half of all requests for a job ask for one of them, the others for none that is.
        token: what requests are signed with; None for none.
        draw: what decides about the ids, and about what is made up.
    """

    url: str
    jobs: Sequence[str]
    token: str | None
    draw: random.Random
    statuses: Counter[int] = field(default_factory=Counter)
    """How often each status came back."""

    def __post_init__(self) -> None:
        """Read the description."""
        self._session = requests.Session()
        self._fault: BaseException | None = None
        self._headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        # The bell never ends; the raw requests have it.
        self._schema = schemathesis.openapi.from_url(f"{self.url}/openapi.json", timeout=_SECONDS).exclude(
            path="/v1/events"
        )

    def one_by_one(self, most: int) -> None:
        """Send up to so many requests of each operation and kind, right or wrong. Raises AssertionError."""
        for operation in self._schema.get_all_operations():
            assert isinstance(operation, Ok), operation
            for mode in GenerationMode:
                self._send_many(operation.ok().as_strategy(generation_mode=mode), mode, most)

    def _send_many(self, cases: Any, mode: GenerationMode, most: int) -> None:
        @seed(self.draw.randrange(1 << 32))
        @settings(_QUIET, max_examples=most)
        @given(cases)
        def send(case: Case) -> None:
            job = case.path_parameters.get("job_id")
            if job is not None and mode is GenerationMode.POSITIVE and self.draw.random() < 0.5:
                # A stream of a job that has not finished would not end.
                streamed = case.operation.path.endswith("/events")
                case.path_parameters["job_id"] = self.jobs[0] if streamed else self.draw.choice(self.jobs)
            self._check(case, case.call(session=self._session, headers=self._headers, timeout=_SECONDS))

        with _nothing_to_send():
            send()

    def in_sequences(self, most: int) -> None:
        """Send so many sequences of requests, in which later ones use what earlier ones made. Raises AssertionError."""
        machine, sender, sent = self._schema.as_state_machine(), self, 0

        class Sequences(machine):  # type: ignore[misc, valid-type]
            def setup(self) -> None:
                nonlocal sent
                sent += 1

            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                return {"headers": sender._headers, "timeout": _SECONDS, "session": sender._session}

            def before_call(self, case: Case) -> None:
                if case.operation.path.endswith("/events"):  # of what has ended, or is not there: others do not end
                    case.path_parameters.update(dict.fromkeys(case.path_parameters, sender.jobs[0]))

            def validate_response(self, response: Response, case: Case, **_: Any) -> None:
                sender._check(case, response)

        while sent < most:
            self._try(seed(self.draw.randrange(1 << 32))(Sequences), most - sent)

    def _try(self, sequences: Any, most: int) -> None:
        """Send up to so many sequences."""
        try:
            run_state_machine_as_test(sequences, settings=settings(_QUIET, max_examples=most, stateful_step_count=8))
        except (FlakyStrategyDefinition, AssertionError):
            if self._fault is not None:
                raise self._fault from None
            # Else Hypothesis began one as an earlier one, and the service, which remembers, answered otherwise.

    def _check(self, case: Case, response: Response) -> None:
        try:
            self._hold_to_description(case, response)
        except BaseException as fault:
            self._fault = fault
            raise

    def _hold_to_description(self, case: Case, response: Response) -> None:
        self.statuses[response.status_code] += 1
        if response.status_code >= 500:
            told = response.json()
            assert told["code"] == "no_predictor", f"{response.status_code} for {case.as_curl_command()}: {told}"
        if response.status_code in _TOO_LONG:
            assert response.headers["content-type"] == ["application/problem+json"], response.headers
            return
        events = "text/event-stream" in response.headers.get("content-type", [""])[0]
        left_out = [*LEFT_OUT, *([response_schema_conformance] if events else [])]
        if self.token is None:  # then the service asks for none
            left_out.append(ignored_auth)
        unlooked = self.token is None and case.operation.path == "/v1/session"  # nobody has to sign in
        unlooked |= case.operation.path == "/v1/jobs/check"  # its answer is what is wrong with a job
        # A made-up Authorization is not sent: the token is, or none is asked for.
        if unlooked or "Authorization" in (case.headers or {}):
            left_out.append(negative_data_rejection)
        case.validate_response(response, excluded_checks=left_out)


@contextmanager
def _nothing_to_send() -> Iterator[None]:
    """Let an operation pass of which nothing wrong can be made up, as it takes nothing."""
    try:
        yield
    except Unsatisfiable:
        return
