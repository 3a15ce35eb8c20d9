"""Accessibility: axe finds nothing against WCAG 2.1 A and AA, light and dark, wide and narrow.

The cohort page has a module of its own, test_report_browser_hostile.py: it is checked with the
longest and strangest labels.
"""

from __future__ import annotations

import itertools

import pytest
from browsing import NARROW, WIDE
from session_example import CONTEXTS, DOSE_S, write_session
from test_report_sessions_index import conditions, written

from pipeline.report import read_session, write_run_page, write_session_pages

pytestmark = [pytest.mark.browser]
LOOKS = list(itertools.product(("light", "dark"), (WIDE, NARROW)))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    session = write_session(folder / "sessions" / "r1_s1", warnings=("2 channels are flat",))
    page = read_session(session, session="r1_s1", animal="r1", contexts=CONTEXTS,
                        administrations_s=[DOSE_S], handling_s=(-30.0, 30.0))  # fmt: skip
    visits = [("r1_s0", "r1"), ("r1_s1", "r1"), ("r2_s1", "r2")]
    write_session_pages([page], folder / "sessions", report=folder / "report", visits=visits)
    written(folder / "report", 12, conditions=conditions(12))
    facts = {"Host": "here", "Rules": {"extract": "2 s", "measure": "3 s"}}
    write_run_page(folder / "report" / "run.html", facts)
    return folder


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
@pytest.mark.parametrize(
    "page", ["sessions/r1_s1/session.html", "report/sessions.html", "report/run.html"]
)
def test_axe_finds_nothing(visit, results, page, scheme, size):
    seen = visit(results / page, size, color_scheme=scheme, bypass_csp=True)
    seen.scroll()
    assert seen.violations() == []


def test_axe_would_find_something(visit, tmp_path):
    """The check can fail: a page without language, with a picture without a word, pale text."""
    path = tmp_path / "bad.html"
    path.write_text("<!doctype html><title>t</title><img src='data:,'><p style='color:#bbb'>pale")
    found = visit(path, bypass_csp=True).violations()
    assert {line.split(":")[0] for line in found} >= {
        "html-has-lang",
        "image-alt",
        "color-contrast",
    }
