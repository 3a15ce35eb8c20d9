"""Time courses in the report: the cohort's own means and clusters, drawn and said."""

from __future__ import annotations

from functools import cache

import cohorts
import pandas as pd
import pytest
from report_example import methods
from time_course_example import cohort, step
from vega import valid

from pipeline.compare import compare
from pipeline.registry import metrics
from pipeline.report import write_figures, write_report
from pipeline.report.curve_words import EVERYWHERE
from pipeline.report.figures import specification_json, spreadsheet_safe
from pipeline.report.names import Names
from pipeline.report.time_courses import (
    EDGES,
    time_course_caption,
    time_course_data,
    time_course_lines,
    time_course_methods,
    time_course_title,
    time_course_views,
)
from pipeline.report.time_courses_chart import domain_of, time_course_chart

PLAN = cohorts.two_levels()
NAMES = Names(plan=PLAN, metrics=metrics())
MINUTES = {name: f"{name}_min" for name in ("start", "stop", "from", "to")}


@cache
def tables(orders="same", blind=False):
    """Psilocybin adds 2 dB from minute 20 on."""
    found = cohort(step, orders=orders, plan=blinded() if blind else None)
    means = found.means.rename(columns={"axis": "minute"})
    return means, found.clusters.rename(columns=MINUTES)


def blinded():
    codes = tuple(
        c.model_copy(update={"reference": None, "is_reference": False}) for c in PLAN.conditions
    )
    return PLAN.model_copy(update={"conditions": codes, "blind": True})


def view(**changes):
    (one,) = time_course_views(*tables(**changes), NAMES)
    return one


def plainly(text):
    return text.replace("\xa0", " ")


def test_the_caption_says_that_all_contexts_mix_contexts():
    said = plainly(time_course_caption(view(), NAMES))
    assert "different contexts at the same minute, in the curves as in the tests" in said
    assert "only over animals with balanced orders does it cancel" in said
    assert "Under all contexts a minute counts" in time_course_methods(tables()[1], NAMES)[0]


def test_a_row_per_drug_and_a_column_per_context():
    one = view()
    assert [(arm.label, arm.conditions) for arm in one.arms] == [
        ("psilocybin", ("vehicle", "psilocybin"))
    ]
    assert one.levels == (*cohorts.PLACES, EVERYWHERE)
    assert one.width == 1.0 and one.handling == (-2.0, 2.0)
    drawn = valid(time_course_chart(one, NAMES))
    # three panels, and a strip of speed under each
    assert len(drawn["concat"]) == 6
    assert [panel["height"] for panel in drawn["concat"]] == [120] * 3 + [34] * 3


def test_curves_are_the_means_of_the_table_and_break_where_nobody_was():
    means, _ = tables()
    records = time_course_chart(view(), NAMES)["datasets"]["curves"]
    home = [r for r in records if r["panel"].endswith("home_cage") and r["c"] == "psilocybin"]
    rows = means[(means["level"] == "home_cage") & (means["condition"] == "psilocybin")]
    rows = rows[rows["measure"] == "band_power"].set_index("minute")
    assert len(home) == 100  # every minute from -40 to 60
    for record in home:
        if record["x"] in rows.index and abs(record["x"]) > 2:
            assert record["m"] == pytest.approx(rows.loc[record["x"], "mean"], rel=1e-3)
        elif record["x"] not in rows.index:
            assert record["m"] is None
    # ten minutes in each place by turns
    assert sum(r["m"] is None for r in home) == 50


def test_the_administration_the_handling_and_the_clusters_are_marked():
    data = time_course_chart(view(), NAMES)["datasets"]
    assert data["handling"] == [{"x": -2.0, "to": 2.0}] and data["marks"][0]["x"] == 0
    bars = {
        bar["panel"].split("\N{SYMBOL FOR UNIT SEPARATOR}")[-1]: bar for bar in data["clusters"]
    }
    assert (bars[EVERYWHERE]["x"], bars[EVERYWHERE]["to"]) == (20.0, 60.0)
    assert plainly(bars[EVERYWHERE]["words"]) == "p = .008"


def test_handling_and_wide_intervals_do_not_set_the_scale():
    one = view()
    # during handling the power is 17 dB higher
    assert domain_of(one.curves)[1] < 4
    records = time_course_chart(one, NAMES)["datasets"]["curves"]
    assert max(r["h"] for r in records if r["h"] is not None) < 4
    wide = one.curves.assign(n_units=3, ci_low=-50.0, ci_high=50.0)
    assert domain_of(wide)[1] < 4


def test_every_test_is_listed_with_its_n():
    lines = time_course_lines(view(), NAMES)
    assert [line.contrast for line in lines] == [
        "minus vehicle, home cage", "minus vehicle, open field", "minus vehicle, all contexts"
    ]  # fmt: skip
    assert [line.n for line in lines] == ["8", "8", "8"]
    assert [plainly(said) for said in lines[2].clusters] == ["20 to 60 min: p = .008"]
    assert not any("cluster says" in line.note for line in lines)
    few = time_course_lines(view(orders="by animal"), NAMES)
    assert "at no time 5 animals" in few[0].note and few[0].p == "–"


def test_the_caption_says_what_is_drawn():
    said = plainly(time_course_caption(view(), NAMES))
    for words in (
        "n = 8 rats", "95 % t interval", "baseline in that context", "steps of 1 min",
        "those rats that were there then", EDGES, "mean speed of the rats",
    ):  # fmt: skip
        assert words in said, words
    assert "n = 4 to 8 rats at a time" in plainly(
        time_course_caption(view(orders="by animal"), NAMES)
    )
    assert time_course_title(view(), NAMES) == "Time course of theta band power, mPFC"


def test_methods_say_how_gaps_are_treated():
    (said,) = time_course_methods(tables()[1], NAMES)
    assert "fewer than 5" in said and "its gaps with it" in said
    assert time_course_methods(None, NAMES) == ()
    assert time_course_methods(tables(blind=True)[1], NAMES) == ()


def test_primary_bands_are_shown_or_all_without_any():
    means, clusters = tables()
    both = pd.concat([means, means[means["measure"] == "band_power"].assign(band="beta")])
    tests = pd.concat([clusters, clusters.assign(band="beta")])
    assert [one.band for one in time_course_views(both, tests, NAMES)] == ["theta", "beta"]
    named = PLAN.model_copy(update={"secondary": ("band_power/beta",)})
    shown = time_course_views(both, tests, Names(plan=named, metrics=metrics()))
    assert [one.band for one in shown] == ["beta"]


def test_while_blind_conditions_share_a_panel_and_nothing_is_compared():
    names = Names(plan=blinded(), metrics=metrics())
    (one,) = time_course_views(*tables(blind=True), names)
    assert [(arm.label, set(arm.conditions)) for arm in one.arms] == [
        ("", {"vehicle", "psilocybin"})
    ]
    said = time_course_caption(one, names)
    assert "no condition is compared with a reference" in said and "luster" not in said
    drawn = valid(time_course_chart(one, names))
    assert drawn["datasets"]["clusters"] == []
    titles = [panel["title"]["text"] for panel in drawn["concat"] if "title" in panel]
    assert titles == ["home cage", "open field", "all contexts"]
    assert "#7d838c" not in specification_json(
        time_course_chart(one, names)
    )  # the reference's grey
    assert time_course_lines(one, names) == ()
    assert len(time_course_data(one))


def test_data_hold_curves_speed_and_clusters():
    table = time_course_data(view())
    assert set(table["part"]) == {"band power", "speed", "cluster"}
    assert {"level", "condition", "minute", "mean", "ci_low", "n_units", "handling", "start_min",
            "p", "test_p_adjusted"} <= set(table)  # fmt: skip


def test_the_same_tables_give_the_same_bytes():
    means, clusters = tables()
    (other,) = time_course_views(means.copy(), clusters.copy(), NAMES)
    assert specification_json(time_course_chart(other, NAMES)) == specification_json(
        time_course_chart(view(), NAMES)
    )
    first, second = (spreadsheet_safe(time_course_data(one)) for one in (other, view()))
    pd.testing.assert_frame_equal(first, second)


def test_without_tables_there_are_no_time_courses():
    means, clusters = tables()
    assert list(time_course_views(None, None, NAMES)) == []
    assert list(time_course_views(means.iloc[:0], clusters.iloc[:0], NAMES)) == []


def page(tmp_path, **more):
    rows = cohorts.grid(7, levels=cohorts.PLACES)
    outcomes = cohorts.outcomes(rows, cohorts.noise(rows))
    known = {**cohorts.metrics(), "band_power": metrics()["band_power"]}
    found = compare(outcomes, PLAN, known)
    write_figures(outcomes, found.contrasts, found.verdicts, PLAN, known, tmp_path / "f", **more)
    done = pd.DataFrame({"session": rows["session"].unique()})
    done = done.assign(animal="x", excluded=False, exclude_reason="", reason="", warnings="")
    path = write_report(
        outcomes, found.contrasts, found.verdicts, done, plan=PLAN, metrics=known,
        design={"sessions": [], "anchors": [], "contexts": []}, methods=methods(),
        figures=tmp_path / "f", path=tmp_path / "index.html", **more,
    )  # fmt: skip
    return plainly(path.read_text())


def test_the_page_shows_them_after_the_outcomes_of_oscillations(tmp_path):
    means, clusters = tables()
    text = page(tmp_path, time_courses=means, time_clusters=clusters)
    chapter = text[text.index('<section id="oscillations"') : text.index('<section id="spikes"')]
    assert chapter.index('id="fig-power-at-mPFC"') < chapter.index("Time course of theta")
    assert EDGES in chapter and "20 to 60 min: p = .008" in chapter
    assert "timecourse_clusters.tsv" in text and "its gaps with it" in text
    for suffix in (".svg", ".pdf", ".tsv", ".vl.json"):
        name = f"time-course-of-theta-in-mPFC{suffix}"
        assert (tmp_path / "f" / name).stat().st_size > 500


def test_without_time_courses_the_page_has_no_such_section(tmp_path):
    means, clusters = tables()
    for name, tables_of in (("none", {}), ("empty", (means.iloc[:0], clusters.iloc[:0]))):
        keys = ("time_courses", "time_clusters")
        without = page(tmp_path / name, **dict(zip(keys, tables_of, strict=False)))
        assert "Time course of" not in without and "timecourse" not in without
