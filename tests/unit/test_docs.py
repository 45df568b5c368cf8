"""Whatever a user may set, type, name or call stands in docs/, where somebody who looks for it would look."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from api.app import ROUTES
from flightline.cli.app import app
from shared.jobspec import PRESETS, JobSpec
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)
"""A row of a table of fields or settings: name, default, what it is."""
LONGEST_README = 150
PLACES = {
    *("database_url", "redis_url", "data_dir", "artifacts_url"),
    *("base_path", "trusted_proxies", "allowed_hosts", "webhook_hosts", "webhook_key"),
}
"""Settings whose defaults are told in words."""
NOTHING = {"see below", "none", "all", "`[]`", "the kernel size"}
"""What stands for a default that is null or empty, or an object that has a section of its own."""
COMPUTED = {"preset"}
"""Fields that are replaced by others before a job is checked."""


def page(name: str) -> str:
    """One page of docs/."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


SETTING_ROWS = {name: default for name, default, _what in ROW.findall(page("settings"))}


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield every heading of a page, with the text up to the next heading."""
    pieces = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


SECTIONS = [*sections(page("jobs")), *sections(page("architectures"))]


def section(name: str) -> str:
    """The section about a part of a job: the one whose heading names it.

    Raises:
        AssertionError: none does, or several.
    """
    found = [text for heading, text in SECTIONS if heading == name or f"`{name}`" in heading]
    assert len(found) == 1, f"{len(found)} sections of docs/jobs.md and docs/architectures.md are about `{name}`."
    return found[0]


def parts() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every part of a job that has fields, by the name that its section has: its kind, or the field it fills."""
    schema = JobSpec.model_json_schema()
    holders = {"JobSpec": schema, **schema["$defs"]}
    fields_of: dict[str, str] = {"JobSpec": "The job"}
    for holder in holders.values():
        for name, field in holder["properties"].items():
            for choice in [field, *field.get("anyOf", [])]:
                if "$ref" in choice:
                    fields_of[choice["$ref"].rpartition("/")[2]] = name
    for title, part in holders.items():
        kind = part["properties"].get("kind", {})
        for name in [kind["const"]] if "const" in kind else kind.get("enum", [fields_of.get(title)]):
            yield name, part["properties"]


def commands(group: TyperGroup, path: str) -> Iterator[str]:
    """Yield every command as it is typed, `flightline submit` and the like."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


PARTS = dict(parts())
ACTIVATIONS = {name for name in PARTS if f"`{name}`" in section("Activations")}
FIELDS = [(part, name) for part, fields in PARTS.items() for name in fields if name != "kind"]
COMMANDS = list(commands(get_command(app), "flightline"))  # type: ignore[arg-type]
OPERATIONS = [operation for routes in ROUTES for operation in routes.operations]
_VARIABLE = re.compile(r"<(?:path:)?(?:[a-z]+_)?([a-z]+)>")
PATHS = sorted(f"{operation.method} " + _VARIABLE.sub(r"{\1}", operation.path) for operation in OPERATIONS)
QUERIES = sorted(
    {(name, operation.path) for operation in OPERATIONS for name in operation.query.model_fields},
)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    """Each setting has its row in a table, with its true default."""
    default = Settings.model_fields[name].default
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    row = SETTING_ROWS[f"FLIGHTLINE_{name.upper()}"]
    assert name in PLACES or row == f"`{shown.lower() if isinstance(default, bool) else shown}`"


def test_every_described_setting_exists() -> None:
    """The tables name nothing that no code reads."""
    of_the_service = {f"FLIGHTLINE_{name.upper()}" for name in Settings.model_fields}
    assert SETTING_ROWS.keys() - of_the_service == {"FLIGHTLINE_URL", "FLIGHTLINE_TOKEN"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_described(command: str) -> None:
    """Each command has its row."""
    assert re.search(rf"^\| `{command}\b[^|]*` \| .+ \|$", page("command"), re.MULTILINE)


@pytest.mark.parametrize("path", PATHS)
def test_every_endpoint_is_described(path: str) -> None:
    """Each endpoint has its row, with its method and its path as OpenAPI writes it."""
    assert re.search(rf"^\| `{re.escape(path)}` \|", page("http"), re.MULTILINE)


@pytest.mark.parametrize("name,path", QUERIES)
def test_every_query_parameter_is_described(name: str, path: str) -> None:
    """Those of the list, which the leaderboard has too, stand in its section, others in their row or section."""
    written = re.escape(_VARIABLE.sub(r"{\1}", path))
    rows = "".join(re.findall(rf"^\| `[A-Z]+ {written}.*$", page("http"), re.MULTILINE))
    find = dict.fromkeys(("/v1/jobs", "/v1/leaderboard"), "Find jobs")
    about = (find | {"/v1/jobs/<job_id>/events": "Follow a job"}).get(path, "")
    assert re.search(rf"[`?]{name}\b", rows + dict(sections(page("http"))).get(about, ""))


@pytest.mark.parametrize("part", sorted(PARTS.keys() - ACTIVATIONS))
def test_every_part_of_a_job_has_a_section(part: str) -> None:
    """And the section's table names the part's fields, all of them and nothing else."""
    described = {name for name, _default, _what in ROW.findall(section(part))} - COMPUTED
    assert described == PARTS[part].keys() - {"kind"}


def test_every_activation_is_listed() -> None:
    """They have no fields, and one section together."""
    assert {part for part in PARTS if part in ACTIVATIONS} == set(
        JobSpec.model_json_schema()["$defs"]["Activation"]["properties"]["kind"]["enum"]
    )


@pytest.mark.parametrize("part,name", FIELDS)
def test_every_default_and_every_choice_of_a_field_is_told(part: str, name: str) -> None:
    """The row has the default that holds, and each word that the field may be."""
    (row,) = [row for row in ROW.findall(section(part)) if row[0] == name]
    field = PARTS[part][name]
    assert tells(row[1], field.get("default", "required"), required="default" not in field), row
    assert all(f"`{choice}`" in row[1] + row[2] for choice in field.get("enum", [])), row


def tells(cell: str, default: Any, *, required: bool) -> bool:
    """Whether a cell says what the default is."""
    if required:
        return cell == "required"
    if isinstance(default, dict):
        return cell == f"`{default['kind']}`" if "kind" in default else cell in NOTHING | {"`cifar2`"}
    if default is None or default == []:
        return cell in NOTHING
    if isinstance(default, str):
        return cell == f"`{default}`"
    if isinstance(default, list) and isinstance(default[0], str):
        return cell == ", ".join(f"`{item}`" for item in default)
    return bool(json.loads(cell.strip("`")) == default)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_described(name: str) -> None:
    """Each has its row."""
    assert re.search(rf"^\| `{name}` \| [^|]+ \| [^|]+ \|$", section("Presets"), re.MULTILINE)


def test_every_make_target_that_a_page_names_exists() -> None:
    """What stands after `make` in a page is one of the Makefile's targets."""
    targets = set(re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
    named = {
        name
        for path in pages
        for name in re.findall(r"(?:`|^|; )make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_the_readme_is_read_in_a_few_minutes() -> None:
    """What is longer goes to a page of its own."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    """It names no address but that of its own format and, in a comment, of what drew it."""
    addresses = set(re.findall(r"https?://[^\s\"<]+", (DOCS / "picture.svg").read_text(encoding="utf-8")))
    assert addresses == {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md", *(f"docs/{path.name}" for path in DOCS.glob("*.md"))])
def test_every_file_of_ours_that_a_page_names_is_there(name: str) -> None:
    """A module that moved is named by its new place."""
    text = (ROOT / name).read_text(encoding="utf-8")
    folders = "api|benchmarks|deploy|docs|flightline|migrations|shared|tests|worker"
    assert [
        path for path in re.findall(rf"`((?:{folders})/[\w/]+\.(?:py|md))`", text) if not (ROOT / path).exists()
    ] == []


def test_the_house_is_drawn_as_it_stands() -> None:
    """Each package of ours has its line in CONTRIBUTING's drawing, below its parent, and no other folder has one."""
    drawing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The house")[1].split("```")[1]
    drawn, parents = set(), [""]
    for indent, name, what in re.findall(r"^( *)([\w/]+)/ +(.+)$", drawing, re.MULTILINE):
        parents[len(indent) // 2 :] = [name]
        drawn |= {"/".join([*parents, *inner]) for inner in [[], *([word] for word in re.findall(r"\b(\w+)/", what))]}
    packages = {
        str(init.parent.relative_to(ROOT))
        for init in ROOT.glob("*/**/__init__.py")
        if init.parent.relative_to(ROOT).parts[0] in {"api", "flightline", "migrations", "shared", "worker"}
    }
    assert packages <= drawn
    assert all((ROOT / path).is_dir() for path in drawn)


def test_the_example_of_a_sweep_is_that_of_its_page() -> None:
    """The file that examples/ has is the one that docs/sweeps.md shows, whose commands are run on it."""
    [shown] = re.findall(r"^```json\n(.*?)^```$", page("sweeps"), re.MULTILINE | re.DOTALL)
    assert json.loads(shown) == json.loads((ROOT / "examples" / "sweep.json").read_text(encoding="utf-8"))
