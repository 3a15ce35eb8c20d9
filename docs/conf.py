"""How Sphinx builds docs/ into a site that needs no network (``make docs``).

Every style sheet, script, font and icon comes from the installed packages; nothing is loaded from
elsewhere, so the built folder may be copied to a stick. Formulas are plain text.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

project = "Set and Setting"
author = "the authors of Set and Setting"
project_copyright = author
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
version = release
language = "en"

extensions = [
    "myst_parser",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = [
    "_build",
    "examples",
    "own_data/examples",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 4

# The docstrings say types, shapes and units.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "Set and Setting"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "Set and Setting"},
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    # Only the branch that the page is of: a page costs less, and so does the build.
    "collapse_navigation": True,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
# Pages without others beside them.
html_sidebars = {"index": [], "tutorial": []}

# The gallery runs where a finished run of the sample lies: SET_AND_SETTING_RESULTS, or results/.
RESULTS = Path(os.environ.get("SET_AND_SETTING_RESULTS", ROOT / "results")).resolve()
HAS_RESULTS = (RESULTS / "cohort" / "outcomes.parquet").is_file()
NOT_RUN = """
.. note::

   Shown, but not run: there were no results when this site was built. ``make demo`` makes them,
   ``make docs`` then runs every example.

"""
if (DOCS / "examples").is_dir():
    extensions.append("sphinx_gallery.gen_gallery")
    os.environ["SET_AND_SETTING_RESULTS"] = str(RESULTS)
    sphinx_gallery_conf = {
        "examples_dirs": "examples",
        "gallery_dirs": "gallery",
        "filename_pattern": r".*\.py$",
        "plot_gallery": HAS_RESULTS,
        "abort_on_example_error": True,
        "download_all_examples": False,
        "show_memory": False,
        "show_signature": False,
        "min_reported_time": 1e9,
        "reset_modules": ("matplotlib",),
    }

#: pages of the site that show a file of the repository's first folder
INCLUDED = {
    "ARCHITECTURE.md": "developers/architecture",
    "CONTRIBUTING.md": "developers/contributing",
    "CHANGELOG.md": "developers/changelog",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s#:]+)(#[^()\s]*)?\)")


def on_the_site(text: str, folder: Path, *, moved: bool) -> str:
    """Turn links that work on a forge into links, or words, of the site.

    A link to a file outside docs/ becomes one to the page that shows the file, or plain words.
    ``folder`` is where the text stands in the repository; ``moved``: it is shown elsewhere, so
    that its links into docs/ count from the top of the site.
    """

    def replaced(match: re.Match[str]) -> str:
        image, words, target, anchor = (
            match.group(1),
            match.group(2),
            match.group(3),
            match.group(4),
        )
        path = Path(os.path.normpath(folder / target))
        if path.is_relative_to(DOCS):
            top = path.relative_to(DOCS)
            return f"{image}[{words}](/{top}{anchor or ''})" if moved else match.group(0)
        if not path.exists():
            raise FileNotFoundError(f"{folder}: a link to {target}; expected a file of this name")
        page = INCLUDED.get(path.name) if path.parent == ROOT else None
        return f"[{words}](/{page}.md{anchor or ''})" if page else words

    return _LINK.sub(replaced, text)


def before_reading(app: Any, docname: str, source: list[str]) -> None:
    """Fetch what a page shows, mend its links, say so where the gallery was not run."""
    shown = {page: ROOT / name for name, page in INCLUDED.items()}.get(docname)
    if shown is not None:
        app.env.note_dependency(str(shown))
        source[0] = on_the_site(shown.read_text(encoding="utf-8"), ROOT, moved=True)
    elif docname.startswith("gallery/"):
        source[0] = source[0] if HAS_RESULTS else NOT_RUN + source[0]
    else:
        source[0] = on_the_site(source[0], (DOCS / docname).parent, moved=False)


def setup(app: Any) -> None:
    """Register what is done to a page before it is read; tables as text need no colours."""
    from pygments.lexers.special import TextLexer

    for words in ("csv", "tsv"):
        app.add_lexer(words, TextLexer)
    app.connect("source-read", before_reading)
