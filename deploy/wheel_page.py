"""A hook of hatch: a wheel or sdist carries the page, so it is refused where the page has not been built."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("api", "static", "page")


class PageHook(BuildHookInterface[Any]):
    """Adds the page, which git ignores; an editable installation may come before its build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page to what is packed.

        Raises:
            FileNotFoundError: the page is not there; the message says how to build it.
        """
        if version != "editable" and not (Path(self.root) / PAGE / "index.html").is_file():
            raise FileNotFoundError(f"{PAGE} is missing: the page is part of what is shipped. Build it first: make web")
        build_data["artifacts"].append(f"/{PAGE.as_posix()}")
