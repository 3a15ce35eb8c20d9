"""A cohort whose labels are markup, quotes, script ends and formulas: text everywhere, run nowhere.

The same page goes through the accessibility check.
"""

from __future__ import annotations

import itertools
import json
from xml.etree import ElementTree

import pytest
from browsing import NARROW, WIDE
from report_example import few
from test_report_page import build

from pipeline.experiment.plan import AnalysisPlan

pytestmark = [pytest.mark.browser]

ANIMAL = "<img src=x onerror='window.ran=1'>&\"`"
CONDITION = "</script><script>window.ran=1</script>"
CONTEXT = "\"><svg onload='window.ran=1'>{{7*7}}"
LONG = "condition_without_any_break_" + "x" * 60
TITLE = '=HYPERLINK("http://example.org")</title><script>window.ran=1</script><!--'
RENAMED = {
    "rat01": ANIMAL,
    "psilocybin": CONDITION,
    "MDMA": LONG,
    "open_field": CONTEXT,
    "Psilocybin, ketamine and MDMA across three contexts": TITLE,
}


def renamed(value):
    """Plain data with the labels exchanged; names of sessions cannot be hostile."""
    if isinstance(value, dict):
        return {renamed(key): renamed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [renamed(item) for item in value]
    return RENAMED.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    known = few()
    folder = tmp_path_factory.mktemp("hostile")
    tables = {
        name: getattr(known, name).replace(RENAMED)
        for name in ("outcomes", "contrasts", "verdicts", "completeness")
    }
    plan = AnalysisPlan.model_validate(renamed(known.plan.model_dump(mode="json")))
    build(known, folder, plan=plan, design=renamed(known.design), **tables)
    return folder


def test_nothing_of_it_runs_or_goes_out(visit, report):
    seen = visit(report / "index.html")
    seen.scroll()
    assert set(seen.states()) == {"live"}
    assert seen.complaints == []
    assert seen.page.evaluate("window.ran") is None
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.page.locator("img, svg[onload], [onerror]").count() == 0
    assert seen.page.title() == TITLE


def test_all_of_it_can_be_read(visit, report):
    seen = visit(report / "index.html")
    words = seen.page.evaluate("document.body.textContent")
    for label in (ANIMAL, CONDITION, CONTEXT, TITLE):
        assert label in words, label
    assert "49" not in CONTEXT and "{{7*7}}" in words
    specifications = seen.page.eval_on_selector_all(
        "script[type='application/json']", "all => all.map((one) => one.textContent)"
    )
    assert specifications
    for text in specifications:
        assert "<" not in text
        json.loads(text)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_no_label_makes_the_page_wider_than_the_screen(visit, report, size):
    seen = visit(report / "index.html", size)
    assert LONG in seen.page.evaluate("document.body.textContent")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_files_of_the_figures_hold_it_as_text(report):
    drawings = sorted((report / "figures").glob("*.svg"))
    assert drawings
    drawn = ""
    for path in drawings:
        root = ElementTree.fromstring(path.read_text())
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not tags & {"script", "img", "foreignObject", "a"}, path.name
        assert not [e for e in root.iter() if any(name.startswith("on") for name in e.attrib)]
        drawn += " ".join(root.itertext())
        json.loads((path.with_name(path.stem + ".vl.json")).read_text())
    assert "window.ran" in drawn  # as words of a label


@pytest.mark.parametrize(
    ("scheme", "size"), list(itertools.product(("light", "dark"), (WIDE, NARROW)))
)
def test_axe_finds_nothing_in_the_cohort_page(visit, report, scheme, size):
    seen = visit(report / "index.html", size, color_scheme=scheme, bypass_csp=True)
    if (scheme, size) == ("light", WIDE):
        seen.scroll()  # live charts too
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert seen.violations() == []
