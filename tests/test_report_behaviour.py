"""Set-shifting in the report: what is drawn is what the tables say, and what is absent is said."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import behaviour_example as example
import cohorts
import numpy as np
import pandas as pd
import pytest
from behaviour_example import SCHEME, log_of, make, run, write_session
from report_example import methods
from vega import valid

from pipeline.compare import compare
from pipeline.compare.tables import VERDICTS
from pipeline.flexibility.specificity import PANEL
from pipeline.registry import metrics
from pipeline.report import write_figures, write_report
from pipeline.report.behaviour import behaviour_figures, slices
from pipeline.report.behaviour_errors import TYPES, type_label
from pipeline.report.figures import save_chart, specification_json
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.style import CONDITION_COLOURS, REFERENCE_COLOURS
from pipeline.steps.report import behaviour_tables

PLAN = cohorts.two_levels(species="rat")
NAMES = Names(plan=PLAN, metrics=metrics())
FIGURES = ["error-types", "error-schemes", "switch-aligned", "latencies", "rasters"]
NONE = Contrasts(pd.DataFrame())


def tables_of(out):
    paths = {**vars(out), "behaviour_trials": out.trials}
    return behaviour_tables(SimpleNamespace(**paths), {"error_scheme": SCHEME})


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return make(tmp_path_factory.mktemp("behaviour"))


@pytest.fixture(scope="module")
def tables(out):
    return tables_of(out)


@pytest.fixture(scope="module")
def drawn(tables):
    """Specifications by name of the figure."""
    figures, _ = behaviour_figures(tables, NONE, NAMES)
    return {figure.name: valid(figure.draw()) for figure in figures}


@cache
def contrasts():
    """Effects on the shift and on omissions, in two contexts and in one."""
    rows = cohorts.grid(7, levels=cohorts.PLACES)
    known = metrics()
    parts = []
    hit = (rows["condition"] == "psilocybin").to_numpy()
    for outcome, effect in (("omissions", 0.0), ("side_bias", 0.1), ("sets_completed", 3.0)):
        metric = known[outcome]
        parts.append(
            cohorts.outcomes(rows, 0.2 * cohorts.noise(rows) + effect * hit, outcome=outcome,
                             metric=outcome, scale=metric.scale, domain="flexibility", region="")
        )  # fmt: skip
    task = parts[0][parts[0]["context"] == "open_field"].copy()
    task["outcome"], task["metric"] = "latency_choice/all", "latency_choice"
    table = pd.concat([*parts, task], ignore_index=True)
    return table, compare(table, PLAN, known).contrasts


def values_of(chart):
    """All inline records of a chart."""
    if isinstance(chart, dict):
        if "values" in chart and isinstance(chart["values"], list):
            yield from (row for row in chart["values"] if isinstance(row, dict))
        for key, value in chart.items():
            if key != "values":
                yield from values_of(value)
    elif isinstance(chart, list):
        for item in chart:
            yield from values_of(item)


def records(specification):
    found = list(values_of(specification))
    return found + [row for rows in specification.get("datasets", {}).values() for row in rows]


def one_way(tables):
    """Switches of one direction only: a row of panels instead of three."""
    return tables.switches[tables.switches["direction"].isin(["all", "light to side"])]


def plainly(text):
    return text.replace("\xa0", " ")


def test_every_figure_is_there_with_its_words(tables):
    figures, absent = behaviour_figures(tables, NONE, NAMES)
    assert [figure.name for figure in figures] == FIGURES
    assert len(absent) == 1 and "no specificity panel" in absent[0]
    said = {figure.name: plainly(figure.caption) for figure in figures}
    errors = figures[0]
    assert SCHEME in errors.title and SCHEME in said["error-types"]
    for name in ("error-types", "error-schemes", "switch-aligned", "latencies"):
        assert "n = 5 rats in each condition, 10 sessions" in said[name]
    assert "95 % t intervals over rats" in said["switch-aligned"]
    assert "n = 5 rats, 10 sessions" in said["rasters"]
    once = tables.trials[tables.trials["set_index"] > 0]
    once = once.drop_duplicates(["session", "scored_trial"])
    assert f"{len(once):,} scored trials" in said["rasters"]
    for name in ("error-types", "switch-aligned", "latencies"):
        assert "Nothing is tested in this figure: estimates" in said[name]
    own = tables.error_types[
        (tables.error_types["part"] == "animal") & (tables.error_types["scheme"] == SCHEME)
    ]
    own = own[own["phase"] == "acute"].drop_duplicates(["unit", "condition", "context"])
    sets = own["n_sets"].sum()
    assert f"{sets:,.0f} completed sets" in said["error-types"]


def test_bars_stack_the_means_and_points_are_the_animals(tables, drawn):
    table = tables.error_types
    own = table[(table["scheme"] == SCHEME) & (table["phase"] == "acute")]
    found = records(drawn["error-types"])
    for row in own[own["part"] == "mean"].to_dict("records"):
        label = type_label(row["type"])
        (bar,) = [r for r in found if r.get("t") == label and r["c"] == row["condition"]]
        assert bar["to"] - bar["from"] == pytest.approx(row["errors"], abs=1e-4)
    points = sorted(r["v"] for r in found if "a" in r)
    animals = own[own["part"] == "animal"]["errors"]
    assert points == pytest.approx(sorted(animals), abs=1e-4)
    letters = {letter for letter, _ in TYPES.values()}
    assert len(letters) == len(TYPES) and {r["k"] for r in found if "k" in r} <= letters


def test_pairs_of_schemes_stand_on_either_side_of_the_diagonal(tables, drawn):
    table = tables.schemes
    pairs = table[
        (table["table"] == "pairs") & (table["part"] == "mean") & (table["phase"] == "acute")
    ]
    cells = {(r["x"], r["y"]): r["w"] for r in records(drawn["error-schemes"]) if "w" in r
             and "x" in r}  # fmt: skip
    order = ["floresco_block", "rule_consistent", "widge_sequence", "error_chain", "initial_run"]
    assert len(cells) == 20
    for row in pairs.to_dict("records"):
        first, second = sorted((row["scheme"], row["other"]), key=order.index)
        assert cells[first, second] == f"{100 * row['agreement']:.0f} %"
        assert cells[second, first] == f"{100 * row['overlap']:.0f} %"


def test_curves_break_where_few_animals_have_a_trial(tables, drawn):
    means = tables.switches[tables.switches["part"] == "mean"]
    rows = [r for r in records(drawn["switch-aligned"]) if r.get("p") == "all/share_correct/all"]
    assert {(r["c"], r["x"]) for r in rows} == {
        (c, x) for c in example.DRUGS for x in range(-5, 21)
    }
    key = (means["direction"] == "all") & (means["kind"] == "all") & (means["phase"] == "acute")
    expected = means[key].set_index(["condition", "lag"])
    for row in rows:
        own = expected.loc[(row["c"], row["x"])]
        if own["share_correct_n"] < 3:
            assert row["m"] is None
        else:
            assert row["m"] == pytest.approx(own["share_correct"], abs=6e-4)
            assert 0 <= row["l"] <= row["m"] <= row["h"] <= 1
    few = tables.switches.assign(
        share_correct_n=np.where(tables.switches["lag"] > 9, 2, tables.switches["share_correct_n"])
    )
    thin = type(tables)(**{**vars(tables), "switches": few})
    figure = next(f for f in behaviour_figures(thin, NONE, NAMES)[0] if f.name == "switch-aligned")
    rows = [r for r in records(figure.draw()) if r.get("p") == "all/share_correct/all"]
    assert all(r["m"] is None for r in rows if r["x"] > 9)
    assert all(r["m"] is not None for r in rows if r["x"] < 2)


def test_directions_have_rows_where_there_are_several(tables, drawn):
    panels = {r["p"].split("/")[0] for r in records(drawn["switch-aligned"]) if "p" in r}
    assert panels == {"all", "light to side", "side to light"}
    only = type(tables)(**{**vars(tables), "switches": one_way(tables)})
    figure = next(f for f in behaviour_figures(only, NONE, NAMES)[0] if f.name == "switch-aligned")
    assert {r["p"].split("/")[0] for r in records(figure.draw()) if "p" in r} == {"all"}


def test_latencies_are_drawn_as_tabled(tables, drawn):
    means = tables.latencies[(tables.latencies["part"] == "mean")]
    rows = [r for r in records(drawn["latencies"]) if r.get("p") == "choice/correct"]
    expected = means[(means["kind"] == "correct") & (means["phase"] == "acute")]
    expected = expected.set_index(["condition", "quantile"])["seconds"]
    assert len(rows) == 2 * 9
    for row in rows:
        assert row["m"] == pytest.approx(expected[row["c"], row["q"]], abs=1e-4)


def test_a_raster_has_a_tick_per_error_and_a_bar_per_run(tables, drawn):
    scored = tables.trials[tables.trials["set_index"] > 0]
    layers, data = drawn["rasters"]["layer"], drawn["rasters"]["datasets"]
    by_colour = {}
    for layer in layers:
        mark = layer["mark"]
        if mark["type"] == "line":
            rows = data[layer["data"]["name"]]
            by_colour.setdefault((mark["color"], mark["strokeWidth"]), []).extend(rows)
    kinds = scored[f"error_{SCHEME}"].where(scored["outcome"] == "error", "")
    for kind in ("perseverative", "regressive", "never_reinforced"):
        rows = by_colour[TYPES[kind][1], 1.5]
        assert sum(row["y"] is None for row in rows) == (kinds == kind).sum() + 1  # and the key
    changes = sum(row["y"] is None for row in by_colour["#1d232b", 0.8])
    sets = scored.groupby("session")["set_index"].nunique()
    assert changes == (sets - 1).sum()
    points = next(layer for layer in layers if layer["mark"]["type"] == "point")
    omitted = (scored["outcome"] == "omission").sum()
    assert len(data[points["data"]["name"]]) == omitted + 1


def test_types_of_ticks_differ_without_colour():
    from pipeline.report.behaviour_raster import _TICKS

    assert len(set(_TICKS.values())) == len(_TICKS)


def test_the_panel_shows_the_tested_effects():
    _, found = contrasts()
    figures, _ = behaviour_figures(None, Contrasts(found), NAMES)
    assert figures == []  # no trials, no figures of them
    from pipeline.report.behaviour_panel import panel_figures

    (figure,) = panel_figures(Contrasts(found), NAMES)
    order = [row.outcome for row in PANEL]
    held = list(figure.data["outcome"])
    assert held == sorted(held, key=order.index) and len(held) == 4
    kinds = figure.data.set_index("outcome")["contrast"]
    assert kinds["omissions"] == "main" and kinds["latency_choice/all"] == "simple"
    row = found[(found["outcome"] == "sets_completed") & (found["contrast"] == "main")].iloc[0]
    own = figure.data.set_index("outcome").loc["sets_completed"]
    assert (own["estimate"], own["ci_low"], own["p_adjusted"]) == (
        row["estimate"], row["ci_low"], row["p_adjusted"]
    )  # fmt: skip
    filled = [r["s"] for r in records(figure.draw()) if "s" in r]
    assert filled == [bool(p < 0.05) for p in figure.data["p_adjusted"]] and any(filled)
    assert not all(filled)
    assert "trials to criterion" in figure.caption.split("Not compared here")[1]
    assert "Sets completed are no control of their own" in figure.caption


def test_while_blind_nothing_names_a_drug_or_a_reference(out, tmp_path):
    coded = PLAN.model_copy(
        update={
            "blind": True,
            "conditions": tuple(
                entry.model_copy(
                    update={"name": code, "reference": None, "drug": "", "is_reference": False}
                )
                for code, entry in zip("AB", PLAN.conditions, strict=False)
            ),
        }
    )
    base = example.settings()
    codes = dict(zip(example.DRUGS, "AB", strict=True))
    anchors = [row | {"condition": codes[row["condition"]], "drug": ""} for row in base["anchors"]]
    folder = tmp_path / "blind"
    folder.mkdir()
    from pathlib import Path

    for session, *_ in example.sessions():
        (folder / session).symlink_to(Path(out.trials).parent / session)
    tables = tables_of(run(folder, anchors=anchors, plan=coded.model_dump(mode="json")))
    names = Names(plan=coded, metrics=metrics())
    _, found = contrasts()
    figures, absent = behaviour_figures(tables, Contrasts(found), names)
    assert [figure.name for figure in figures] == FIGURES
    assert absent == [
        "While blind there is no specificity panel, for it shows effects against a reference."
    ]
    import gzip

    quick = type(tables)(**{**vars(tables), "switches": one_way(tables)})
    figures, _ = behaviour_figures(quick, NONE, names)
    texts = [specification_json(f.draw()) + f.caption + f.title + f.data.to_csv() for f in figures]
    texts += [p.read_text() for p in folder.glob("*.tsv")]
    texts.append(gzip.decompress((folder / "trials.tsv.gz").read_bytes()).decode())
    for text in texts:
        assert not any(drug in text.lower() for drug in (*example.DRUGS, "saline"))
    assert not any(colour in texts[0] for colour in REFERENCE_COLOURS)
    assert CONDITION_COLOURS[0] in texts[0] and CONDITION_COLOURS[1] in texts[0]


def test_what_is_absent_is_said(tmp_path):
    """One rule all session, no latencies: nothing to shift from, nothing to time."""
    for session, animal, *_ in example.sessions():
        log = log_of(3).assign(rule="light").drop(columns="latency_choice")
        write_session(tmp_path / session, log, animal)
    figures, absent = behaviour_figures(tables_of(run(tmp_path)), NONE, NAMES)
    assert [figure.name for figure in figures] == ["rasters"]
    valid(figures[0].draw())
    assert len(absent) == 5
    for words in ("error types", "side by side", "switch-aligned", "latency", "specificity"):
        assert any(words in line for line in absent), words


def test_without_trials_the_chapter_says_nothing_more(tmp_path):
    everyone = tuple(session for session, *_ in example.sessions())
    tables = tables_of(make(tmp_path, without=everyone, task=None))
    assert behaviour_figures(tables, NONE, NAMES) == ([], [])
    assert behaviour_figures(None, NONE, NAMES) == ([], [])


def test_several_phases_and_contexts_have_figures_of_their_own(tables):
    plan = PLAN.model_copy(update={"phases": ("baseline", "acute")})
    names = Names(plan=plan, metrics=metrics())
    parts = list(slices(tables.latencies, names, by_context=True))
    assert [(part.phase, part.context) for part in parts] == [("baseline", ""), ("acute", "")]
    other = tables.latencies.assign(context="home_cage")
    both = pd.concat([tables.latencies, other])
    parts = list(slices(both, NAMES, by_context=True))
    assert [part.context for part in parts] == ["home_cage", "open_field"]
    (whole,) = slices(both, NAMES, by_context=False)
    assert whole.contexts == ("home_cage", "open_field") and whole.context == ""
    twice = type(tables)(**{**vars(tables), "latencies": both})
    drawn = [figure.name for figure in behaviour_figures(twice, NONE, names)[0]]
    assert "latencies-in-acute-at-home_cage" in drawn and len(set(drawn)) == len(drawn)


def test_the_same_tables_give_the_same_bytes(tables, drawn):
    for figure in behaviour_figures(tables, NONE, NAMES)[0]:
        if figure.name == "switch-aligned":
            continue  # drawn by the same code as latencies, and slower
        assert figure.draw() == drawn[figure.name]


def test_a_raster_is_small_enough_for_the_page(tables, tmp_path):
    figure = next(f for f in behaviour_figures(tables, NONE, NAMES)[0] if f.name == "rasters")
    for path in save_chart(figure.draw(), tmp_path / "rasters"):
        assert path.stat().st_size > 5000
    # 1600 trials; one mark per trial would take about 200 kB
    assert (tmp_path / "rasters.svg").stat().st_size < 110_000


def test_the_page_has_them_after_the_outcomes(tables, tmp_path, monkeypatch):
    size = 'xmlns="http://www.w3.org/2000/svg" width="9" height="9" viewBox="0 0 9 9"'
    monkeypatch.setattr("pipeline.report.drawing.render_svg", lambda _: f"<svg {size}></svg>")
    outcomes, found = contrasts()
    tables = type(tables)(**{**vars(tables), "switches": one_way(tables)})
    known, folder = metrics(), tmp_path / "f"
    one = outcomes[outcomes["outcome"] == "omissions"]
    found = found[found["outcome"] == "omissions"]
    verdicts = pd.DataFrame(columns=list(VERDICTS))
    write_figures(one, found, verdicts, PLAN, known, folder, behaviour=tables)
    done = pd.DataFrame({"session": ["s"], "animal": "x", "excluded": False, "exclude_reason": "",
                         "reason": "", "warnings": ""})  # fmt: skip
    path = write_report(
        one, found, verdicts, done, plan=PLAN, metrics=known,
        design={"sessions": [], "anchors": [], "contexts": []}, methods=methods(),
        figures=folder, path=tmp_path / "index.html", behaviour=tables,
    )  # fmt: skip
    text = plainly(path.read_text())
    chapter = text[text.index('<section id="flexibility"') : text.index('<section id="other"')]
    places = [chapter.index(f'id="fig-{name}"') for name in ("omissions", "specificity", *FIGURES)]
    assert places == sorted(places)
    for name in ("specificity", *FIGURES):
        for suffix in (".svg", ".pdf", ".tsv", ".vl.json"):
            assert (folder / f"{name}{suffix}").is_file()
            assert f'href="figures/{name}{suffix}"' in chapter
    assert "../cohort/trials.tsv.gz" in text and "There is no" not in chapter


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("page", ["#ffffff", "#14181d"])
def test_ticks_stand_out_on_both_pages(page):
    from pipeline.report.behaviour_raster import _COLOURS

    ground = luminance(page)
    for kind, (_, colour) in TYPES.items():
        if kind in _COLOURS:
            continue  # an ink that the style sheet changes
        high, low = sorted((luminance(colour), ground), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3, kind
