"""A job's name, tags and notes as a text that people edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flightline.client.records import JobRecord
from flightline.errors import UsageError

RULE = "---"
HELP = (
    "# Change what is to be otherwise, then save and close; without a change nothing happens.\n"
    f"# One line for each tag. The notes are Markdown, below the {RULE}.\n"
)


@dataclass(frozen=True)
class Labels:
    """What people write about a job.

    Attributes:
        name: its name; None for none.
        tags: its tags, in their order.
        notes: Markdown; None for none.
    """

    name: str | None
    tags: tuple[str, ...]
    notes: str | None

    def changed(self, before: Labels) -> dict[str, Any]:
        """The fields that are no longer what they were, as `Client.edit` takes them."""
        return {key: value for key, value in vars(self).items() if value != getattr(before, key)}


def labels_of(job: JobRecord) -> Labels:
    """The labels of a job."""
    return Labels(job.raw["name"], tuple(job.raw["tags"]), job.raw.get("notes"))


def written(labels: Labels) -> str:
    """The labels as a text: a line for the name, one for each tag, and the notes below a rule."""
    tags = "".join(f"tag: {tag}\n" for tag in labels.tags)
    return f"{HELP}name: {labels.name or ''}\n{tags}{RULE}\n{labels.notes or ''}"


def read(text: str) -> Labels:
    """The labels that a text says.

    Raises:
        UsageError: the lines above the rule are not understood; the message quotes the first of them.
    """
    head, rule, notes = f"\n{text}".partition(f"\n{RULE}\n")
    if not rule and not head.endswith(f"\n{RULE}"):
        raise UsageError(f"The line {RULE} between the tags and the notes is missing.")
    lines = head.removesuffix(f"\n{RULE}").splitlines()
    found: dict[str, list[str]] = {"name": [], "tag": []}
    for line in lines:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip() or line.startswith("#"):
            continue
        if not colon or key not in found:
            raise UsageError(f"{line[:60]!r} is neither a name nor a tag: write `name: …` or `tag: …`.")
        found[key] += [value] if value else []
    if len(found["name"]) > 1:
        raise UsageError("A job has one name.")
    return Labels(next(iter(found["name"]), None), tuple(dict.fromkeys(found["tag"])), notes.strip("\n") or None)
