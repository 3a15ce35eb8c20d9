"""Figures: what they show, that they show what the tables say, and that they come out alike."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from report_example import ANIMALS, FEW, METRICS, cohort, few, plan
from scipy import stats
from vega import fault

from pipeline.experiment.plan import PlanCondition, PlanQuestion
from pipeline.report.embed import inline_svg
from pipeline.report.estimation import estimation_chart
from pipeline.report.figures import spreadsheet_safe, write_figures
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.style import (
    CONDITION_COLOURS,
    REFERENCE_COLOURS,
    colours_repeat,
    condition_colours,
    level_shapes,
)
from pipeline.report.survival import condition_dashes, isolated
from pipeline.report.views import (
    MANY,
    SUREST,
    FigureKey,
    animal_points,
    cell_means,
    figure_keys,
    figure_name,
    outcome_view,
    value_title,
)

HOSTILE = "<script>alert(1)</script>"
FORMULA = "=cmd()"


def write(cohort_, folder):
    return write_figures(
        cohort_.outcomes, cohort_.contrasts, cohort_.verdicts, cohort_.plan, cohort_.metrics, folder
    )


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "figures"
    return folder, write(few(), folder)


def view_of(cohort_, outcome, modifier="context"):
    names = Names(plan=cohort_.plan, metrics=cohort_.metrics)
    key = FigureKey(outcome=outcome, phase="acute", modifier=modifier)
    return outcome_view(key, cohort_.outcomes, Contrasts(cohort_.contrasts), names)


def read(folder, name):
    return json.loads((folder / f"{name}.vl.json").read_text())


def test_each_outcome_has_four_files(figures):
    folder, written = figures
    assert len(written) == 5 * (len(FEW) + 1)  # one is a time, with Kaplan-Meier curves
    assert {path.name for path in written} == {path.name for path in folder.iterdir()}
    stem = "band_power-theta-at-mPFC"
    for suffix in (".vl.json", ".svg", ".pdf", ".png", ".tsv"):
        assert (folder / f"{stem}{suffix}").stat().st_size > 500
    assert (folder / f"{stem}.pdf").read_bytes().startswith(b"%PDF")


def test_every_specification_keeps_to_the_schema(figures):
    written = [path for path in figures[1] if path.name.endswith(".vl.json")]
    assert len(written) == len(FEW) + 1
    assert [path.name for path in written if fault(json.loads(path.read_text()))] == []
    broken = read(figures[0], "band_power-theta-at-mPFC")
    broken["concat"][0]["layer"][0]["mark"] = {"type": "no mark"}
    assert fault(broken)


def test_same_tables_give_the_same_bytes(figures, tmp_path):
    folder, _ = figures
    one = cohort(only=FEW[:1])
    write(one, tmp_path / "again")
    rows = one.outcomes.sample(frac=1, random_state=1)
    shuffled = type(one)(**{**vars(one), "outcomes": rows})
    write(shuffled, tmp_path / "shuffled")
    for suffix in (".vl.json", ".svg", ".png", ".tsv"):
        again = (tmp_path / "again" / f"band_power-theta-at-mPFC{suffix}").read_bytes()
        other = (tmp_path / "shuffled" / f"band_power-theta-at-mPFC{suffix}").read_bytes()
        assert again == other
    # a third time, after other charts were made in this process
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".pdf"}
    write(few(), tmp_path / "few")
    assert before == {name: (tmp_path / "few" / name).read_bytes() for name in before}


def test_one_point_per_animal_condition_and_context(figures):
    animals = read(figures[0], "band_power-theta-at-mPFC")["datasets"]["animals"]
    keys = [(row["animal"], row["condition"], row["level"]) for row in animals]
    # eight animals, four conditions, three contexts, without the failed and the excluded session
    assert len(keys) == len(set(keys)) == 8 * 4 * 3 - 2 * 3
    assert {row["animal"] for row in animals} == set(ANIMALS)
    assert {row["sessions"] for row in animals if row["animal"] == "rat03"} == {
        "rat03_vehicle", "rat03_psilocybin", "rat03_MDMA"
    }  # fmt: skip


def test_an_animal_seen_in_several_sessions_is_one_point():
    one = few()
    rows = one.outcomes[
        (one.outcomes["outcome"] == "firing_rate@mPFC") & (one.outcomes["phase"] == "acute")
        & (one.outcomes["split"] == "")
    ]  # fmt: skip
    again = rows.assign(session="a_" + rows["session"], value=rows["value"] + 1)
    both = pd.concat([again, rows, again], ignore_index=True)
    before = animal_points(rows, modifier="context", plan=one.plan)
    points = animal_points(both, modifier="context", plan=one.plan)
    keys = ["animal", "condition", "level"]
    pd.testing.assert_frame_equal(points[keys], before[keys])
    assert set(before["n_sessions"]) == {1} and set(points["n_sessions"]) == {2}
    assert (points["sessions"] == "a_" + before["sessions"] + ", " + before["sessions"]).all()
    none = animal_points(rows.iloc[:0], modifier="context", plan=one.plan)
    assert none.empty and set(none) == set(points)


def test_points_are_changes_from_the_own_baseline_on_the_scale(figures):
    outcomes = few().outcomes
    row = outcomes[
        (outcomes["outcome"] == "band_power/theta@mPFC") & (outcomes["phase"] == "acute")
        & (outcomes["split"] == "") & (outcomes["session"] == "rat01_psilocybin")
        & (outcomes["context"] == "open_field")
    ].iloc[0]  # fmt: skip
    animals = read(figures[0], "band_power-theta-at-mPFC")["datasets"]["animals"]
    (point,) = [
        p for p in animals if p["sessions"] == "rat01_psilocybin" and p["level"] == "open_field"
    ]
    assert point["value"] == pytest.approx(row["value"] - row["baseline_value"], rel=1e-5)
    assert point["shown"].endswith("dB")


def test_means_and_intervals_agree_with_scipy():
    view = view_of(few(), "band_power/theta@mPFC")
    points = view.points
    for row in view.means.to_dict("records"):
        cell = points[
            (points["condition"] == row["condition"]) & (points["level"] == row["level"])
        ]["value"]
        low, high = stats.t.interval(0.95, len(cell) - 1, loc=cell.mean(), scale=stats.sem(cell))
        assert (row["mean"], row["low"], row["high"]) == pytest.approx((cell.mean(), low, high))
        assert row["n"] == len(cell)


def test_one_animal_has_no_interval():
    points = pd.DataFrame({"condition": ["a"], "level": ["x"], "value": [1.0]})
    (row,) = cell_means(points, confidence=0.95).to_dict("records")
    assert row["mean"] == 1.0
    assert math.isnan(row["low"]) and math.isnan(row["high"])


def test_effects_are_those_of_the_table(figures):
    effects = read(figures[0], "band_power-theta-at-mPFC")["datasets"]["effects"]
    table = few().contrasts
    table = table[
        (table["outcome"] == "band_power/theta@mPFC") & (table["phase"] == "acute")
        & (table["split"] == "") & table["contrast"].isin(["simple", "difference_of_differences"])
    ]  # fmt: skip
    assert len(effects) == len(table) == 3 * 3 + 3 * 2
    drawn = sorted((e["estimate"], e["low"], e["high"]) for e in effects)
    told = sorted(table[["estimate", "ci_low", "ci_high"]].itertuples(index=False, name=None))
    assert np.allclose(drawn, told, rtol=1e-5)


def test_data_table_holds_what_is_drawn(figures):
    table = pd.read_csv(figures[0] / "band_power-theta-at-mPFC.tsv", sep="\t")
    assert table["part"].value_counts().to_dict() == {
        "animal": 90, "mean": 12, "simple": 9, "difference_of_differences": 6
    }  # fmt: skip
    effect = table[(table["part"] == "difference_of_differences")
                   & (table["condition"] == "psilocybin")
                   & (table["level"] == "set_shifting")].iloc[0]  # fmt: skip
    row = few().verdicts.query("outcome == 'band_power/theta@mPFC' and split == ''"
                               " and condition == 'psilocybin'").iloc[0]  # fmt: skip
    assert effect["estimate"] == pytest.approx(row["interaction_estimate"])
    assert effect["p_adjusted"] == pytest.approx(row["interaction_p_adjusted"])


def test_vega_computes_no_statistics_and_loads_nothing(figures):
    for path in figures[0].glob("*.vl.json"):
        text = path.read_text()
        specification = json.loads(text)
        assert "aggregate" not in text and "errorb" not in text and "bootstrap" not in text
        assert '"url"' not in text
        # named data, and single rows for the lines at zero and the band
        rows = {name: len(data) for name, data in specification["datasets"].items()}
        curves = path.name.endswith("-kaplan-meier.vl.json")
        assert ({"curves", "key"} if curves else {"animals", "means", "effects"}) <= set(rows)
        assert all(n == 1 for name, n in rows.items() if name.startswith("data-"))


def test_every_axis_of_values_has_a_unit(figures):
    titles = json.dumps(read(figures[0], "trials_to_criterion"))
    assert "Trials to criterion" in titles and '"trials"' in titles
    assert '"minus vehicle, trials"' in titles
    assert value_title("band_power/theta@mPFC", Names(plan=plan(), metrics=METRICS)) == [
        "Theta band power, mPFC", "dB, change from baseline"
    ]  # fmt: skip


def test_censored_animals_are_hollow_and_say_so(figures):
    animals = read(figures[0], "trials_to_criterion")["datasets"]["animals"]
    censored = [row for row in animals if row["censored"]]
    assert censored
    assert all("at least" in row["remark"] for row in censored)
    assert '"transparent"' in (figures[0] / "trials_to_criterion.vl.json").read_text()


def test_one_context_has_one_panel_and_no_differences(figures):
    panels = read(figures[0], "trials_to_criterion")["concat"]
    assert len(panels) == 2
    assert len(read(figures[0], "band_power-theta-at-mPFC")["concat"]) == 3 + 2


def test_the_band_is_the_declared_smallest_effect(figures):
    datasets = read(figures[0], "firing_rate-at-mPFC")["datasets"].values()
    assert [{"from": -0.4, "to": 0.4}] in datasets


def test_colours_are_fixed_by_the_plan_and_references_grey():
    colours = condition_colours(plan())
    assert colours["vehicle"] == REFERENCE_COLOURS[0]
    assert colours["psilocybin"] == CONDITION_COLOURS[0]
    more = plan(
        conditions=[
            *plan().conditions,
            PlanCondition(name="ketanserin_vehicle", reference=None, drug="saline",
                          is_reference=True),
        ]
    )  # fmt: skip
    assert condition_colours(more)["ketanserin_vehicle"] == REFERENCE_COLOURS[1]
    assert {name: condition_colours(more)[name] for name in colours} == colours


def test_shapes_belong_to_contexts_whatever_a_figure_shows():
    assert level_shapes(["set_shifting"], plan())["set_shifting"] == "triangle-up"
    assert level_shapes(["home_cage", "set_shifting"], plan())["set_shifting"] == "triangle-up"


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast_ratio(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colour", [*CONDITION_COLOURS, *REFERENCE_COLOURS])
@pytest.mark.parametrize("page", ["#fcfbf8", "#14171b"])
def test_marks_stand_out_from_light_and_dark_pages(colour, page):
    assert contrast_ratio(colour, page) >= 3  # WCAG 2.1, 1.4.11


def test_neighbouring_colours_differ_without_colour_vision():
    """Machado et al. 2009 (severity 1), differences in CIELAB."""
    deuteranope = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                            [-0.011820, 0.042940, 0.968881]])  # fmt: skip
    protanope = np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                          [-0.003882, -0.048116, 1.051998]])  # fmt: skip

    def lab(colour, matrix):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        linear = np.clip(matrix @ linear, 0, 1)
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
                        [0.0193, 0.1192, 0.9505]]) @ linear / (0.9505, 1, 1.089)  # fmt: skip
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    first = [REFERENCE_COLOURS[0], *CONDITION_COLOURS[:4]]
    for matrix in (np.eye(3), deuteranope, protanope):
        seen = [lab(colour, matrix) for colour in first]
        gaps = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
        assert min(gaps) > 15


def test_several_phases_and_questions_have_their_own_figures():
    several = plan(
        phases=["acute", "late"],
        questions=[
            PlanQuestion(modifier="context", reference="home_cage", levels=plan().contexts,
                         phases=["acute", "late"]),
            PlanQuestion(modifier="sex", reference="F", levels=["F", "M"], phases=["acute"]),
        ],
    )  # fmt: skip
    names = Names(plan=several, metrics=METRICS)
    rows = pd.DataFrame(
        [{"outcome": "trials_to_criterion", "phase": p, "split": ""} for p in ("acute", "late")]
        + [{"outcome": "trials_to_criterion", "phase": "acute", "split": "movement"}]
    )
    assert [figure_name(key, names) for key in figure_keys(rows, names)] == [
        "trials_to_criterion-in-acute",
        "trials_to_criterion-in-late",
        "trials_to_criterion-by-sex-in-acute",
    ]


def test_another_modifier_makes_its_own_panels():
    sexes = PlanQuestion(modifier="sex", reference="F", levels=["F", "M"], phases=["acute"])
    by_sex = cohort(only=FEW[:1], questions=[sexes])
    view = view_of(by_sex, FEW[0], "sex")
    assert view.levels == ("F", "M")
    # contexts are averaged: one point per animal and condition
    assert len(view.points) == 8 * 4 - 2
    assert {effect.level for effect in view.effects} == {"F", "M"}


def hostile_cohort():
    """The example with labels that a page or a spreadsheet might run."""
    base = plan()
    conditions = [
        base.conditions[0],
        PlanCondition(name=HOSTILE, reference="vehicle", drug=HOSTILE, is_reference=False),
    ]
    plain = cohort(only=FEW[:1])
    rename = {"psilocybin": HOSTILE, "open_field": FORMULA, "rat01": f"{FORMULA}{HOSTILE}"}
    outcomes, contrasts, verdicts = (
        table.replace(rename)[lambda rows: ~rows["condition"].isin(["ketamine", "MDMA"])]
        for table in (plain.outcomes, plain.contrasts, plain.verdicts)
    )
    contexts = ["home_cage", FORMULA, "set_shifting"]
    of = plan(
        title=HOSTILE,
        conditions=conditions,
        contexts=contexts,
        questions=[PlanQuestion(modifier="context", reference="home_cage", levels=contexts,
                                phases=["acute"])],
    )  # fmt: skip
    return type(plain)(
        **{**vars(plain), "plan": of, "outcomes": outcomes, "contrasts": contrasts,
           "verdicts": verdicts}
    )  # fmt: skip


def test_hostile_labels_are_text_in_pictures_and_no_formulas_in_tables(tmp_path):
    write(hostile_cohort(), tmp_path)
    svg = (tmp_path / "band_power-theta-at-mPFC.svg").read_text()
    assert "<script" not in svg and "&lt;script&gt;" in svg
    assert "&lt;script&gt;" in inline_svg(svg)
    lines = (tmp_path / "band_power-theta-at-mPFC.tsv").read_text().splitlines()
    cells = [cell for line in lines for cell in line.split("\t")]
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


def test_negative_numbers_stay_numbers_in_tables():
    table = pd.DataFrame({"label": ["-a", "+b", "c"], "value": [-1.0, 2.0, -3.0]})
    safe = spreadsheet_safe(table)
    assert list(safe["label"]) == ["'-a", "'+b", "c"]
    assert list(safe["value"]) == [-1.0, 2.0, -3.0]


def test_a_figure_without_data_is_not_drawn(tmp_path):
    one = few()
    empty = one.outcomes.assign(value=np.nan)
    assert write(type(one)(**{**vars(one), "outcomes": empty}), tmp_path) == []


def test_of_many_exploratory_outcomes_those_with_an_effect_are_drawn():
    tables = cohort()
    names = Names(plan=tables.plan, metrics=tables.metrics)
    first = figure_keys(tables.outcomes, names)[0].outcome
    one = tables.outcomes[tables.outcomes["outcome"] == first].assign(priority="exploratory")
    contrasts = tables.contrasts[tables.contrasts["outcome"] == first]
    many, tests = [tables.outcomes], [tables.contrasts]
    for number in range(MANY + 1):
        name = f"band_power/theta@R{number:02d}"
        many.append(one.assign(outcome=name))
        found = 0.01 if number == 7 else 0.5
        tests.append(contrasts.assign(outcome=name, p_adjusted=1 - found, q_value=found))
    outcomes, index = pd.concat(many), Contrasts(pd.concat(tests))
    drawn = {key.outcome for key in figure_keys(outcomes, names, index)}
    declared = tables.outcomes[tables.outcomes["priority"] != "exploratory"]
    assert set(declared["outcome"]) <= drawn
    assert {name for name in drawn if name.startswith("band_power/theta@R")} == {
        "band_power/theta@R07"
    }
    # where all of them are found, the surest: those of the cohort itself, then these in their order
    sure = [one.assign(q_value=0.001 * (at + 1)) for at, one in enumerate(tests[1:])]
    found = figure_keys(outcomes, names, Contrasts(pd.concat([tests[0], *sure])))
    exploratory = set(outcomes.loc[outcomes["priority"] == "exploratory", "outcome"])
    chosen = {key.outcome for key in found} & exploratory
    assert len(chosen - set(tables.plan.declared)) == SUREST
    new = sorted(name for name in chosen if name.startswith("band_power/theta@R"))
    assert new == [f"band_power/theta@R{number:02d}" for number in range(len(new))] and new
    few = pd.concat(many[: MANY - tables.outcomes["outcome"].nunique()])
    everything = {key.outcome for key in figure_keys(few, names, index)}
    assert everything == set(few["outcome"])


# -- the drawings of the page ---------------------------------------------------------------------

OF_WORDS = {"font-size", "font-weight", "font-style", "text-anchor"}
INHERITED = OF_WORDS | {"fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity",
                        "stroke-dasharray", "stroke-dashoffset", "stroke-linecap",
                        "stroke-linejoin"}  # fmt: skip


def looks(svg):
    """What each mark of a drawing shows, from itself or the nearest group around it that says."""
    marks = []

    def walk(element, given):
        given = given | {name: element.attrib[name] for name in INHERITED if name in element.attrib}
        name = element.tag.rpartition("}")[2]
        if name not in ("svg", "g"):
            # no shape has letters
            shown = INHERITED if name in ("text", "tspan") else INHERITED - OF_WORDS
            own = {k: v for k, v in element.attrib.items() if k not in INHERITED}
            marks.append((name, own, {k: given[k] for k in shown if k in given}))
        for child in element:
            walk(child, given)

    walk(ElementTree.fromstring(svg), {})
    return marks


def test_what_members_say_alike_stands_once_on_their_group():
    plain = (
        '<svg xmlns="http://www.w3.org/2000/svg"><g>'
        '<path d="M0,0" fill="red" stroke="blue" opacity="0.5"/>'
        '<path d="M1,1" fill="red"/><path d="M2,2" fill="green"/>'
        '<text fill="red" font-size="9px">a</text><text fill="red" font-size="9px">b</text>'
        "</g></svg>"
    )
    kept = str(inline_svg(plain))
    # not every mark names a stroke: it stays where it is; opacity is never inherited
    assert '<g font-size="9px" fill="red">' in kept or '<g fill="red" font-size="9px">' in kept
    assert kept.count("red") == 1 and '<path d="M2,2" fill="green" />' in kept
    assert '<path d="M0,0" stroke="blue" opacity="0.5" />' in kept and "<text>a</text>" in kept


def test_no_mark_looks_otherwise_for_it(figures, monkeypatch):
    drawings = [path.read_text() for path in sorted(figures[0].glob("*.svg"))]
    small = [str(inline_svg(svg, choices=True)) for svg in drawings]
    monkeypatch.setattr("pipeline.report.embed._hoist", lambda root: None)
    large = [str(inline_svg(svg, choices=True)) for svg in drawings]
    for one, other in zip(small, large, strict=True):
        assert looks(one) == looks(other)
    assert sum(map(len, small)) < 0.88 * sum(map(len, large))


# -- many conditions and contexts ------------------------------------------------------------------


def test_no_two_of_many_conditions_share_colour_and_dash():
    many = plan(
        conditions=[
            PlanCondition(name=f"c{n}", reference="c0" if n else None, drug=f"c{n}",
                          dose_mg_per_kg=1, is_reference=n == 0)
            for n in range(30)
        ]
    )  # fmt: skip
    colours, dashes = condition_colours(many), condition_dashes(many)
    looks_of = [(colours[name], tuple(dashes[name])) for name in colours]
    assert len(set(looks_of)) == 30
    assert colours_repeat(many) and not colours_repeat(plan())


def test_panels_of_many_conditions_stand_in_rows_that_can_be_read():
    names = Names(plan=plan(), metrics=METRICS)
    view = view_of(few(), "band_power/theta@mPFC")
    assert estimation_chart(view, names)["columns"] == len(estimation_chart(view, names)["concat"])
    wide = replace(
        view,
        conditions=(*view.conditions, *(f"compound {n}" for n in range(10))),
        levels=(*view.levels, *(f"a context {n}{' of a very long name' * 3}" for n in range(4))),
    )
    many = plan(contexts=list(wide.levels))
    chart = estimation_chart(wide, Names(plan=many, metrics=METRICS))
    panel = chart["concat"][0]["width"]
    assert panel >= 14 * 24 and chart["columns"] * panel <= 900 and chart["columns"] > 1
    # titles end where the next panel begins; the axis is named once a row
    last = chart["concat"][len(wide.levels) - 1]
    assert last["title"]["limit"] <= panel + 20
    titled = [
        any(layer["encoding"].get("y", {}).get("title") for layer in part["layer"])
        for part in chart["concat"][: len(wide.levels)]
    ]
    rows = range(0, len(wide.levels), chart["columns"])
    assert [index for index, one in enumerate(titled) if one] == list(rows)


def test_a_label_from_the_right_leaves_the_count_behind_it_in_place():
    assert isolated("ketamine") == "ketamine"
    assert isolated("\u0645\u062e\u062f\u0631") == "\u2068\u0645\u062e\u062f\u0631\u2069"
