"""Choosing an animal or a context: what figures carry for it, and what the page does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest
from browsing import NARROW, WIDE
from report_example import CONTEXTS, few, plan
from test_report_page import Page, build
from vega import valid

from pipeline.report.assembly import concatenated, layered
from pipeline.report.behaviour import Slice
from pipeline.report.behaviour_errors import error_types_chart
from pipeline.report.drawing import render_svg
from pipeline.report.embed import inline_svg
from pipeline.report.estimation import estimation_chart
from pipeline.report.figures import specification_json
from pipeline.report.highlight import BETWEEN, by_animal, by_level, panel_name, place_of
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.spikes_locking import locking_chart
from pipeline.report.survival import survival_chart, survival_views
from pipeline.report.views import FigureKey, outcome_view

NAMES = Names(plan=few().plan, metrics=few().metrics)
THETA = "band_power/theta@mPFC"
#: text that is markup where it is not escaped
HOSTILE = "<b onclick='x()'>&\""


def drawing(specification):
    """Elements of a drawing, as the page takes it in."""
    svg = inline_svg(render_svg(specification_json(specification)), choices=True)
    return ElementTree.fromstring(str(svg))


def estimation(modifier="context", **changed):
    """Specification of the figure of one outcome."""
    key = FigureKey(outcome=THETA, phase="acute", modifier=modifier)
    view = outcome_view(key, few().outcomes, Contrasts(few().contrasts), NAMES)
    return estimation_chart(replace(view, **changed) if changed else view, NAMES)


def with_choice(specification, **values):
    """The specification as it looks once somebody chose."""
    params = [
        param | {"value": values[param["name"]]} if param["name"] in values else param
        for param in specification["params"]
    ]
    return specification | {"params": params}


def slice_of(animals, means):
    tables = {"animals": animals, "means": means}
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    return Slice(phase="acute", context="", conditions=("vehicle", "MDMA"),
                 contexts=("home_cage", "open_field"), **frames)  # fmt: skip


def errors(animals):
    """Perseverative errors of animals under two conditions in two contexts."""
    own = [
        {"part": "animal", "unit": animal, "animal": animal, "condition": condition,
         "context": context, "type": "perseverative", "errors": 1.0 + index, "scheme": "s"}
        for context in ("home_cage", "open_field")
        for condition in ("vehicle", "MDMA")
        for index, animal in enumerate(animals)
    ]  # fmt: skip
    means = [
        row | {"part": "mean", "unit": "", "animal": "", "errors_low": 1.0, "errors_high": 2.0}
        for row in own[:: len(animals)]
    ]
    return slice_of(own, means)


def locking(animals):
    """Locking in one band; the second animal has no value under vehicle."""
    own = [
        {"part": "animal", "unit": animal, "animal": animal, "condition": condition,
         "context": context, "band": "theta", "ppc": 0.1 * (index + 1),
         "ppc_low": None, "ppc_high": None}
        for context in ("home_cage", "open_field")
        for condition in ("vehicle", "MDMA")
        for index, animal in enumerate(animals)
        if (index, condition) != (1, "vehicle")
    ]  # fmt: skip
    means = [
        {"part": "mean", "unit": "", "animal": "", "condition": condition, "context": context,
         "band": "theta", "ppc": 0.1, "ppc_low": 0.05, "ppc_high": 0.15}
        for context in ("home_cage", "open_field")
        for condition in ("vehicle", "MDMA")
    ]  # fmt: skip
    return slice_of(own, means)


# -- what specifications carry ---------------------------------------------------------------------


def test_panels_are_named_by_the_place_of_their_context():
    assert [place_of(name, NAMES) for name in (*CONTEXTS, "everywhere")] == [0, 1, 2, None]
    assert (panel_name(4, 2), panel_name(4, None)) == ("p4_c2", None)
    chart = valid(estimation())
    assert [panel.get("name") for panel in chart["concat"]] == [
        "p0_c0", "p1_c1", "p2_c2", None, None,
    ]  # fmt: skip
    (times, *_) = survival_views(few().outcomes, NAMES)
    curves = valid(survival_chart(times, NAMES))
    assert [panel["name"] for panel in curves["concat"]] == [
        f"p{number}_c{CONTEXTS.index(context)}" for number, (_, context) in enumerate(times.panels)
    ]


def test_levels_of_another_question_are_no_contexts():
    """Sexes have panels too; a point there is a mean over contexts."""
    key = FigureKey(outcome=THETA, phase="acute", modifier="sex")
    chart = valid(estimation(key=key))
    assert not any("name" in panel for panel in chart["concat"])
    assert "where&&" not in json.dumps(chart)


def test_places_must_be_as_many_as_panels():
    import altair as alt

    dot = layered(alt.Chart(alt.InlineData(values=[])).mark_point(), width=1, height=1)
    with pytest.raises(ValueError):
        concatenated([dot, dot], columns=2, spacing=1, places=[0])


def test_expressions_hold_labels_as_text():
    assert by_animal(chosen=1, other=0.2, none=0.9)["expr"] == "who?who===datum.animal?1:0.2:0.9"
    hostile = by_level(other=0, none=1, always=['a"||warn("x")||"'])["expr"]
    assert hostile == r'where&&where!==datum.level&&where!=="a\"||warn(\"x\")||\""?0:1'


def opacities(specification):
    """How many points have which opacity, drawn by Vega."""
    svg = render_svg(specification_json(specification))
    found = re.findall(r'<path transform="translate[^>]*stroke-width="1.2"[^>]*>', svg)
    each = [re.search(r' opacity="([\d.]+)"', mark) for mark in found]
    values = [float(one[1]) if one else 1.0 for one in each]
    return {value: values.count(value) for value in sorted(set(values))}


def test_one_animal_stands_out_once_it_is_chosen():
    chart = valid(estimation())
    animals = chart["datasets"]["animals"]
    mine = sum(row["animal"] == "rat02" for row in animals)
    assert 0 < mine < len(animals)
    assert opacities(chart) == {0.9: len(animals)}
    assert opacities(with_choice(chart, who="rat02")) == {0.2: len(animals) - mine, 1.0: mine}
    assert opacities(with_choice(chart, who="nobody")) == {0.2: len(animals)}


@pytest.mark.parametrize("context", CONTEXTS)
def test_effects_in_other_contexts_fade(context):
    """A difference concerns its two contexts: the one it is in, and the one it is counted from."""
    chart = estimation()
    effects = chart["datasets"]["effects"]
    svg = render_svg(specification_json(with_choice(chart, where=context)))
    bars = re.findall(r'<line [^>]*stroke-width="2"[^>]*>', svg)
    assert len(bars) == len(effects)
    faded = sum('opacity="0.25"' in bar for bar in bars)
    of_reference = context == "home_cage"
    assert faded == sum(
        row["level"] != context
        and not (row["contrast"] == "difference_of_differences" and of_reference)
        for row in effects
    )
    assert 0 < faded < len(effects)


# -- what drawings carry ---------------------------------------------------------------------------


def test_marks_of_a_drawing_name_their_animal_and_panels_their_context():
    animals = ["rat01", HOSTILE]
    root = drawing(valid(error_types_chart(errors(animals), NAMES)))
    marks = [element for element in root.iter() if "data-a" in element.attrib]
    # a line per animal, and a point per animal and condition, in each of two contexts
    assert len(marks) == 2 * (2 + 4)
    assert {mark.get("data-a") for mark in marks} == set(animals)
    panels = [element for element in root.iter() if "data-c" in element.attrib]
    assert [panel.get("data-c") for panel in panels] == ["0", "0", "1", "1"]
    held = [{m.get("data-a") for m in panel.iter() if "data-a" in m.attrib} for panel in panels]
    assert held == [set(), set(animals)] * 2


def test_a_broken_line_names_the_animals_of_its_strokes_in_their_order():
    root = drawing(valid(locking_chart(locking(["rat01", "rat02", "rat03"]), NAMES)))
    lines = [element for element in root.iter() if "data-a" in element.attrib]
    whose = [line.get("data-a").split(BETWEEN) for line in lines]
    vehicle, mdma = ["rat01", "rat03", ""], ["rat01", "rat02", "rat03", ""]
    assert whose == [vehicle, mdma] * 2
    for line, animals in zip(lines, whose, strict=True):
        strokes = re.findall(r"M[-\d.]+,([-\d.]+)", line.get("d"))
        assert len(strokes) == len(animals) - 1
        # each has more than the one before, and so lies higher
        assert [float(y) for y in strokes] == sorted(map(float, strokes), reverse=True)


def test_drawings_that_come_alive_carry_nothing():
    svg = render_svg(specification_json(error_types_chart(errors(["rat01"]), NAMES)))
    assert "data-" not in inline_svg(svg) and "rat01" not in inline_svg(svg)


# -- the page --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The cohort's page, with two drawings more in the chapter of behaviour."""
    folder = tmp_path_factory.mktemp("highlight")
    path = build(few(), folder)
    more = [error_types_chart(errors(["rat02", "rat30"]), NAMES),
            locking_chart(locking(["rat02", "rat30", "rat04"]), NAMES)]  # fmt: skip
    figures = "".join(
        '<figure><div class="chart more" role="img" aria-label="more"><div class="drawing">'
        f"{inline_svg(render_svg(specification_json(one)), choices=True)}</div></div></figure>"
        for one in more
    )
    head, mark, rest = path.read_text().partition('<section id="other"')
    before, end, after = head.rpartition("</section>")
    path.write_text(before + figures + end + after + mark + rest)
    return path


def test_every_chapter_with_figures_offers_a_choice(report, tmp_path):
    page = Page(report.read_text())
    offers = [a for a in page.all("div") if "data-choice" in a]
    assert len(offers) == 3 and all("hidden" in a and "data-blind" not in a for a in offers)
    values = [a["value"] for a in page.all("input") if a["name"] == "context-spikes"]
    assert values == ["", *CONTEXTS]
    blind = Page(build(few(), tmp_path, plan=plan(blind=True)).read_text())
    offers = [a for a in blind.all("div") if "data-choice" in a]
    assert offers and all("data-blind" in a for a in offers)


def sizes(seen, chapter):
    """Opacities of the points of a chapter's live charts."""
    return set(
        seen.page.eval_on_selector_all(
            f"#{chapter} .live .mark-symbol path[stroke-width='1.2']",
            "paths => paths.map((path) => path.getAttribute('opacity') || '1')",
        )
    )


def said(seen, chapter):
    return seen.page.locator(f"#{chapter} .choice [role=status]").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_choice_holds_in_charts_that_come_alive_later(visit, report, size):
    seen = visit(report, size)
    assert seen.states()[-1] == "waiting"
    choice = seen.page.locator("#oscillations .choice")
    choice.locator("select").select_option("rat02")
    choice.get_by_text("open field").click()
    assert "rat02 stands out in 2 of 2 figures; other rats are faded" in said(seen, "oscillations")
    assert "open field stands out in 2 of 2 figures" in said(seen, "oscillations")
    seen.scroll()
    assert sizes(seen, "oscillations") == {"0.2", "1"}
    assert sizes(seen, "spikes") == {"0.9"}  # each chapter has its own choice
    panels = seen.page.eval_on_selector_all(
        "#oscillations .live [data-c]",
        "all => all.map((one) => one.dataset.c + one.className.baseVal)",
    )
    ends = [(panel[0], panel.rpartition(" ")[2]) for panel in panels]
    assert ends == [("0", "away"), ("1", "here"), ("2", "away")] * 2
    links = choice.locator(".visits a")
    assert links.first.get_attribute("href").startswith("../sessions/rat02_")
    assert "vehicle" in choice.locator(".visits").inner_text()
    choice.get_by_role("button", name="Reset").click()
    assert sizes(seen, "oscillations") == {"0.9"} and said(seen, "oscillations") == ""
    assert seen.page.locator(".here, .away").count() == 0
    assert not choice.locator(".visits").is_visible()
    assert seen.page.evaluate("document.activeElement.tagName") == "SELECT"
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert seen.complaints == []


@pytest.mark.browser
def test_a_click_on_a_point_chooses_its_animal_and_another_one_lets_go(visit, report):
    seen = visit(report)
    chart = seen.page.locator("[id='chart-fig-band_power-theta-at-mPFC']")
    chart.scroll_into_view_if_needed()
    chart.locator(".live").wait_for(state="visible")
    point = chart.locator(".live g.mark-symbol path").nth(3)
    select = seen.page.locator("#oscillations .choice select")
    point.click(force=True)
    assert select.input_value().startswith("rat")
    assert sizes(seen, "oscillations") == {"0.2", "1"}
    chart.locator(".live path[stroke-width='1.2'][opacity='1']").first.click(force=True)
    assert select.input_value() == ""


@pytest.mark.browser
def test_the_choice_is_worked_by_keys_and_told_in_words(visit, report):
    seen = visit(report)
    keys = seen.page.keyboard
    seen.page.locator("#spikes .choice select").focus()
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.press("ArrowRight")
    words = said(seen, "spikes")
    assert "rat01 stands out in 1 of 1 figures" in words and "home cage stands out" in words
    keys.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Reset"
    keys.press("Enter")
    assert said(seen, "spikes") == ""


@pytest.mark.browser
def test_drawings_take_part(visit, report):
    seen = visit(report)
    choice = seen.page.locator("#flexibility .choice")
    assert "rat30" in choice.locator("select").inner_text()  # that only the drawings hold
    drawn = seen.page.locator("#flexibility .more").first
    drawn.scroll_into_view_if_needed()
    drawn.locator("[data-a=rat30][fill]").first.click(force=True)
    assert choice.locator("select").input_value() == "rat30"
    assert "rat30 stands out in 2 of 4 figures (2 show no single rat" in said(seen, "flexibility")
    assert not choice.locator(".visits").is_visible()  # no session of it is known
    state = seen.page.eval_on_selector_all(
        ".more [data-a]:not([data-a*='␟'])",
        "marks => marks.map((m) => [m.dataset.a, getComputedStyle(m).opacity, m.classList.value])",
    )
    assert {tuple(row) for row in state} == {("rat30", "1", "mine"), ("rat02", "0.22", "others")}
    strokes = seen.page.eval_on_selector_all(
        ".more path.own:not(.ground)", "all => all.map((one) => one.getAttribute('d'))"
    )
    # of the two broken lines of each context one has a stroke of it
    assert [d.count("M") for d in strokes] == [1, 1]
    choice.get_by_text("home cage").click()
    assert seen.page.locator(".more .here").count() == seen.page.locator(".more .away").count() > 0
    frame = ".more .here > g > path:first-child"
    widths = seen.page.eval_on_selector_all(
        frame, "all => all.map((p) => getComputedStyle(p).strokeWidth)"
    )
    assert set(widths) == {"2px"}
    assert seen.complaints == []


@pytest.mark.browser
def test_an_animal_stands_out_of_a_crowd(visit, report, tmp_path):
    """Its dot, one of 60, is copied out of each of four paths; a click on a crowd says nothing."""
    svg = inline_svg(
        render_svg(
            specification_json(error_types_chart(errors([f"rat{n:02d}" for n in range(60)]), NAMES))
        ),
        choices=True,
    )
    shown = f'<figure><div class="chart crowd"><div class="drawing">{svg}</div></div></figure>'
    before, more, after = report.read_text().partition('<figure><div class="chart more"')
    path = tmp_path / "index.html"
    path.write_text(before + shown + more + after)
    seen = visit(path)
    select = seen.page.locator("#flexibility .choice select")
    select.select_option("rat44")
    crowds = [
        one for one in ElementTree.fromstring(str(svg)).iter() if BETWEEN in one.get("data-a", "")
    ]
    expected = [re.findall(r"M[^M]+", one.get("d"))[44] for one in crowds]
    found = seen.page.eval_on_selector_all(
        ".crowd path.own:not(.ground)", "all => all.map((one) => one.getAttribute('d'))"
    )
    assert found == expected and len(found) == 4
    faded = f".crowd [data-a*='{BETWEEN}']"
    opacities = seen.page.eval_on_selector_all(
        faded, "all => all.map((one) => getComputedStyle(one).opacity)"
    )
    assert opacities == ["0.22"] * 4
    seen.page.locator(faded).first.dispatch_event("click")
    assert select.input_value() == "rat44" and seen.complaints == []


@pytest.mark.browser
def test_on_paper_and_without_scripts_nothing_is_chosen(visit, report):
    seen = visit(report)
    choice = seen.page.locator("#flexibility .choice")
    choice.locator("select").select_option("rat30")
    seen.page.emulate_media(media="print")
    assert not choice.is_visible()
    faint = "marks => marks.filter((m) => getComputedStyle(m).opacity < 0.4).length"
    assert seen.page.eval_on_selector_all(".more [data-a]", faint) == 0
    still = visit(report, java_script_enabled=False)
    assert still.page.locator(".choice:visible").count() == 0


@pytest.mark.browser
def test_while_blind_sessions_stand_without_their_condition(visit, report):
    seen = visit(report)
    choice = seen.page.locator("#spikes .choice")
    choice.evaluate("bar => { bar.dataset.blind = ''; }")
    choice.locator("select").select_option("rat01")
    words = choice.locator(".visits").inner_text()
    assert "rat01_" in words and "(" not in words
