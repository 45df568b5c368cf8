"""Sphinx builds README, CONTRIBUTING, CHANGELOG and docs/ into one site: `make docs`.

Every link between pages, and every anchor in it, must lead somewhere: warnings are errors.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent

project = "Flightline"
author = "Flightline developers"
version = release = re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[0]

# The source folder is the whole checkout, so that links work in the files as they do on the site.
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "examples/*.ipynb"]
exclude_patterns = [".*", "build", "node_modules"]

extensions = ["myst_nb"]  # which reads Markdown as myst_parser does
nb_execution_mode = "off"  # the outputs stand in the notebooks: `make examples` writes them, a test runs them
nb_ipywidgets_js: dict[str, object] = {}  # no script from elsewhere
myst_heading_anchors = 4
nitpicky = True

highlight_language = "none"  # a block that does not say what it is

html_theme = "furo"
html_title = "Flightline"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

CONTENTS = {
    "Start": ["quickstart", "photographs", "why", "glossary"],
    "Use it": [
        "page",
        "jobs",
        "architectures",
        "sweeps",
        "reproducibility",
        "data",
        "command",
        "http",
        "python",
        "weights",
        "notebook",
        "mlflow",
    ],
    "Run it": ["machines", "operations", "people", "webhooks", "settings", "troubleshooting"],
    "Look inside": ["delivery", "performance"],
}
EXAMPLES = ["first_steps", "own_data", "compare_runs", "use_a_model"]


def _add_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give the README the site's table of contents, which would be noise where the file is read as it is."""
    if name == root_doc:
        entries = {caption: [f"docs/{page}" for page in pages] for caption, pages in CONTENTS.items()}
        entries["Use it"] += [f"examples/{page}" for page in EXAMPLES]
        entries["Look inside"] += ["CONTRIBUTING", "CHANGELOG"]
        for caption, pages in entries.items():
            lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
            source[0] += "\n\n" + "\n".join(lines) + "\n"


def setup(app: Sphinx) -> None:
    """Connect what stands here."""
    app.connect("source-read", _add_contents)
