"""The documents as a site: `make docs`. Every link between them, and into a heading, has to lead somewhere."""

from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]

project = "watcher"
copyright = f"{datetime.now(tz=UTC):%Y}, the authors of watcher. MIT licence"  # noqa: A001 - Sphinx calls it so
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "guide/**.md", "design/**.md"]
exclude_patterns = ["tests/**", "watcher/**"]
# Headings are reached as GitHub names them.
myst_heading_anchors = 4
# The documents are a README's, a guide's and a design's pages, not a tree of a manual: the menu is made here.
suppress_warnings = ["toc.not_included"]
# Indented blocks are commands, settings and answers alike.
highlight_language = "none"
html_theme = "furo"
html_title = "watcher"
html_show_sphinx = False


def _menu(_app: object, docname: str, source: list[str]) -> None:
    """Put a menu of all pages behind the first one."""
    if docname != root_doc:
        return
    for name, folder in (
        ("Guide", "guide"),
        ("Cameras", "guide/cameras"),
        ("Design", "design"),
        ("Decisions", "design/decisions"),
    ):
        pages = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / folder).glob("*.md"))
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n" + "\n".join(pages) + "\n```\n"
    source[0] += "\n\n```{toctree}\n:hidden:\n:caption: Project\n\nCHANGELOG\nCONTRIBUTING\nSECURITY\n```\n"


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _menu)  # type: ignore[attr-defined]
