"""Units in the report: what is drawn is what the tables say, and what is absent is said."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from types import SimpleNamespace

import cohorts
import numpy as np
import pandas as pd
import pytest
import spikes_example as example
from report_example import few
from spikes_example import CALLS, DRUGS, NAMES, make
from test_report_page import Page
from test_report_sessions import decode
from vega import valid

from pipeline.errors import InputError
from pipeline.experiment.spike_options import SpikeOptions
from pipeline.registry import metrics
from pipeline.report import write_figures, write_report
from pipeline.report.drawing import render_svg
from pipeline.report.embed import inline_svg
from pipeline.report.figures import specification_json
from pipeline.report.methods_spikes import spikes_text
from pipeline.report.names import Names
from pipeline.report.png import palette
from pipeline.report.spikes import SpikeTables, spike_figures
from pipeline.report.spikes_curves import arms_of, domain_of
from pipeline.report.spikes_maps import ROWS, map_matrix
from pipeline.report.spikes_quality import unit_quality
from pipeline.report.spikes_rates import dots, log_ticks
from pipeline.report.style import CONDITION_COLOURS, REFERENCE_COLOURS
from pipeline.steps.report import spike_tables

PLAN = cohorts.two_levels(species="rat")
NAMES_OF = Names(plan=PLAN, metrics=metrics())
KINDS = ("unit-rates", "unit-changes", "modulated-units", "spike-locking", "preferred-phase",
         "event-rates", "autocorrelograms")  # fmt: skip
HOSTILE = "<script>alert(1)</script>"
SORTED = {"units": "unit_quality", "modulation": "unit_modulation",
          "fractions": "modulation_fractions"}  # fmt: skip


SETTINGS = {"config": {"spikes": {"modulation": {"level": 0.05, "least_log2": 1.0}}}}


def tables_in(folder):
    named = {SORTED.get(name, name): path for name, path in vars(make(folder)).items()}
    return spike_tables(SimpleNamespace(**named), SETTINGS)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return tables_in(tmp_path_factory.mktemp("spikes"))


@pytest.fixture(scope="module")
def drawn(tables):
    """Figures and their specifications by name."""
    figures, absent = spike_figures(tables, NAMES_OF)
    assert absent == []
    # CA1 alone where every kind is there; the maps and calls of mPFC, where something is planted
    wanted = [f for f in figures if "CA1" in f.name or f.name.startswith(("unit-", "modulated"))]
    return {figure.name: (figure, valid(figure.draw())) for figure in wanted}


def only(table, /, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    return table


def records(specification):
    """All records of a chart, inline and named."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            found.extend(node.get("values", []) if isinstance(node.get("values"), list) else [])
            for key, value in node.items():
                if key != "datasets":
                    walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(specification)
    sets = specification.get("datasets", {})
    found += [row for rows in sets.values() for row in rows]
    return [row for row in found if isinstance(row, dict)]


def plainly(text):
    return text.replace("\xa0", " ")


# -- figures -----------------------------------------------------------------------------------


def test_every_region_has_every_figure_with_its_n(tables):
    figures, _ = spike_figures(tables, NAMES_OF)
    names = [figure.name for figure in figures]
    # trials are there in the open field only, nothing is locked in mPFC
    expected = [f"{kind}-{region}" for region in ("CA1", "mPFC") for kind in KINDS]
    expected.remove("preferred-phase-mPFC")
    assert names == expected
    units = {"CA1": 5, "mPFC": 7}
    for figure in figures:
        said, region = plainly(figure.caption), figure.name.rpartition("-")[2]
        if figure.name.startswith("preferred"):
            assert "n = 5 rats in each condition, 10 sessions" in said
            assert "50 locked units" in said and "not tested" in said
        else:
            assert f"10 sessions, {10 * units[region]} units in sessions" in said, figure.name
            assert "n = 5 rats" in said
        assert figure.title.count(region) == 1


def test_changes_of_units_are_said_to_fall_by_regression(tables):
    figures, _ = spike_figures(tables, NAMES_OF)
    for figure in figures:
        if figure.name.startswith(("unit-", "modulated-units")):
            assert "regression to the mean" in figure.caption
            assert "vehicle" in figure.caption or "the reference" in figure.caption
    (scatter,) = [f for f in figures if f.name == "unit-changes-mPFC"]
    assert "No test takes these units together" in scatter.caption


def test_captions_tell_what_a_call_needs_and_how_many_sure_changes_it_leaves_out(tables):
    rows = tables.modulation[tables.modulation["region"] == "mPFC"].copy()
    rows["q"], rows["call"] = 0.2, 0
    # three with a small q: one called, one too small, one whose step goes the other way
    rows.iloc[:3, rows.columns.get_indexer(["q", "call"])] = [[0.01, 1], [0.01, 0], [0.049, 0]]
    own = replace(tables, modulation=rows, rule={"level": 0.05, "least_log2": 1.0})
    said = {f.kind: f.caption for f in spike_figures(own, NAMES_OF)[0] if "mPFC" in f.title}
    for kind in ("Before and after", "Calls"):
        assert "q below 0.05 and a change of at least 1 on log2 (2 times)" in said[kind]
        assert f": 2 of {len(rows)} tests of a unit in a cell." in said[kind]
    alone = replace(own, rule={"level": 0.1, "least_log2": None})
    said = {f.kind: f.caption for f in spike_figures(alone, NAMES_OF)[0] if "mPFC" in f.title}
    assert "Called: q below 0.1. " in said["Calls"] and "log2 (" not in said["Calls"]


def test_maps_show_units_by_time_sorted_by_their_change(tables, drawn):
    rows = only(tables.unit_rates, region="mPFC", condition="psilocybin", context="all contexts")
    half = rows["width_min"].iloc[0] / 2
    ends = (rows["minute"].min() - half, rows["minute"].max() + half)
    matrix = map_matrix(rows, ends, half)
    assert matrix.shape == (5 * 7, 60)
    after = np.nanmean(matrix[:, 30:], axis=1)
    assert np.all(np.diff(after) <= 1e-9)  # most risen on top
    assert after[:15] == pytest.approx([1.0] * 15, abs=0.1)  # three of seven double
    assert after[-5:] == pytest.approx([-1.0] * 5, abs=0.1)  # one halves
    assert np.isnan(matrix[:, 29:31]).all()  # handling
    _, specification = drawn["unit-rates-mPFC"]
    urls = [row["u"] for row in records(specification) if "u" in row]
    assert len(urls) == 3 * 2 + 1  # three contexts with all of them, two conditions, the key
    picture = decode(base64.b64decode(urls[1].partition(",")[2]))  # psilocybin, all contexts
    colours = palette(("#0b3c5d", "#3f7ea6", "#a9cbe0", "#f5f5f2", "#e9bd8b", "#b86f2c", "#6b3410"))
    assert picture.shape[:2] == matrix.shape
    assert picture[0, 45, :3].tolist() == colours[round(254 * 3 / 4)].tolist()  # log2 of 2 is 1
    assert picture[0, 30, 3] == 0  # no value, no colour


def test_the_file_beside_a_map_holds_its_values(tables, drawn):
    figure, _ = drawn["unit-rates-mPFC"]
    assert len(figure.data) == 5 * 2 * 7 * 3  # rats, sessions, units, contexts and all of them
    rows = only(tables.unit_rates, region="mPFC", session="r2_1", unit_id="u1",
                context="open_field")  # fmt: skip
    (line,) = only(figure.data, session="r2_1", unit_id="u1", context="open_field").to_dict(
        "records"
    )
    for minute, value in zip(rows["minute"], rows["log2_over_baseline"], strict=True):
        assert line[f"{round(minute, 3):g}"] == pytest.approx(value, abs=6e-4)
    assert line["after_log2"] == pytest.approx(rows["after_log2"].iloc[0], abs=6e-4)


def test_maps_of_many_units_are_means_of_neighbours():
    n = 3 * ROWS
    level = np.linspace(1, -1, n)
    rows = pd.DataFrame({"session": "s", "unit_id": [str(i) for i in range(n)], "minute": 0.5,
                         "after_log2": level, "log2_over_baseline": level})  # fmt: skip
    matrix = map_matrix(rows, (0.0, 1.0), 0.5)
    assert matrix.shape == (ROWS, 1)
    assert matrix[:, 0] == pytest.approx(level.reshape(ROWS, 3).mean(axis=1))


def test_points_lie_at_their_rates_and_each_place_is_drawn_once(drawn):
    _, specification = drawn["unit-changes-mPFC"]
    up = {(r["x"], r["y"]) for r in records(specification) if r.get("k") == "up" and r["y"]}
    # five rats with the same three units, in two contexts: three places in two panels
    assert len(up) == 3
    shift = {round(y - x, 1) for x, y in up}
    assert shift == {0.3}  # twice the rate
    down = {(r["x"], r["y"]) for r in records(specification) if r.get("k") == "down" and r["y"]}
    assert {round(y - x, 1) for x, y in down} == {-0.3}


def test_silent_units_lie_on_the_edge():
    rows = pd.DataFrame({"before_hz": [1.0], "after_hz": [0.0], "call": [-1]})
    records_ = dots(rows, (-1.0, 1.0), 100.0)
    assert (records_[0]["x"], records_[0]["y"]) == (0.0, -1.0)
    assert records_[2]["y"] is None  # the line breaks


def test_axes_of_rates_have_ticks_in_a_short_range_too():
    assert [round(10**tick, 6) for tick in log_ticks((-0.1, 1.5))] == [1, 2, 5, 10, 20]
    assert log_ticks((-1.2, 1.5)) == [-1, 0, 1]


def test_panels_count_calls(drawn):
    _, specification = drawn["unit-changes-mPFC"]
    subtitles = [panel["title"]["subtitle"] for panel in specification["concat"]]
    assert [plainly(s) for s in subtitles] == [
        "35 units, 5 rats: 0 up, 0 down", "35 units, 5 rats: 15 up, 5 down"
    ] * 2  # fmt: skip


def test_bars_are_the_animals_shares_with_the_reference_across(drawn):
    _, specification = drawn["modulated-units-mPFC"]
    bars = [r for r in records(specification) if "to" in r]
    up = [r for r in bars if r["k"] == "up"]
    assert len(up) == 5 * 2 and {r["a"] for r in up} == {"r0", "r1", "r2", "r3", "r4"}
    assert {round(r["to"] - r["from"], 3) for r in up} == {round(3 / 7, 3)}
    assert {r["to"] for r in up} == {1.0}
    down = [r for r in bars if r["k"] == "down"]
    assert {(r["from"], round(r["to"], 3)) for r in down} == {(0.0, round(1 / 7, 3))}
    # the vehicle session had none: its lines lie at 0 and 1, across psilocybin's bars alone
    lines = [r for r in records(specification) if "a" in r and "to" not in r]
    assert len(lines) == 2 * 5 * 2 and {r["from"] for r in lines} == {0.0, 1.0}


def test_locking_shows_animals_and_their_mean(tables, drawn):
    _, specification = drawn["spike-locking-CA1"]
    found = [r for r in records(specification) if "m" in r and r["v"] is not None]
    assert {r["v"] for r in found} == {0.08, 0.0}
    means = only(tables.locking_bands, part="mean", region="CA1", phase="acute", band="theta")
    assert means["ppc"].tolist() == pytest.approx([0.08] * 4)
    domain = json.dumps(specification)
    for colour in (REFERENCE_COLOURS[0], CONDITION_COLOURS[0]):
        assert colour in domain


def test_preferred_phases_point_where_they_were_planted(drawn):
    _, specification = drawn["preferred-phase-CA1"]
    found = [r for r in records(specification) if r.get("c") in DRUGS and r["y"]]
    assert {(round(r["x"], 6), round(r["y"], 6)) for r in found} == {(0.0, 1.0)}
    # only theta is locked: its panels alone
    titles = [panel["title"]["text"] for panel in specification["concat"]]
    assert titles == ["theta", ""]


def test_curves_of_a_drug_stand_beside_its_reference(tables, drawn):
    _, specification = drawn["event-rates-CA1"]
    panels = [panel["title"]["text"] for panel in specification["concat"]]
    assert panels == ["Cue", "Choice"]  # one drug: the legend names it
    found = records(specification)
    for drug in DRUGS:
        curve = {r["x"]: r["m"] for r in found if r.get("p") == "0/cue" and r["c"] == drug}
        assert len(curve) == 60
        assert curve[0.225] == pytest.approx(4.0) and curve[-0.475] == pytest.approx(0.0)
        late = [r for r in found if r.get("p") == "0/choice" and r["c"] == drug]
        assert late[-1]["m"] is None  # a bin that nobody saw
    _, rhythm = drawn["autocorrelograms-CA1"]
    lags = sorted({r["x"] for r in records(rhythm) if "p" in r})
    assert lags[0] >= 0.01 and lags[-1] <= 0.25


def test_codes_are_not_set_against_a_reference(tables):
    plan = PLAN.model_copy(
        update={
            "blind": True,
            "conditions": tuple(
                c.model_copy(update={"reference": None, "is_reference": False})
                for c in PLAN.conditions
            ),
        }
    )
    names = Names(plan=plan, metrics=metrics())
    assert arms_of(DRUGS, names) == [DRUGS]
    figures, _ = spike_figures(tables, names)
    for figure in figures:
        assert "beside vehicle" not in figure.caption and "Lines across" not in figure.caption
    (bars,) = [f for f in figures if f.name == "modulated-units-mPFC"]
    assert not [r for r in records(bars.draw()) if "a" in r and "to" not in r]


def test_wide_intervals_do_not_hide_the_curves():
    means = pd.DataFrame({"v": np.zeros(100), "v_low": -1.0, "v_high": 1.0})
    means.loc[0, ["v_low", "v_high"]] = (-500.0, 500.0)
    low, high = domain_of(means, "v")
    assert -2 < low < -1 and 1 < high < 2
    assert domain_of(means.iloc[:0], "v") == (-1.0, 1.0)


def test_what_the_data_do_not_allow_is_said(tables):
    gone = ("modulation", "fractions", "locking_bands", "event_rates", "autocorrelograms")
    empty = {name: getattr(tables, name).iloc[:0] for name in gone}
    figures, absent = spike_figures(replace(tables, **empty), NAMES_OF)
    assert {figure.kind for figure in figures} == {"Rates of units"}
    assert len(absent) == 6 and all(line.endswith(".") for line in absent)
    nothing = replace(tables, **empty, unit_rates=tables.unit_rates.iloc[:0])
    assert spike_figures(nothing, NAMES_OF) == ([], []) == spike_figures(None, NAMES_OF)


# -- pages -------------------------------------------------------------------------------------


def test_pictures_inside_a_drawing_stay_and_others_are_refused():
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    inside = f'{head} width="9"><image xlink:href="data:image/png;base64,AAAA"/></svg>'
    kept = inline_svg(inside)
    assert 'href="data:image/png;base64,AAAA"' in kept and "pixelated" in kept
    for address in ("https://example.org/x.png", "x.png", "data:image/svg+xml;base64,AAAA", ""):
        with pytest.raises(InputError, match="image"):
            inline_svg(f'{head} width="9"><image xlink:href="{address}"/></svg>')
    with pytest.raises(InputError, match="image"):
        inline_svg(f'{head} width="9"><image/></svg>')


def test_a_drawing_loses_only_what_nobody_sees(drawn):
    _, specification = drawn["modulated-units-mPFC"]
    svg = render_svg(json.dumps(specification))
    small = inline_svg(svg)
    assert len(small) < 0.8 * len(svg)
    assert small.count("<text") == svg.count("<text")
    assert "class=" not in small and "translate(0,0)" not in small
    long = 'width="9"><path d="M1.23456,2.999L-0.0012,5" transform="translate(1.5,2)"/></svg>'
    path = inline_svg(f'<svg xmlns="http://www.w3.org/2000/svg" {long}')
    assert 'd="M1.23,3L0,5"' in path and 'transform="translate(1.5,2)"' in path


def test_hostile_names_are_text(tmp_path, tables):
    """Units, animals, regions and bands are named by others."""
    bad = {
        name: getattr(tables, name).assign(
            **{column: HOSTILE for column in ("region", "animal", "unit_id", "band")
               if column in getattr(tables, name)}
        )
        for name in ("modulation", "fractions", "locking_bands")
    }  # fmt: skip
    bad["fractions"] = bad["fractions"].drop_duplicates(["part", "condition", "context"])
    bad["locking_bands"] = bad["locking_bands"].drop_duplicates(
        ["part", "condition", "context", "phase"]
    )
    hostile = SpikeTables(
        **bad, event_rates=tables.event_rates.iloc[:0],
        autocorrelograms=tables.autocorrelograms.iloc[:0], unit_rates=tables.unit_rates.iloc[:0],
        units=pd.DataFrame({"session": ["s"], "unit_id": [HOSTILE], "region": [HOSTILE],
                            "kept": ["no"], "reason": [f"labelled {HOSTILE}; {HOSTILE} 3"]}),
    )  # fmt: skip
    one = few()
    folder, plan = tmp_path / "figures", PLAN
    nothing = one.outcomes.iloc[:0]
    args = (nothing, one.contrasts.iloc[:0], one.verdicts.iloc[:0])
    write_figures(*args, plan, metrics(), folder, units=hostile)
    written = write_report(
        *args, one.completeness, plan=plan, metrics=metrics(), design=one.design,
        methods=one.methods, figures=folder, path=tmp_path / "index.html", units=hostile,
    )  # fmt: skip
    text = written.read_text()
    page = Page(text)
    assert "alert(1)" in page.text and "<script>alert" not in text
    assert "Units that go up, stay and go down" in page.text
    links = [a["href"] for a in page.all("a") if "href" in a]
    assert "../cohort/unit_modulation.tsv" in links
    assert not [script for script in page.scripts if script.strip().startswith("alert")]


def test_units_are_counted_by_region():
    rows = pd.DataFrame(
        [
            ("s1", "1", "mPFC", "yes", "", "narrow", "no"),
            ("s1", "2", "mPFC", "no", "labelled mua; present in 0.55 of the baseline, below 0.9",
             "wide", "no"),
            ("s2", "1", "mPFC", "no", "labelled noise", "", "yes"),
            ("s2", "2", "CA1", "yes", "", "", "yes"),
            ("s2", "3", "CA1", "no", "snr 1.2, below 3", "wide", "no"),
        ],
        columns=["session", "unit_id", "region", "kept", "reason", "waveform_class", "drifting"],
    )  # fmt: skip
    table = unit_quality(rows)
    assert "5 units were sorted in 2 sessions; 2 units entered" in plainly(table.summary)
    ca1, mpfc = table.rows
    assert (mpfc.sorted, mpfc.kept, mpfc.left_out, mpfc.sessions) == ("3", "1", "2", "2")
    assert mpfc.classes == ("1", "0", "0", "0") and mpfc.drifting == "0"
    assert mpfc.reasons == "label of the sorting (2); presence in the baseline (1)"
    assert ca1.classes == ("0", "0", "0", "1") and ca1.drifting == "1" and ca1.reasons == "snr (1)"
    assert unit_quality(None) is None and unit_quality(rows.iloc[:0]) is None


# -- methods -----------------------------------------------------------------------------------


NEEDS = {"units", "irregularity", "modulation", "locking", "rate_power", "pairs", "groups",
         "periodicity", "spike_complexity", "responses", "selectivity", "decoding"}  # fmt: skip


def test_methods_tell_the_options_that_ran():
    options = SpikeOptions().model_dump(mode="json")
    text = plainly(spikes_text(options, needs=NEEDS))
    assert "[not stated]" not in text and "None" not in text
    for words in ("lab's existing sorting", "0.05 Hz", "0.9 of its bins", "fewer than 5",
                  "below 0.4 ms", "blocks of 60 s", "1999 permutations", "at least 1 on log2",
                  "at least 50 spikes", "[@vinck2010]", "[@kiefer2000]", "within 50 ms",
                  "0 to 0.5 s", "999 relabellings", "5 units and 10 trials"):  # fmt: skip
        assert words in text, words
    assert "interneuron" not in text
    changed = options | {"maximum_contamination": None, "minimum": {"snr": 3.0},
                         "modulation": options["modulation"] | {"trend": "none",
                                                               "least_log2": None}}  # fmt: skip
    text = plainly(spikes_text(changed, needs={"units", "modulation"}))
    assert "was not judged" in text and "snr of at least 3" in text
    assert "no drift was taken out" in text and "on log2" not in text
    assert "Locking" not in text and "ROC" not in text


def test_methods_tell_who_sorted():
    options = SpikeOptions.model_validate({"sorting": {"run": "simple"}}).model_dump(mode="json")
    text = plainly(spikes_text(options, needs={"units"}))
    assert "sorted by simple" in text and "300–6000 Hz" in text and "in one sort" in text
    assert spikes_text(options, needs={"spectrum"}) == ""
    assert "[not stated]" in spikes_text({}, needs={"units"})


def test_calls_of_the_example_are_what_figures_count():
    assert (CALLS > 0).sum() == 3 and (CALLS < 0).sum() == 1 and len(NAMES) == len(CALLS)
    assert example.REGIONS.count("CA1") == 5


def test_specifications_are_small_and_finite(drawn):
    for name, (_, specification) in drawn.items():
        assert "NaN" not in json.dumps(specification), name
    figure, _ = drawn["unit-rates-CA1"]
    text = specification_json(figure.draw())
    assert len(text) < 60_000


def test_three_drugs_have_a_row_each():
    conditions = [
        cohorts.condition("vehicle", None),
        *(cohorts.condition(name) for name in ("psilocybin", "MDMA")),
        cohorts.condition("alone", "other vehicle"),
    ]
    names = Names(plan=cohorts.two_levels(conditions=tuple(conditions)), metrics={})
    arms = arms_of(("vehicle", "psilocybin", "MDMA", "alone"), names)
    assert arms == [("vehicle", "psilocybin"), ("vehicle", "MDMA")]
    assert arms_of(("alone",), names) == [("alone",)]
