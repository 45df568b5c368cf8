"""The dashboard and the alerts of deploy/ ask for metrics, labels and values that there are."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry
from promql_parser import AggregateExpr, MatchOp, MatrixSelector, VectorSelector

from api.app import ROUTES
from api.http.metrics.exposition import Asked, Metrics
from api.http.metrics.requests import RequestFigures
from shared.fleet.census import Census, LiveJobs
from shared.jobs.status import FINISHED, JobKind, JobStatus, Outcome, Queue, WorkerRole, WorkerState
from shared.telemetry import tallies
from shared.telemetry.tallies import Counter

DEPLOY = Path(__file__).resolve().parents[4] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "flightline.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
CONFIG = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [target["expr"] for target in TARGETS]
OF_PROMETHEUS = {"instance", "job"}
"""Labels that a scrape adds."""


Known = dict[str, dict[str, set[str]]]
"""The values of each label of each metric."""


def census() -> Census:
    """A database that holds one of everything."""
    live = [
        LiveJobs(status.value, kind.value, queue.value, "me", 1, 1.0)
        for status, kind, queue in itertools.product((JobStatus.QUEUED, JobStatus.RUNNING), JobKind, Queue)
    ]
    finished = [
        Counter(tallies.FINISHED, {"kind": kind.value, "status": status.value, "owner": "me"}, 1.0)
        for kind, status in itertools.product(JobKind, FINISHED)
    ]
    epochs = [Counter(name, {"device_kind": "cpu"}, 1.0) for name in (tallies.EPOCHS, tallies.EPOCH_SECONDS)]
    times = [*tallies.observed(tallies.RUN_SECONDS, 1.0, kind="train")]
    times += tallies.observed(tallies.WAIT_SECONDS, 1.0, kind="train")
    ended = [Counter(tallies.ENDED, {"kind": "train", "outcome": one.value, "code": "x"}, 1.0) for one in Outcome]
    states = itertools.product(WorkerRole, ["cpu", "cuda"], WorkerState)
    workers = {(role.value, device, state.value): 1 for role, device, state in states}
    return Census(live, [*finished, *epochs, *times, *ended], workers, {"enabled": 1, "disabled": 1})


def requests() -> RequestFigures:
    """Each operation answered in many ways."""
    figures = RequestFigures()
    names = [operation.name for routes in ROUTES for operation in routes.operations]
    figures.know(names)
    for name, status in itertools.product(names, (200, 401, 429, 500, 503)):
        figures.observe(name, status, 0.1)
    return figures


@pytest.fixture(scope="module")
def known() -> Known:
    """The values of each label of each metric, by the names that samples have."""
    messages = {kind.value: dict.fromkeys(Queue, 1) for kind in JobKind}
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics(Asked(census), Asked(lambda: messages), requests()))
    found: Known = defaultdict(lambda: defaultdict(set))
    for family in registry.collect():
        for sample in family.samples:
            for label, value in ({"": ""} | sample.labels).items():
                found[sample.name][label].add(value)
    found["up"]["job"].add(CONFIG["scrape_configs"][0]["job_name"])
    return found


def parsed(expression: str) -> Any:
    """The expression, Grafana's variables replaced by values."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m").replace("$instance", ".*"))


def parts(expression: Any) -> Iterator[Any]:
    """An expression and all those that it consists of."""
    yield expression
    inner = [getattr(expression, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    for one in [*inner, *getattr(expression, "args", [])]:
        if one is not None:
            yield from parts(one)


def labels_of(expression: Any, known: Known) -> set[str]:
    """The labels that the series of an expression have."""
    if isinstance(expression, AggregateExpr):
        by = expression.modifier
        return set(by.labels) if by is not None else set()
    if isinstance(expression, VectorSelector):
        return set(known[str(expression.name)]) | OF_PROMETHEUS
    inner = [getattr(expression, name, None) for name in ("lhs", "expr", "vector_selector")]
    found = [labels_of(one, known) for one in [*inner, *getattr(expression, "args", [])] if one is not None]
    return set().union(*found)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_selector_finds_something(expression: str, known: Known) -> None:
    """A metric that was renamed, a label that is gone, a value that no series has: each would stay silent for ever."""
    selectors = [one for one in parts(parsed(expression)) if isinstance(one, VectorSelector)]

    assert selectors
    for selector in selectors:
        assert selector.name in known, selector.name
        for matcher in selector.matchers.matchers:
            if matcher.name in OF_PROMETHEUS - set(known[selector.name]):
                continue
            values = known[selector.name].get(matcher.name, set())
            assert any(_fits(matcher, value) for value in values), f"{selector.name} {matcher.name} {matcher.value}"
            if matcher.op in (MatchOp.Re, MatchOp.NotRe):
                for choice in matcher.value.split("|"):
                    assert any(re.fullmatch(choice, value) for value in values), choice


def _fits(matcher: Any, value: str) -> bool:
    is_regex = matcher.op in (MatchOp.Re, MatchOp.NotRe)
    found = bool(re.fullmatch(matcher.value, value)) if is_regex else matcher.value == value
    return found is (matcher.op in (MatchOp.Equal, MatchOp.Re))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_grouping_is_by_labels_that_there_are(expression: str, known: Known) -> None:
    """`sum by (outcome)` of a metric without it is one line with no name."""
    for one in parts(parsed(expression)):
        if isinstance(one, AggregateExpr) and one.modifier is not None:
            assert set(one.modifier.labels) <= labels_of(one.expr, known)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counters_are_read_as_rates(expression: str) -> None:
    """And gauges never are; a quantile is one of buckets."""
    for one in parts(parsed(expression)):
        if isinstance(one, MatrixSelector):
            assert re.search(r"_(total|bucket)$", str(one.vector_selector.name))
    bare = re.findall(r"(\w+_(?:total|bucket))\{?[^\[]*?(\[|$)", expression)
    assert all(bracket == "[" for _, bracket in bare)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"])
def test_every_legend_names_labels_that_there_are(target: dict[str, Any], known: Known) -> None:
    """Otherwise Grafana shows an empty name."""
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels_of(parsed(target["expr"]), known)


def test_the_dashboard_is_whole() -> None:
    """Each panel has a number of its own, a place of its own, and the data source that its user chooses."""
    panels = DASHBOARD["panels"]
    cells = [
        (column, row)
        for panel in panels
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) == 23
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "instance"}
    sources = {one["datasource"]["uid"] for panel in panels for one in (panel, *panel["targets"])}
    assert sources == {"${datasource}"}
    assert DASHBOARD["uid"] == "flightline"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_it_means(rule: dict[str, Any], known: Known) -> None:
    """A severity that can be routed, a summary and a description, which name labels that there are."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= labels_of(parsed(rule["expr"]), known)


def test_the_configuration_loads_the_alerts() -> None:
    """And scrapes the path that there is."""
    paths = {operation.path for routes in ROUTES for operation in routes.operations}

    assert CONFIG["rule_files"] == ["alerts.yml"]
    assert CONFIG["scrape_configs"][0]["metrics_path"] in paths


def test_every_metric_and_every_alert_stands_in_the_documentation(known: Known) -> None:
    """And nothing else does."""
    page = (DEPLOY.parent / "docs" / "operations.md").read_text()
    metrics = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known if name.startswith("flightline")}

    assert set(re.findall(r"`(flightline_(?!train)[a-z_]+)`", page)) == metrics
    assert set(re.findall(r"`(Flightline\w+)`", page)) == {rule["alert"] for rule in ALERTS}
