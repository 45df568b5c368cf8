"""The list of jobs: filters, orders, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from shared.jobs.reads import orders

SORTS = [sign + name for name in (*orders.SORTS, "spec.training.seed", "spec.architecture.kind") for sign in ("", "-")]
LAYERS = [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}]
Submit = Callable[..., dict[str, Any]]
Act = Callable[..., Any]
Json = Callable[..., dict[str, Any]]


def ids(page: dict[str, Any]) -> list[str]:
    """The ids on a page."""
    return [item["id"] for item in page["items"]]


@pytest.fixture
def fleet(submit: Submit, run: Act, finish: Act, client: FlaskClient) -> dict[str, str]:
    """Jobs in every status that a list tells apart, by a word for each."""
    jobs = {
        "succeeded": submit(name="a", tags=["x", "y"], training={"seed": 1})["id"],
        "better": submit(name="b", training={"seed": 2})["id"],
        "running": submit(tags=["x"])["id"],
        "cancelled": submit(preset="notebook-linear")["id"],
        "queued": submit(architecture={"kind": "layers", "layers": LAYERS})["id"],
    }
    finish(jobs["succeeded"], 0.6)
    finish(jobs["better"], 0.9)
    run(jobs["running"], 0.8, 0.7)
    client.post(f"/v1/jobs/{jobs['cancelled']}/cancel")
    return jobs


@pytest.mark.parametrize(
    "query, expected",
    [
        ("", {"succeeded", "better", "running", "cancelled", "queued"}),
        ("status=succeeded", {"succeeded", "better"}),
        ("status=running&status=cancelled", {"running", "cancelled"}),
        ("status=failed", set()),
        ("tag=x", {"succeeded", "running"}),
        ("tag=x&status=running", {"running"}),
        ("name=a", {"succeeded"}),
        ("preset=notebook-linear", {"cancelled"}),
        ("architecture_kind=layers", {"queued"}),
        ("device=cpu", {"succeeded", "better", "running"}),
        ("device=cuda", set()),
        ("device=cuda:3", set()),
        ("min_val_accuracy=0.7", {"better", "running"}),
        ("min_best_val_accuracy=0.8", {"better", "running"}),
        ("created_after=2020-01-01T00:00:00Z", {"succeeded", "better", "running", "cancelled", "queued"}),
        ("created_before=2020-01-01T00:00:00Z", set()),
        ("where=training.seed>=2", {"better"}),
        ("where=training.seed!=1&where=training.seed<5&status=succeeded", {"better"}),
        ("where=architecture.kind%3Dlayers", {"queued"}),
        ("text=X", {"succeeded", "running"}),
        ("owner=nobody", set()),
        ("name=nobody%27s%20%25_%5C", set()),
    ],
)
def test_filters_choose(get: Json, fleet: dict[str, str], query: str, expected: set[str]) -> None:
    """All of the parameters must hold, and any value of a repeated one."""
    names = {job_id: name for name, job_id in fleet.items()}

    assert {names[job_id] for job_id in ids(get(f"/v1/jobs?{query}"))} == expected


def test_config_hash_finds_the_seeds_of_one_configuration(get: Json, fleet: dict[str, str]) -> None:
    """Jobs that differ by their seed alone share it, labels such as the preset apart."""
    config_hash = get(f"/v1/jobs/{fleet['succeeded']}")["config_hash"]

    found = set(ids(get(f"/v1/jobs?config_hash={config_hash}")))
    assert found == {fleet["succeeded"], fleet["better"], fleet["running"], fleet["cancelled"]}


def test_ids_choose_several_jobs_at_once(get: Json, fleet: dict[str, str]) -> None:
    """Up to fifty whole ids in a request, which a server's longest request line has room for; unknown ones are none."""
    wanted = [fleet["succeeded"], fleet["running"]]
    nobody = [f"01936f00-0000-7000-8000-{number:012x}" for number in range(48)]
    query = "&".join(f"id={one}" for one in wanted + nobody)
    assert len(f"GET /v1/jobs?limit=500&{query} HTTP/1.1") < 4094
    assert set(ids(get(f"/v1/jobs?{query}"))) == set(wanted)
    assert ids(get(f"/v1/jobs?{query}&status=running")) == [fleet["running"]]
    refused = get(f"/v1/jobs?{query}&id={nobody[0]}", 422)
    assert refused["errors"] == [{"pointer": "/id", "detail": "id takes at most 50; there are 51."}]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_hold_every_job_once_in_one_order(get: Json, fleet: dict[str, str], sort: str, limit: int) -> None:
    """Following the cursors gives the unpaged list; jobs without the value come last."""
    whole = ids(get(f"/v1/jobs?sort={sort}"))
    assert sorted(whole) == sorted(fleet.values())

    page = get(f"/v1/jobs?sort={sort}&limit={limit}")
    paged = ids(page)
    while page["next_cursor"]:
        assert len(page["items"]) == limit
        page = get(f"/v1/jobs?sort={sort}&limit={limit}&cursor={page['next_cursor']}")
        paged += ids(page)
    assert paged == whole


def test_jobs_are_sorted_by_accuracy(get: Json, fleet: dict[str, str]) -> None:
    """The best first with a minus, those without an accuracy last either way."""
    best_first = ids(get("/v1/jobs?sort=-val_accuracy"))
    worst_first = ids(get("/v1/jobs?sort=val_accuracy"))

    with_value = [fleet["better"], fleet["running"], fleet["succeeded"]]
    assert best_first[:3] == with_value
    assert worst_first[:3] == with_value[::-1]


def test_new_jobs_do_not_disturb_pages_that_are_being_read(get: Json, fleet: dict[str, str], submit: Submit) -> None:
    """A job that comes in between is neither repeated nor makes another one repeat."""
    first = get("/v1/jobs?limit=3")
    submit()
    second = get(f"/v1/jobs?limit=3&cursor={first['next_cursor']}")

    assert sorted(ids(first) + ids(second)) == sorted(fleet.values())


def test_a_cursor_for_another_order_is_refused(get: Json, fleet: dict[str, str]) -> None:
    """422 that points at the cursor."""
    cursor = get("/v1/jobs?limit=1")["next_cursor"]
    problem = get(f"/v1/jobs?sort=created_at&cursor={cursor}", 422)

    assert problem["code"] == "invalid_query"
    assert problem["errors"][0]["pointer"] == "/cursor"


@pytest.mark.parametrize(
    "query, pointer, says",
    [
        ("where=training.sed=2", "/where", "training.seed"),
        ("where=training.seed=two", "/where", "number"),
        ("sort=spec.training.sed", "/sort", "training.seed"),
        ("sort=val_acuracy", "/sort", "val_accuracy"),
    ],
)
def test_a_field_that_there_is_not_is_named(get: Json, query: str, pointer: str, says: str) -> None:
    """422 that points at the parameter, and says what is like it."""
    problem = get(f"/v1/jobs?{query}", 422)

    assert problem["errors"][0]["pointer"] == pointer
    assert says in problem["detail"]


def test_what_one_process_has_answered_the_next_list_of_another_has(
    client: FlaskClient, services: Services, submit: Submit, finish: Act
) -> None:
    """Each process keeps the pages that it has read; a change through the other one is on its next page."""
    other = Services.build(services.settings)
    clients = (client, create_app(services=other).test_client())

    def seen() -> list[list[tuple[str, str, str | None]]]:
        pages = [one.get("/v1/jobs?status=queued&status=succeeded&status=cancelled").json for one in clients]
        return [[(job["id"], job["status"], job["name"]) for job in page["items"]] for page in pages if page]

    assert seen() == [[], []]
    first = submit()["id"]
    assert seen() == [[(first, "queued", None)]] * 2
    finish(first)
    assert seen() == [[(first, "succeeded", None)]] * 2
    clients[1].patch(f"/v1/jobs/{first}", json={"name": "x"})
    assert seen() == [[(first, "succeeded", "x")]] * 2
    second = submit()["id"]
    clients[1].post(f"/v1/jobs/{second}/cancel")
    assert seen() == [[(second, "cancelled", None), (first, "succeeded", "x")]] * 2
    clients[1].delete(f"/v1/jobs/{first}")
    assert seen() == [[(second, "cancelled", None)]] * 2
    other.broker.close()
    other.db.dispose()


def test_other_fields_and_kinds_of_answer_of_the_same_page(
    client: FlaskClient, get: Json, fleet: dict[str, str]
) -> None:
    """What is asked for of the jobs does not depend on what was asked for before."""
    whole = get("/v1/jobs")
    assert get("/v1/jobs?fields=id")["items"] == [{"id": job["id"]} for job in whole["items"]]
    lines = client.get("/v1/jobs?fields=id", headers={"Accept": "text/csv"}).text.splitlines()
    assert lines == ["id", *(job["id"] for job in whole["items"])]
    assert get("/v1/jobs") == whole
