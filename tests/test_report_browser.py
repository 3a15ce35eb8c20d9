"""The pages in a real browser: nothing goes out, nothing breaks, charts come alive on scrolling."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from browsing import NARROW, WIDE
from report_example import few
from session_example import CONTEXTS, DOSE_S, write_session
from test_report_page import build

from pipeline.report import read_session, write_session_pages

pytestmark = [pytest.mark.browser]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    build(few(), folder / "report")
    session = write_session(folder / "sessions" / "r1_s1")
    page = read_session(session, session="r1_s1", animal="r1", contexts=CONTEXTS,
                        administrations_s=[DOSE_S], handling_s=(-30.0, 30.0))  # fmt: skip
    write_session_pages([page], folder / "sessions", report=folder / "report")
    return folder


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
    tooltip = seen.page.locator("#vg-tooltip-element.visible")
    for _ in range(20):  # charts above may still be drawn and move the point from under the mouse
        point.hover(force=True)
        seen.page.wait_for_timeout(500)
        if tooltip.is_visible():
            break
        seen.page.mouse.move(1, 1)
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


def test_on_paper_only_what_stands_nowhere_else_is_unfolded(visit, results):
    seen = visit(results / "report" / "index.html")
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened = seen.page.eval_on_selector_all("details[open]", "all => all.map((d) => d.outerHTML)")
    assert all(one.startswith("<details data-paper") for one in opened)
    assert seen.page.locator("details:not([open])").count() > 3


def test_an_address_of_a_figure_leads_to_it_though_those_above_are_not_laid_out(visit, results):
    name = visit(results / "report" / "index.html").page.eval_on_selector_all(
        ".chapter article[id]:not([data-panel][hidden])", "all => all.at(-1).id"
    )
    seen = visit(results / "report" / "index.html")
    seen.page.evaluate("(name) => { location.hash = name; }", name)
    seen.page.wait_for_timeout(400)
    top = seen.page.evaluate(f"document.getElementById('{name}').getBoundingClientRect().top")
    assert 0 <= top < 300
    skipped = (
        "all => all.filter((one) => getComputedStyle(one).contentVisibility === 'auto').length"
    )
    assert seen.page.eval_on_selector_all(".chapter .outcome", skipped) > 3


def test_only_what_scrolls_is_reached_by_key(visit, results):
    seen = visit(results / "report" / "index.html")
    seen.scroll()
    idle = """frames => frames.filter((one) => one.tabIndex >= 0
              && one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight
              ).length"""
    stuck = """frames => frames.filter((one) => one.tabIndex < 0
               && !one.closest("details:not([open])")
               && one.scrollWidth > one.clientWidth + 1).length"""
    seen.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    seen.scroll()
    seen.page.wait_for_timeout(200)
    assert seen.page.eval_on_selector_all(".scroll, .chart", idle) == 0
    assert seen.page.eval_on_selector_all(".scroll, .chart", stuck) == 0


def test_an_edge_with_more_beyond_it_is_shaded(visit, results):
    seen = visit(results / "report" / "index.html", NARROW)
    shaded = "part => getComputedStyle(part).boxShadow !== 'none'"
    bar = seen.page.locator(".sections ul")
    seen.page.wait_for_timeout(200)
    assert bar.evaluate("bar => bar.scrollWidth > bar.clientWidth") and bar.evaluate(shaded)
    assert bar.get_attribute("class") == "more-after"
    bar.evaluate("bar => bar.scrollTo(bar.scrollWidth, 0)")
    seen.page.wait_for_timeout(200)
    assert bar.get_attribute("class") == "more-before"
    wide = visit(results / "report" / "index.html", (1600, 900)).page.locator(".sections ul")
    assert not wide.evaluate("bar => bar.scrollWidth > bar.clientWidth + 1")
    assert not wide.evaluate(shaded)


def test_every_link_inside_the_page_can_be_reached_by_keyboard(visit, results):
    seen = visit(results / "report" / "index.html")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(14):
        seen.page.keyboard.press("Tab")
        reached.add(seen.page.evaluate("document.activeElement.getAttribute('href')"))
    assert {"#answer", "#design", "#methods", "#downloads"} <= reached


def test_each_link_of_the_sections_leads_to_its_section(visit, results):
    seen = visit(results / "report" / "index.html")
    links = seen.page.locator("nav.sections a")
    assert links.count() > 6
    for link in links.all():
        name = link.get_attribute("href")
        link.click()
        top = seen.page.locator(name).bounding_box()["y"]
        # at the top, or as far down as the page goes
        end = seen.page.evaluate("innerHeight + scrollY + 2 >= document.body.scrollHeight")
        assert end or -2 <= top < 150, (name, top)
    assert seen.complaints == []


def test_every_address_in_the_page_leads_somewhere(visit, results):
    """Sections of the page, its figures' files, session pages that were built."""
    seen = visit(results / "report" / "index.html")
    hrefs = seen.page.eval_on_selector_all(
        "a[href]", "links => links.map((a) => a.getAttribute('href'))"
    )
    inside = {href[1:] for href in hrefs if href.startswith("#")}
    ids = set(seen.page.eval_on_selector_all("[id]", "all => all.map((one) => one.id)"))
    assert inside and inside <= ids
    figures = {href for href in hrefs if href.startswith("figures/") and href != "figures/"}
    assert len(figures) >= 12
    for href in figures:
        assert (results / "report" / unquote(href)).stat().st_size > 0, href
    assert not [href for href in hrefs if ":" in href.split("/")[0]]


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
