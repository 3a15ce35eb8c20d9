"""The pages in a real browser: nothing goes out, nothing breaks, charts come alive on scrolling."""

from __future__ import annotations

import shutil

import pytest
from report_example import few
from session_example import CONTEXTS, DOSE_S, write_session
from test_report_page import build

from pipeline.report import read_session, write_session_pages

pytestmark = [pytest.mark.browser]
WIDE, NARROW = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        running = engine.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    build(few(), folder / "report")
    session = write_session(folder / "sessions" / "r1_s1")
    page = read_session(session, session="r1_s1", animal="r1", contexts=CONTEXTS,
                        administrations_s=[DOSE_S], handling_s=(-30.0, 30.0))  # fmt: skip
    write_session_pages([page], folder / "sessions", report=folder / "report")
    return folder


class Visit:
    """One opened page, with everything that it asked for and complained of."""

    def __init__(self, browser, path, size, **context):
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, **context
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(path.as_uri())

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def scroll(self):
        """Through the whole page; waits until every chart is alive or has failed."""
        for chart in self.page.query_selector_all("[data-chart]"):
            chart.scroll_into_view_if_needed()
        # asked again and again from here: the page's policy forbids wait_for_function's eval
        for _ in range(400):
            if not {"waiting", "drawing"} & set(self.states()):
                return
            self.page.wait_for_timeout(50)

    def states(self):
        return self.page.eval_on_selector_all(
            "[data-chart]", "charts => charts.map((chart) => chart.dataset.state || 'waiting')"
        )


@pytest.fixture
def visit(browser):
    visits: list[Visit] = []

    def open_page(path, size=WIDE, **context):
        visits.append(Visit(browser, path, size, **context))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_charts_come_alive_on_scrolling_and_nothing_goes_out(visit, results, size):
    seen = visit(results / "report" / "index.html", size)
    assert "waiting" in seen.states()  # those below the screen are still drawings
    seen.scroll()
    assert set(seen.states()) == {"live"}
    assert seen.complaints == []
    assert all(url.startswith(("file:", "data:")) for url in seen.requests)
    assert len([url for url in seen.requests if url.startswith("file:")]) == 1
    width = seen.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]


def test_opened_tables_scroll_by_themselves_and_the_page_stays_narrow(visit, results):
    seen = visit(results / "report" / "index.html", NARROW)
    seen.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]


def test_tooltips_name_animal_and_session(visit, results):
    seen = visit(results / "report" / "index.html")
    seen.scroll()
    chart = seen.page.locator("[id='chart-fig-band_power-theta-at-mPFC'] .live")
    chart.scroll_into_view_if_needed()
    point = chart.locator("g.mark-symbol path").nth(3)
    point.hover(force=True)
    tooltip = seen.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(timeout=5_000)
    text = tooltip.inner_text()
    for word in ("animal", "rat", "session", "condition", "context", "value", "dB"):
        assert word in text
    assert seen.complaints == []


def test_without_scripts_the_drawings_are_there(visit, results):
    seen = visit(results / "report" / "index.html", java_script_enabled=False)
    boxes = seen.page.locator(".drawing svg").all()
    assert len(boxes) == 6
    assert all(box.bounding_box()["width"] > 200 for box in boxes)


def test_on_paper_every_chart_is_there(visit, results):
    seen = visit(results / "report" / "index.html")
    pdf = seen.page.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and len(pdf) > 50_000
    seen.page.emulate_media(media="print")
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    visible = seen.page.eval_on_selector_all(
        ".drawing", "drawings => drawings.filter((d) => !d.hidden && d.clientHeight > 50).length"
    )
    assert visible == 6
    assert seen.complaints == []


def test_every_link_inside_the_page_can_be_reached_by_keyboard(visit, results):
    seen = visit(results / "report" / "index.html")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(14):
        seen.page.keyboard.press("Tab")
        reached.add(seen.page.evaluate("document.activeElement.getAttribute('href')"))
    assert {"#answer", "#design", "#methods", "#downloads"} <= reached


def test_nothing_runs_even_if_a_label_became_markup(visit, results, tmp_path):
    """The page's own policy stops what escaping should have stopped."""
    source = (results / "report" / "index.html").read_text()
    spoilt = source.replace("<main", "<script>window.ran = true</script><main", 1)
    path = tmp_path / "spoilt.html"
    path.write_text(spoilt)
    seen = visit(path)
    assert seen.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in seen.complaints)


def test_session_pages_share_one_library(visit, results):
    seen = visit(results / "sessions" / "r1_s1" / "session.html")
    seen.scroll()
    assert set(seen.states()) == {"live"}
    assert seen.complaints == []
    files = [url for url in seen.requests if url.startswith("file:")]
    assert [url.rpartition("/")[2] for url in files] == ["session.html", "vega.js"]
    assert all(url.startswith(("file:", "data:")) for url in seen.requests)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_of_charts_follows_the_page(visit, results, scheme):
    seen = visit(results / "report" / "index.html", color_scheme=scheme)
    fill, ink = seen.page.evaluate(
        """() => {
            const title = document.querySelector('.drawing [fill="#1d232b"]');
            return [getComputedStyle(title).fill, getComputedStyle(document.body).color];
        }"""
    )
    assert fill == ink
