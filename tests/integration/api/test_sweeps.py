"""Sweeps over HTTP, on both databases: started, checked, listed, changed; their points as JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http import operations
from api.services import Services
from shared.database.engine import Database
from shared.jobs.actor import Actor, Scope
from shared.settings import Settings
from shared.sweeps import changes
from shared.sweeps.points import suggestions
from tests.support import sweeps
from tests.support.sweeps import ASHA, BASE, LR, SPACE

Json = dict[str, Any]
Get = Callable[..., Json]
Start = Callable[..., Json]
ALICE, BOB, ADMIN = Actor("alice", Scope.SUBMIT), Actor("bob", Scope.SUBMIT), Actor("root", Scope.ADMIN)


@pytest.fixture
def services(settings: Callable[..., Settings], database_url: str) -> Iterator[Services]:
    """The real parts, over each kind of database."""
    services = Services.build(settings(database_url=database_url))
    yield services
    services.broker.close()
    services.db.dispose()


@pytest.fixture
def start(client: FlaskClient) -> Start:
    """Start a sweep of six random learning rates, two jobs at a time, and give it."""

    def start(**asked: object) -> Json:
        whole = {"base": BASE, "space": SPACE, "max_trials": 6, "max_parallel": 2}
        response = client.post("/v1/sweeps", json=whole | asked)
        assert response.status_code == 201, response.text
        assert response.headers["Location"] == f"/v1/sweeps/{(response.json or {})['id']}"
        return dict(response.json or {})

    return start


@pytest.fixture
def as_(monkeypatch: pytest.MonkeyPatch) -> Callable[[Actor], None]:
    """Have the requests that follow sent by somebody."""

    def become(actor: Actor) -> None:
        monkeypatch.setattr(operations, "actor_of", lambda *_asked: actor)

    return become


def refused(client: FlaskClient, **asked: object) -> list[tuple[str, str]]:
    """What is wrong with a sweep that is refused: pointers and words."""
    response = client.post("/v1/sweeps", json={"base": BASE, "space": SPACE} | asked)
    assert response.status_code == 422, response.text
    return [(one["pointer"], one["detail"]) for one in (response.json or {})["errors"]]


def test_a_sweep_from_its_start_to_its_end(services: Services, start: Start, get: Get) -> None:
    """It has its first jobs at once; afterwards the best point, its jobs, and what it cost."""
    made = start(name="rates", asha=ASHA)
    assert (made["status"], made["points"], made["points_made"], made["points_done"]) == ("running", 6, 2, 0)
    assert (made["counts"]["queued"], made["best"], made["finished_at"], made["rungs"]) == (2, None, None, [1, 2, 4])
    assert made["asha"] == ASHA
    jobs = get(f"/v1/jobs?sweep={made['id']}&sort=created_at")["items"]
    assert [(job["sweep"], job["name"]) for job in jobs] == [(made["id"], "rates/0"), (made["id"], "rates/1")]

    sweeps.work(services.db)

    ended = get(f"/v1/sweeps/{made['id'][-6:]}")
    assert (ended["status"], ended["points_done"], ended["finished_at"] is None) == ("finished", 6, False)
    assert ended["epochs_trained"] + ended["epochs_saved"] == 6 * 4
    best = get(f"/v1/jobs/{ended['best']['jobs'][0]}")
    assert best["result"]["best_val_accuracy"] == ended["best"]["value"]
    assert best["spec"]["training"]["optimizer"]["lr"] == ended["best"]["params"][LR]


def test_a_dry_run_stores_nothing(client: FlaskClient, get: Get) -> None:
    """It says the first points, how many jobs there would be, and what they cost at most."""
    asked = {"base": BASE, "space": SPACE, "max_trials": 3, "repeats": 2, "asha": ASHA}
    answer = client.post("/v1/sweeps?dry_run=true", json=asked).json or {}

    assert (answer["points"], answer["jobs"], answer["epochs"], answer["rungs"]) == (3, 6, 24, [1, 2, 4])
    assert (len(answer["first_points"]), answer["least_parameters"]) == (3, answer["most_parameters"])
    assert get("/v1/sweeps") == {"items": [], "next_cursor": None}
    assert get("/v1/jobs")["items"] == []


def test_what_may_not_be_meant_is_said_by_every_answer(client: FlaskClient, start: Start, get: Get) -> None:
    """A sweep that is started says what its dry run would have said, and so does each later answer."""
    asked = {"space": {"training.batch_size": {"kind": "values", "values": [16, 32]}}, "max_trials": 4}
    dry = client.post("/v1/sweeps?dry_run=true", json={"base": BASE} | asked).json or {}
    made = start(**asked)
    assert (len(dry["warnings"]), "at least 2 of 4 are repeats" in dry["warnings"][0]) == (1, True)
    assert made["warnings"] == get(f"/v1/sweeps/{made['id']}")["warnings"] == dry["warnings"]
    assert get("/v1/sweeps")["items"][0]["warnings"] == dry["warnings"]
    assert start()["warnings"] == []


@pytest.mark.parametrize(
    "asked, pointer, words",
    [
        ({"space": {}}, "/space", "takes at least 1"),
        (
            {"space": {"training.optimizer.lr": [0.1, 0.2]}},
            "/space/training.optimizer.lr",
            '{"kind": "values", "values": […]}',
        ),
        ({"space": {"training.optimizer.lrr": SPACE[LR]}}, "/space/training.optimizer.lrr", "Did you mean"),
        ({"space": {LR: {"kind": "float", "low": 1, "high": 0.1}}}, f"/space/{LR}", "`low` below its `high`"),
        ({"space": {LR: {"kind": "float", "low": -1, "high": 0.1}}}, f"/space/{LR}", "above 0"),
        ({"base": BASE | {"trainig": {}}}, "/base/trainig", "Did you mean"),
        ({"algorithm": {"kind": "grid"}}, f"/space/{LR}", "`step`"),
        ({"max_trails": 3}, "/max_trails", 'Did you mean "max_trials"?'),
        ({"asha": {"min_epochs": 9}}, "/asha/min_epochs", "below the 4 epochs"),
    ],
)
def test_what_is_wrong_is_pointed_at(client: FlaskClient, asked: dict[str, object], pointer: str, words: str) -> None:
    """In the space or in the base, with what to do; nothing is stored."""
    problems = refused(client, **asked)
    assert any(where == pointer and words in detail for where, detail in problems), problems


def test_a_sweep_is_paused_resumed_cancelled_and_deleted(
    client: FlaskClient, services: Services, start: Start, get: Get
) -> None:
    """Each says where the sweep stands then; what its status does not allow is refused in words."""
    path = f"/v1/sweeps/{start(asha=ASHA)['id']}"
    assert client.delete(path).status_code == 409
    paused = client.post(f"{path}/pause").json or {}
    assert (paused["status"], paused["counts"]["queued"]) == ("paused", 2)
    sweeps.work(services.db)
    assert get(path)["counts"]["paused"] == 2
    assert (client.post(f"{path}/resume").json or {})["status"] == "running"
    assert get(path)["counts"]["queued"] > 0

    cancelled = client.post(f"{path}/cancel").json or {}

    assert (cancelled["status"], cancelled["finished_at"] is None) == ("cancelled", False)
    assert cancelled["counts"]["queued"] == cancelled["counts"]["paused"] == 0
    again = client.post(f"{path}/resume")
    assert (again.status_code, "was cancelled" in again.text) == (409, True)
    assert client.post(f"{path}/cancel").status_code == 200
    assert client.delete(path).status_code == 204
    assert get(path, 404)["code"] == "sweep_not_found"
    assert len(get("/v1/jobs")["items"]) == cancelled["points_made"]


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_sweep_that_is_cancelled_meanwhile_is_not_answered_as_changed(
    client: FlaskClient, services: Services, start: Start, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """The change was made, and is over before its answer: that says what a change after the cancellation says."""
    sweep_id = start()["id"]
    made = getattr(changes, action)

    def overtaken(db: Database, named: str, *, actor: Actor) -> None:
        made(db, named, actor=actor)
        changes.cancel(db, named, actor=actor)

    monkeypatch.setattr(changes, action, overtaken)
    response = client.post(f"/v1/sweeps/{sweep_id}/{action}")
    assert (response.status_code, "was cancelled" in response.text) == (409, True)


def test_others_sweeps_are_read_but_not_changed(
    client: FlaskClient, start: Start, get: Get, as_: Callable[[Actor], None]
) -> None:
    """An admin may change them; its jobs are its owner's."""
    as_(ALICE)
    path = f"/v1/sweeps/{start()['id']}"
    assert get(path)["owner"] == "alice"
    assert {job["owner"] for job in get("/v1/jobs")["items"]} == {"alice"}
    as_(BOB)
    assert get(path)["owner"] == "alice"
    for action in ("pause", "resume", "cancel"):
        answer = client.post(f"{path}/{action}")
        assert (answer.status_code, (answer.json or {})["code"]) == (403, "not_owner")
    assert (client.delete(path).json or {})["code"] == "not_owner"
    as_(ADMIN)
    assert client.post(f"{path}/cancel").status_code == 200


def test_lists_are_filtered_and_paged(
    client: FlaskClient, start: Start, get: Get, as_: Callable[[Actor], None]
) -> None:
    """Newest first, by owner and status."""
    as_(ALICE)
    first, second = start(name="first")["id"], start(name="second")["id"]
    as_(BOB)
    third = start()["id"]
    client.post(f"/v1/sweeps/{third}/pause")

    def ids(query: str) -> list[str]:
        return [one["id"] for one in get(f"/v1/sweeps?{query}")["items"]]

    assert ids("") == [third, second, first]
    assert ids("owner=alice") == [second, first]
    assert ids("status=paused") == [third]
    page = get("/v1/sweeps?limit=2")
    assert ids(f"limit=2&cursor={page['next_cursor']}") == [first]
    assert get("/v1/sweeps?status=gone", 422)["errors"][0]["pointer"] == "/status"


def test_points_are_sorted_and_paged(services: Services, start: Start, get: Get) -> None:
    """The best first, or as they were made; a cursor of another order is refused."""
    sweep_id = start()["id"]
    sweeps.work(services.db)
    path = f"/v1/sweeps/{sweep_id}/trials"

    by_value = get(path)["items"]
    values = [one["value"] for one in by_value]
    assert values == sorted(values, reverse=True)
    assert [one["point"] for one in get(f"{path}?sort=number")["items"]] == list(range(6))
    for sort in ("value", "number"):
        found, cursor = list[int](), ""
        while True:
            page = get(f"{path}?sort={sort}&limit=4{cursor}")
            found += [one["point"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == [one["point"] for one in get(f"{path}?sort={sort}")["items"]]
    assert get(f"{path}?sort=value&cursor=3", 422)["errors"][0]["pointer"] == "/cursor"
    assert get(f"{path}?sort=number&cursor=0:0.5:3", 422)["errors"][0]["pointer"] == "/cursor"


def test_when_values_became_known(services: Services, start: Start, get: Get) -> None:
    """Each value of a point at a rung or at its end, whether it goes on, has stopped, waits or has not come so far."""
    sweep_id = start(asha=ASHA)["id"]
    sweeps.work(services.db, most=5)
    path = f"/v1/sweeps/{sweep_id}/trials?sort=number"
    for final in (False, True):
        if final:
            sweeps.work(services.db)
        items = get(path)["items"]
        assert any(one["reached"] for one in items)
        for one in items:
            known = one["reached"]
            assert [(at["rung"], at["epoch"]) for at in known] == [(0, 1), (1, 2), (2, 4)][: len(known)]
            assert [reached["at"] for reached in known] == sorted(reached["at"] for reached in known)
            assert (known[-1]["value"] if known else None) == one["value"]
    assert {len(one["reached"]) for one in items} > {1}


def test_points_as_csv(client: FlaskClient, services: Services, start: Start) -> None:
    """A column for each path of the space; the next page is in `Link`."""
    sweep_id = start()["id"]
    sweeps.work(services.db)
    response = client.get(f"/v1/sweeps/{sweep_id}/trials?limit=4", headers={"Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert len(rows) == 4
    assert float(rows[0]["value"]) == max(float(row["value"]) for row in rows)
    assert 0.001 <= float(rows[0][f"params.{LR}"]) <= 0.1
    assert 'rel="next"' in response.headers["Link"]


def test_short_ids(client: FlaskClient, start: Start, get: Get) -> None:
    """The end of an id will do, where it is that of one sweep; what can be none is not looked up."""
    first, second = start()["id"], start()["id"]
    assert get(f"/v1/sweeps/{first[-8:].upper()}")["id"] == first
    for nobody in ("zzzz", "abc", "%25", f"{first}0"):
        assert get(f"/v1/sweeps/{nobody}", 404)["code"] == "sweep_not_found"
    assert second != first
    assert client.get(f"/v1/sweeps/{first[8:]}").status_code == 200


def test_the_events_of_a_sweep_that_has_ended(client: FlaskClient, services: Services, start: Start) -> None:
    """All of them, numbered without a gap; whoever has them all is told not to come again."""
    sweep_id = start(max_trials=2)["id"]
    sweeps.work(services.db)
    response = client.get(f"/v1/sweeps/{sweep_id}/events")
    lines = response.text.splitlines()
    response.close()
    numbers = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (kinds[0], kinds.count("trial"), kinds.count("ended"), kinds[-1]) == ("status", 2, 2, "status")
    assert client.get(f"/v1/sweeps/{sweep_id}/events?after={numbers[-1]}").status_code == 204


def test_a_key_makes_repeating_it_safe(client: FlaskClient, get: Get) -> None:
    """The same sweep comes back, made once; another request with the key is refused."""
    asked = {"base": BASE, "space": SPACE, "max_trials": 3}

    def sent(**more: object) -> tuple[int, Json]:
        response = client.post("/v1/sweeps", json=asked | more, headers={"Idempotency-Key": "mine"})
        return response.status_code, dict(response.json or {})

    (first, made), (second, again) = sent(), sent()
    assert (first, second, made["id"]) == (201, 201, again["id"])
    assert len(get("/v1/sweeps")["items"]) == 1
    status, problem = sent(max_trials=4)
    assert (status, problem["code"], "a sweep" in problem["detail"]) == (422, "idempotency_key_reused", True)

    assert client.post(f"/v1/sweeps/{made['id']}/cancel").status_code == 200
    assert client.delete(f"/v1/sweeps/{made['id']}").status_code == 204
    (status, anew), (_, again) = sent(), sent()
    assert (status, anew["id"] != made["id"], again["id"]) == (201, True, anew["id"])


def test_what_matters_is_told_where_it_is_asked_for(
    services: Services, start: Start, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From twenty points on; it is worked out again once more points have ended."""
    space = SPACE | {"training.seed": {"kind": "int", "low": 0, "high": 99}}
    path = f"/v1/sweeps/{start(space=space, max_trials=20)['id']}"
    assert get(f"{path}?importance=true")["importance"] is None
    sweeps.work(services.db)
    assert get(path)["importance"] is None

    shares = get(f"{path}?importance=true")["importance"]

    assert shares[LR] > shares["training.seed"]
    assert sum(shares.values()) == pytest.approx(1.0)
    monkeypatch.delattr(suggestions, "importance")
    assert get(f"{path}?importance=true")["importance"] == shares
