"""Whatever a user may set, type, name or call stands in the README."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from api.app import ROUTES
from flightline.cli.app import app
from shared.jobspec import BUILT_IN, PRESETS, JobSpec
from shared.jobspec.fields.layers import ActivationName
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTING_ROWS = dict(re.findall(r"^\| `(FLIGHTLINE_[A-Z_]+)` \| ([^|]+) \| [^|]+ \|$", README, re.MULTILINE))
PLACES = {"database_url", "redis_url", "data_dir", "artifacts_url", "allowed_hosts"}  # their defaults are told in words


def commands(group: TyperGroup, path: str) -> Iterator[str]:
    """Yield every command as it is typed, `flightline submit` and the like."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def fields(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the name of every field of a spec, every `kind` of its parts and every choice of its fields."""
    for part in [schema, *schema["$defs"].values()]:
        for name, field in part.get("properties", {}).items():
            yield name
            yield from [field["const"]] if "const" in field else field.get("enum", [])


COMMANDS = list(commands(get_command(app), "flightline"))  # type: ignore[arg-type]
OPERATIONS = [f"{operation.method} {operation.path}" for routes in ROUTES for operation in routes.operations]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    """Each setting has its row in the table, with its true default."""
    default = Settings.model_fields[name].default
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    row = SETTING_ROWS[f"FLIGHTLINE_{name.upper()}"]
    assert name in PLACES or row == f"`{shown.lower() if isinstance(default, bool) else shown}`"


def test_every_described_setting_exists() -> None:
    """The table names nothing that no code reads."""
    assert SETTING_ROWS.keys() - {f"FLIGHTLINE_{name.upper()}" for name in Settings.model_fields} == {"FLIGHTLINE_URL"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_described(command: str) -> None:
    """Each command has its row."""
    assert re.search(rf"^\| `{command}\b[^|]*` \| .+ \|$", README, re.MULTILINE)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_endpoint_is_described(operation: str) -> None:
    """Each endpoint has its row, with its method and its path as OpenAPI writes it."""
    path = re.sub(r"<(?:path:)?(?:job_)?([a-z]+)>", r"{\1}", operation)
    assert re.search(rf"^\| `{re.escape(path)}`", README, re.MULTILINE)


@pytest.mark.parametrize(
    "name", sorted({*PRESETS, *BUILT_IN.datasets, *get_args(ActivationName), *fields(JobSpec.model_json_schema())})
)
def test_every_part_of_a_job_is_described(name: str) -> None:
    """Whatever a submission may say stands in the README: presets, data sets, fields, kinds."""
    assert re.search(rf"[`\".]{name}[`\".]", README)


def test_every_link_leads_somewhere() -> None:
    """A link within the README has its heading, a link to a file its file."""
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors
    assert all((ROOT / path).is_file() for path in re.findall(r"\]\(([^)#:]+)\)", README))
