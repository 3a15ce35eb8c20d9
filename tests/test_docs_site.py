"""The documentation as a site: builds without a warning, works offline, found and read by all.

The whole site is built once (about fifteen seconds of one core), without the gallery's examples.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browsing import WIDE

pytestmark = [pytest.mark.browser]
REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = ("index.html", "reference/outcomes_other.html")
#: what a page loads by itself; a link that a reader may follow is none
_LOADED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
_IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?(https?:)?//")
_LINK = re.compile(r"<a\b[^>]*?\bhref=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The site, built from a copy: what Sphinx writes beside its sources stays out of docs/."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(
        REPOSITORY / "docs", root / "docs", ignore=shutil.ignore_patterns("_build", "gallery")
    )
    for entry in REPOSITORY.iterdir():
        if entry.name not in ("docs", "results", ".git"):
            (root / entry.name).symlink_to(entry)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    ran = subprocess.run(
        [*command, "-d", root / "doctrees", "docs", root / "html"],
        cwd=root,
        env={**os.environ, "SET_AND_SETTING_RESULTS": str(root / "none")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return root / "html", ran


@pytest.fixture
def site(built) -> Path:
    return built[0]


def test_the_site_builds_without_a_warning(built):
    site, ran = built
    assert ran.stderr == ""
    assert ran.returncode == 0
    assert (site / "index.html").is_file()


def test_every_page_of_the_docs_is_in_the_site(site):
    sources = [path.relative_to(REPOSITORY / "docs") for path in pages()]
    assert len(sources) > 50
    assert [str(path) for path in sources if not (site / path.with_suffix(".html")).is_file()] == []


def pages() -> list[Path]:
    """Pages that are meant for the site."""
    docs = REPOSITORY / "docs"
    apart = ("_build", "gallery", "examples")
    return [
        path for path in docs.rglob("*.md") if not set(apart) & set(path.relative_to(docs).parts)
    ]


def test_nothing_is_loaded_from_elsewhere(site):
    far = [
        (page.name, url)
        for page in site.rglob("*.html")
        for url in _LOADED.findall(page.read_text(encoding="utf-8"))
        if urlsplit(url).netloc
    ]
    assert far == []
    styles = [
        sheet.name
        for sheet in site.rglob("*.css")
        if _IN_STYLE.search(sheet.read_text(encoding="utf-8"))
    ]
    assert styles == []


def test_a_far_style_would_be_found():
    assert _IN_STYLE.search("@import url('https://fonts.example/x.css')")
    assert _LOADED.findall('<script defer src="https://cdn.example/x.js">')


def test_every_link_between_pages_leads_somewhere(site):
    known = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    ids = {page: set(re.findall(r"\bid=\"([^\"]+)\"", text)) for page, text in known.items()}
    dead = []
    for page, text in known.items():
        if page.name in ("search.html", "genindex.html", "py-modindex.html"):
            continue
        for url in _LINK.findall(text):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchor = unquote(parts.fragment)
            outside = not to.exists() or not to.is_relative_to(site)
            if outside or (anchor and to in ids and anchor not in ids[to]):
                dead.append((page.name, url))
    assert dead == []


@pytest.mark.parametrize("name", PAGES)
def test_no_request_leaves_the_machine_and_nothing_complains(visit, site, name):
    seen = visit(site / name)
    seen.page.wait_for_load_state("networkidle")
    assert seen.requests
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.complaints == []


@pytest.mark.parametrize(
    ("words", "page"),
    [("theta", "outcomes_oscillations"), ("trials_to_criterion", "outcomes_flexibility")],
)
def test_the_search_finds(visit, site, words, page):
    seen = visit(site / "index.html").page
    seen.goto((site / "search.html").as_uri() + f"?q={words}")
    seen.wait_for_selector(f"#search-results li a[href*='{page}']", timeout=10_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_light_and_dark(visit, site, name, scheme):
    seen = visit(site / name, WIDE, color_scheme=scheme)
    assert seen.page.get_attribute("html", "data-theme") == scheme
    assert seen.violations() == []


@pytest.mark.parametrize(("scheme", "shown"), [("light", "cover.svg"), ("dark", "cover_dark.svg")])
def test_the_cover_fits_the_page(visit, site, scheme, shown):
    page = visit(site / "index.html", WIDE, color_scheme=scheme).page
    visible = [
        image.get_attribute("src") for image in page.query_selector_all("img.cover")
        if image.is_visible()
    ]  # fmt: skip
    assert [Path(source).name for source in visible] == [shown]


def test_the_keyboard_reaches_content_and_search(visit, site):
    page = visit(site / "index.html").page
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.textContent.trim()")
    assert first == "Skip to main content"
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input[type=search]", timeout=5_000)
    page.keyboard.type("theta")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=theta*", timeout=5_000)


def test_the_cover_is_small_and_described():
    for name in ("cover.svg", "cover_dark.svg"):
        path = REPOSITORY / "docs" / name
        assert path.stat().st_size < 200_000
        assert "<desc>" in path.read_text(encoding="utf-8")


def test_the_first_folder_links_into_the_docs():
    """README and its neighbours are read on a forge: their links lead to files of the clone."""
    dead = [
        (page.name, target)
        for page in REPOSITORY.glob("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not urlsplit(target).scheme and not (REPOSITORY / target).exists()
    ]
    assert dead == []
