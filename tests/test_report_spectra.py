"""Spectra in the report: differences of the animals' own curves, clusters as they were tested."""

from __future__ import annotations

import re
from functools import cache

import cohorts
import numpy as np
import pandas as pd
import pytest
from report_example import few, methods
from scipy import stats
from vega import valid

from pipeline.compare import compare
from pipeline.compare.curves import compare_curves
from pipeline.registry import metrics
from pipeline.report import write_figures, write_report
from pipeline.report.calibration import calibration_view, designs_of
from pipeline.report.methods_statistics import statistics_text
from pipeline.report.names import Names
from pipeline.report.spectra import (
    EDGES,
    spectra_caption,
    spectra_data,
    spectra_lines,
    spectra_views,
)
from pipeline.report.spectra_chart import label_places, spectra_chart

HZ = np.arange(1.0, 31.0)
MAINS = (20.0, 21.0)
PLAN = cohorts.two_levels()
NAMES = Names(plan=PLAN, metrics=metrics())


@cache
def curves(drug="within"):
    """Psilocybin adds 2 at 6 to 10 Hz in the open field; nothing is known at the mains."""
    rows = cohorts.grid(7, levels=cohorts.PLACES, drug=drug)
    rng = np.random.default_rng(0)
    parts = []
    for hz in HZ[~np.isin(HZ, MAINS)]:
        value = 0.3 * rng.normal(size=len(rows))
        hit = (rows["condition"] == "psilocybin") & (rows["context"] == "open_field")
        value = value + np.where(hit & (6 <= hz <= 10), 2.0, 0.0)
        parts.append(cohorts.outcomes(rows, value, band=f"{hz:g}", outcome=f"spectrum/{hz:g}@mPFC"))
    found = compare_curves(pd.concat(parts, ignore_index=True), PLAN, axis=HZ, points="frequencies")
    in_hz = {name: f"{name}_hz" for name in ("start", "stop", "from", "to")}
    return found.units.rename(columns={"axis": "frequency_hz"}), found.clusters.rename(
        columns=in_hz
    )


def view(drug="within"):
    (one,) = spectra_views(*curves(drug), NAMES)
    return one


def plainly(text):
    return text.replace("\xa0", " ")


def test_differences_are_those_of_the_animals():
    units, _ = curves()
    here = units[(units["level"] == "open_field") & (units["frequency_hz"] == 8)]
    wide = here.pivot(index="unit", columns="condition", values="value")
    scores = wide["psilocybin"] - wide["vehicle"]
    low, high = stats.ttest_1samp(scores, 0).confidence_interval()
    table = view().differences
    row = table[(table["level"] == "open_field") & (table["frequency_hz"] == 8)].iloc[0]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(
        (scores.mean(), low, high), rel=1e-10
    )
    assert row["n_units"] == 7


def test_between_animals_the_band_is_welchs():
    units, _ = curves("between")
    here = units[(units["level"] == "home_cage") & (units["frequency_hz"] == 3)]
    groups = [here.loc[here["condition"] == name, "value"] for name in ("psilocybin", "vehicle")]
    low, high = stats.ttest_ind(*groups, equal_var=False).confidence_interval()
    table = view("between").differences
    row = table[(table["level"] == "home_cage") & (table["frequency_hz"] == 3)].iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-10)
    assert row["n_units"] == 14


def test_nothing_is_drawn_across_the_mains():
    table = view().differences
    assert set(table["frequency_hz"]) == set(HZ)
    assert table.loc[table["frequency_hz"].isin(MAINS), "difference"].isna().all()
    records = valid(spectra_chart(view(), NAMES))["datasets"]["curves"]
    assert {row["f"] for row in records if row["m"] is None} == set(MAINS)


def test_clusters_stand_under_the_axis_as_they_were_tested():
    _, clusters = curves()
    bars = spectra_chart(view(), NAMES)["datasets"]["clusters"]
    hit = clusters[
        (clusters["p"] < 0.05) & (clusters["contrast"] == "simple") & (clusters["phase"] == "acute")
    ]
    assert len(bars) == len(hit) >= 1
    planted = next(bar for bar in bars if (bar["f"], bar["to"]) == (5.5, 10.5))
    p = hit.loc[hit["start_hz"] == 6, "p"].iloc[0]
    assert plainly(planted["words"]) == f"p = {p:.3f}".replace("0.", ".")


def test_labels_of_clusters_neither_cover_each_other_nor_leave_the_panel():
    words = ["p = .008"] * 2 + ["p = .030", "p = .012"]  # 40 pixels each
    # 0 to 100 Hz on 200 pixels: the second lies under the first, the third fits just behind it
    places = label_places([0.0, 10.0, 22.0, 95.0], words, (0.0, 100.0), 200.0)
    assert [text for _, text in places] == ["p = .008", "", "p = .030", "p = .012"]
    assert [at for at, _ in places] == pytest.approx([0.0, 10.0, 22.0, 80.0])
    # on a logarithmic axis the same in pixels
    ((at, _),) = label_places([90.0], ["p = .012"], (1.0, 100.0), 200.0)
    assert at == pytest.approx(100 ** (160 / 200))


def test_every_test_is_listed_with_its_adjusted_p_and_n():
    lines = spectra_lines(view(), NAMES)
    assert [line.contrast for line in lines] == [
        "minus vehicle, home cage", "minus vehicle, open field", "open field beyond home cage"
    ]  # fmt: skip
    assert [line.n for line in lines] == ["7", "7", "7"]
    assert any("6 to 10 Hz" in plainly(said) for said in lines[1].clusters)
    assert not any("cluster says" in line.note or "edges" in line.note for line in lines)


def test_the_caption_says_what_a_cluster_says():
    said = plainly(spectra_caption(view(), NAMES))
    assert EDGES in said and "n = 7 rats" in said and "95 % band" in said
    assert "permutation over rats" in said and "adjusted by Holm" in said


def test_data_hold_curves_and_clusters():
    table = spectra_data(view())
    assert table["part"].value_counts()["difference"] == 2 * len(HZ)
    assert {"difference", "low", "high", "n_units", "start_hz", "p", "test_p_adjusted"} <= set(
        table
    )


def test_without_tables_there_are_no_spectra():
    units, clusters = curves()
    assert list(spectra_views(None, None, NAMES)) == []
    assert list(spectra_views(units.iloc[:0], clusters.iloc[:0], NAMES)) == []
    assert statistics_text({}, PLAN, None, None, None) == statistics_text(
        {}, PLAN, None, None, clusters.iloc[:0]
    )


def page(tmp_path, **tables):
    rows = cohorts.grid(7, levels=cohorts.PLACES)
    outcomes = cohorts.outcomes(rows, cohorts.noise(rows))
    known = {**cohorts.metrics(), "band_power": metrics()["band_power"]}
    found = compare(outcomes, PLAN, known)
    drawn = {key: tables[key] for key in ("spectra", "clusters") if key in tables}
    write_figures(outcomes, found.contrasts, found.verdicts, PLAN, known, tmp_path / "f", **drawn)
    done = pd.DataFrame({"session": rows["session"].unique()})
    done = done.assign(animal="x", excluded=False, exclude_reason="", reason="", warnings="")
    path = write_report(
        outcomes, found.contrasts, found.verdicts, done, plan=PLAN, metrics=known,
        design={"sessions": [], "anchors": [], "contexts": []}, methods=methods(),
        figures=tmp_path / "f", path=tmp_path / "index.html", **tables,
    )  # fmt: skip
    return plainly(path.read_text())


def test_the_page_has_a_figure_per_region_after_the_outcomes(tmp_path):
    units, clusters = curves()
    text = page(tmp_path, spectra=units, clusters=clusters)
    chapter = text[text.index('<section id="oscillations"') : text.index('<section id="spikes"')]
    assert chapter.count("Spectrum, mPFC") >= 1
    assert chapter.index('id="fig-power-at-mPFC"') < chapter.index('id="fig-spectrum-of-mPFC"')
    assert EDGES in chapter and "cluster permutation over animals" in text
    for suffix in (".svg", ".pdf", ".tsv", ".vl.json"):
        assert (tmp_path / "f" / f"spectrum-of-mPFC{suffix}").stat().st_size > 500
    without = page(tmp_path / "none")
    assert "Spectrum, mPFC" not in without and "cluster permutation" not in without


# -- error rates -------------------------------------------------------------------------------


def rates(*rows):
    columns = ("measure", "rate", "low", "high")
    table = pd.DataFrame([dict(zip(columns, row, strict=True)) for row in rows])
    return table.assign(
        outcome="power@mPFC", phase="acute", split="", split_level="", modifier="context",
        n_shuffles=200, n_tests=200, note="labels shuffled",
    )  # fmt: skip


def test_rates_outside_the_range_are_listed_with_their_uncertainty():
    one = few()
    table = rates(
        ("difference", 0.05, 0.03, 0.08), ("omnibus", 0.12, 0.09, 0.17),
        ("difference", 0.085, 0.05, 0.12), ("process", 0.01, 0.0, 0.03),
        ("omnibus", 0.01, 0.0, 0.02),
    )  # fmt: skip
    found = calibration_view(table, one.outcomes, one.contrasts, NAMES)
    said = [(plainly(line.rate), plainly(line.remark)) for line in found.lines]
    assert said == [
        ("12 %", "above 7 %"),
        ("8.5 %", "above 7 %, within what so few shuffles leave open"),
        ("1 %", "below 3 %: cautious"),
    ]
    assert len([w for w in found.warnings if "shuffled labels" in w]) == 1
    assert "of 5 rates" in plainly(found.summary)


def test_without_shuffles_nothing_is_said_and_why_not_is():
    one = few()
    for table in (None, rates(("omnibus", 0.1, 0.1, 0.1)).iloc[:0]):
        assert calibration_view(table, one.outcomes, one.contrasts, NAMES).summary == ""
    none = rates(("omnibus", np.nan, np.nan, np.nan)).assign(note="not calibrated: too few")
    found = calibration_view(none, one.outcomes, one.contrasts, NAMES)
    assert found.summary == "This cohort's own error rates: not calibrated: too few."
    assert found.lines == ()


def test_rates_reach_the_page(tmp_path):
    text = page(tmp_path, calibration=rates(("omnibus", 0.12, 0.09, 0.17)))
    assert 'id="calibration"' in text
    top = text[: text.index('id="answer"')]
    assert re.search(r"Error rates</dt><dd>Power, mPFC: with shuffled labels", top)


def test_designs_are_read_from_the_tables(monkeypatch):
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    designs = designs_of(one.outcomes, one.contrasts, names)
    found = {outcome: (design, n) for outcome, design, n in designs}
    assert found["band_power/theta@mPFC"] == ("within_missing", 7)
    rows = cohorts.grid(6, levels=cohorts.PLACES, drug="between")
    outcomes = cohorts.outcomes(rows, cohorts.noise(rows))
    contrasts = compare(outcomes, PLAN, cohorts.metrics()).contrasts
    assert list(designs_of(outcomes, contrasts, NAMES)) == [("power@mPFC", "drug_between", 6)]
    import pipeline.compare.calibrated as calibrated

    monkeypatch.setattr(calibrated, "calibration", lambda: contrasts)
    monkeypatch.setattr(calibrated, "warning_for", lambda design, n: f"{design}, {n}.")
    said = calibration_view(None, outcomes, contrasts, NAMES).warnings
    assert said == ("drug_between, 6. It concerns Power, mPFC.",)
