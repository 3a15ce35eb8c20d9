"""The calibration counts right, judges right, and finds what theory says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pipeline.__main__ import main
from pipeline.commands import calibrate_run
from pipeline.commands.calibrate_run import BATCH, Batch, batches, count, measure_batch
from pipeline.commands.calibrate_table import KINDS, flag_of, markdown, merged, rates, with_pooled
from pipeline.compare.calibrated import (
    COLUMNS,
    MEASURES,
    design_name,
    independent,
    interval,
    read_table,
    warning_for,
    wilson,
)
from pipeline.simulate.cohort_designs import DESIGNS, WITHIN, Truth


def measured(design, n, truth, *, n_batches=2, size=BATCH):
    """Rates by measure."""
    parts = [measure_batch(Batch(design, n, truth, k, size, 1)) for k in range(n_batches)]
    counts = pd.concat(parts).assign(design=design, n=n, truth=truth)
    return rates(counts).set_index("measure")


def contrast_rows(*rows):
    """Contrasts: (outcome, contrast, level, p, p_adjusted, ci_low, ci_high)."""
    names = ["outcome", "contrast", "level", "p", "p_adjusted", "ci_low", "ci_high"]
    table = pd.DataFrame(rows, columns=names)
    table["reference_level"] = "home_cage"
    return table.assign(family=table["contrast"], term="")


def verdict_rows(*called):
    return pd.DataFrame([{"outcome": o, "verdict": v, "why": w} for o, v, w in called])


def totals(counts):
    return counts.groupby("measure")[["hits", "tests"]].sum().apply(tuple, axis=1).to_dict()


DIFFERENCE = "difference_of_differences"


def test_counts_of_a_pill_by_hand():
    contrasts = contrast_rows(
        ("c1", DIFFERENCE, "open_field", 0.01, 0.02, 0.1, 1.0),
        ("c1", DIFFERENCE, "set_shifting", 0.04, 0.04, 0.1, 1.0),
        ("c2", DIFFERENCE, "open_field", 0.04, 0.08, 0.1, 1.0),
        ("c2", DIFFERENCE, "set_shifting", np.nan, np.nan, np.nan, np.nan),
        ("c1", "main", "", 0.001, 0.001, 0.5, 1.0),
        ("c2", "main", "", 0.2, 0.2, -0.5, 1.0),
        ("c1", "omnibus", "", 0.03, 0.03, np.nan, np.nan),
        ("c2", "omnibus", "", 0.30, 0.30, np.nan, np.nan),
        ("c2", "omnibus", "", 0.01, 0.01, np.nan, np.nan),
    )
    contrasts.loc[6:7, "term"] = "condition:context"
    contrasts.loc[8, "term"] = "condition"
    carried = contrasts.iloc[[0]].assign(family="carry_over", p=0.001)
    verdicts = verdict_rows(
        ("c1", "process", ""), ("c1", "pill", ""), ("c2", "no drug effect", ""), ("c2", "pill", "")
    )
    found = totals(count(pd.concat([contrasts, carried]), verdicts, Truth("pill", (1, 1, 1))))
    assert found == {
        "omnibus": (1, 2),
        "difference": (3, 3),
        "difference_holm": (1, 2),
        "power_main": (1, 2),
        "process_for_pill": (1, 4),
        "none_for_pill": (1, 4),
        "right_pill": (2, 4),
    }


def test_counts_of_no_effect_by_hand():
    contrasts = contrast_rows(
        ("c1", "simple", "home_cage", 0.01, 0.03, 0.1, 1.0),
        ("c1", "simple", "open_field", 0.50, 0.50, -0.1, 1.0),
        ("c1", "main", "", 0.04, 0.04, 0.1, 1.0),
        ("c1", DIFFERENCE, "open_field", 0.01, 0.02, 0.1, 1.0),
    )
    verdicts = verdict_rows(("c1", "pill", ""), ("c1", "inconclusive", "drug effect open"))
    assert totals(count(contrasts, verdicts, Truth("none", (0, 0, 0)))) == {
        "simple": (1, 2),
        "main": (1, 1),
        "effect_for_none": (1, 2),
        "right_none": (0, 2),
    }


def test_counts_of_a_process_by_hand():
    contrasts = contrast_rows(
        ("c1", DIFFERENCE, "open_field", 0.01, 0.01, -0.2, 0.2),
        ("c1", DIFFERENCE, "set_shifting", 0.04, 0.06, 0.1, 0.5),
        ("c1", "simple", "home_cage", 0.30, 0.30, -0.2, 0.2),
        ("c1", "simple", "set_shifting", 0.01, 0.01, 0.8, 1.3),
        ("c1", "main", "", 0.04, 0.04, 0.1, 0.5),
    )
    verdicts = verdict_rows(("c1", "pill", ""), ("c1", "process", ""), ("c1", "process", ""))
    assert totals(count(contrasts, verdicts, Truth("process", (0, 0, 0.9)))) == {
        "power_difference": (1, 1),
        "power_difference_holm": (0, 1),
        "coverage_difference": (1, 2),
        "coverage_simple": (2, 2),
        "coverage_main": (1, 1),
        "pill_for_process": (1, 3),
        "none_for_process": (0, 3),
        "right_process": (2, 3),
    }


def test_an_interval_of_one_test_per_cohort_is_wilsons():
    hits = pd.Series([1] * 13 + [0] * 187)
    rate, low, high = interval(hits, pd.Series([1] * 200))
    assert rate == 0.065
    expected = proportion_confint(13, 200, method="wilson")
    # the ratio's variance divides by n - 1, Wilson's by n
    assert (low, high) == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize(("k", "expected"), [(0, (0, 0.0188)), (200, (0.9812, 1))])
def test_none_or_all_still_leave_doubt(k, expected):
    hits = pd.Series([1] * k + [0] * (200 - k))
    assert interval(hits, pd.Series([1] * 200))[1:] == pytest.approx(expected, abs=1e-4)


def test_tests_of_one_cohort_are_not_independent():
    hits, tests = pd.Series([1] * 13 + [0] * 187), pd.Series([1] * 200)
    assert interval(6 * hits, 6 * tests) == pytest.approx(interval(hits, tests))
    spread = pd.Series(([1] * 13 + [0] * 187) * 6)
    assert interval(spread, pd.Series([1] * 1200))[1] > interval(6 * hits, 6 * tests)[1]


def test_without_tests_there_is_no_rate():
    assert all(map(math.isnan, interval(pd.Series([], dtype=int), pd.Series([], dtype=int))))


@pytest.mark.parametrize(
    ("kind", "rate", "low", "high", "flag"),
    [
        ("level", 0.05, 0.04, 0.06, ""),
        ("level", 0.07, 0.06, 0.08, ""),
        ("level", 0.08, 0.068, 0.09, "high?"),
        ("level", 0.09, 0.075, 0.10, "high"),
        ("level", 0.02, 0.01, 0.03, "low?"),
        ("level", 0.01, 0.005, 0.02, "low"),
        ("wrong", 0.0, 0.0, 0.01, ""),
        ("wrong", 0.09, 0.08, 0.10, "high"),
        ("coverage", 0.92, 0.91, 0.935, "low?"),
        ("coverage", 0.99, 0.98, 1.0, "high"),
        ("power", 0.1, 0.0, 0.2, ""),
    ],
)
def test_flags_by_hand(kind, rate, low, high, flag):
    assert flag_of(kind, rate, low, high) == flag


def test_every_measure_that_can_warn_has_words():
    judged = {name for name, kind in KINDS.items() if kind in ("level", "coverage")}
    assert judged <= set(MEASURES) <= set(KINDS)


def test_batches_do_not_depend_on_each_other():
    first = measure_batch(Batch("within", 5, "pill", 1, 4, 1))
    measure_batch(Batch("within", 5, "pill", 0, 4, 1))
    pd.testing.assert_frame_equal(first, measure_batch(Batch("within", 5, "pill", 1, 4, 1)))
    other = measure_batch(Batch("within", 5, "pill", 1, 12, 2))
    assert len(other) == 3 * len(first)


def test_a_cohort_that_an_engine_cannot_compute_is_counted_as_such(monkeypatch):
    batch = Batch("within", 5, "pill", 0, 6, 1)
    whole = measure_batch(batch)
    assert totals(whole)["failed"] == (0, 6)
    real = calibrate_run.compare

    def breaks(outcomes, *arguments, **options):
        if (outcomes["region"] == "000003").any():
            raise np.linalg.LinAlgError("Eigenvalues did not converge")
        return real(outcomes, *arguments, **options)

    monkeypatch.setattr(calibrate_run, "compare", breaks)
    found = totals(measure_batch(batch))
    assert found["failed"] == (1, 6)
    assert found["difference"][1] == 5 * 6
    assert 0 <= totals(whole)["difference"][0] - found["difference"][0] <= 6


def test_batches_cover_the_cohorts():
    found = list(batches([WITHIN, DESIGNS["sample"]], n_cohorts=250, sizes=None, seed=3))
    assert len({batch.n for batch in found if batch.design == "within"}) == 4
    totals = {}
    for batch in found:
        key = (batch.design, batch.n, batch.truth)
        totals[key] = totals.get(key, 0) + batch.n_cohorts
    assert set(totals.values()) == {250}
    assert len(totals) == 4 * 3 + 4
    small = {b.n for b in batches(DESIGNS.values(), n_cohorts=1, sizes=(6,), seed=3)}
    assert small == {6, 8}  # the sample has eight animals


@pytest.mark.parametrize(
    ("design", "n", "variance", "df", "effect"),
    [
        ("within", 8, 4 * (0.10 + 0.70 / 20) / 8, 7, 0.8),
        ("drug_between", 8, 2 * 2 * (0.15 + 0.70 / 20) / 8, 14, 0.9),
    ],
)
def test_power_of_the_difference_is_that_of_the_noncentral_t(design, n, variance, df, effect):
    found = measured(design, n, "process", n_batches=3)
    row = found.loc["power_difference"]
    t = stats.t.ppf(0.975, df)
    shift = effect / math.sqrt(variance)
    power = stats.nct.sf(t, df, shift) + stats.nct.cdf(-t, df, shift)
    # a wider interval than the stored one: about 1 failure in 10,000 other seeds
    half = 2 * max(row["high"] - row["rate"], row["rate"] - row["low"])
    assert row["rate"] == pytest.approx(power, abs=half)
    assert found.loc["coverage_difference", "rate"] == pytest.approx(0.95, abs=0.03)


def test_the_level_of_the_difference_is_nominal():
    found = measured("within", 6, "pill", n_batches=3)
    assert found.loc["difference", "rate"] == pytest.approx(0.05, abs=0.02)
    assert found.loc["difference", "n_tests"] == 300 * 6
    assert found.loc["difference_holm", "rate"] <= 0.07


def test_a_fading_pill_in_a_fixed_order_is_context_order_and_never_process():
    found = measured("within_fixed_contexts", 8, "fading")
    assert found.loc["right_fading", "rate"] == 1
    assert found.loc["process_for_fading", "rate"] == 0
    assert found.loc["fading_difference", "rate"] > 0.3


@pytest.mark.parametrize(
    ("truth", "wrong"),
    [
        ("process", ["pill_for_process", "none_for_process"]),
        ("pill", ["process_for_pill", "none_for_pill"]),
        ("none", ["effect_for_none"]),
    ],
)
def test_the_truth_of_the_sample_is_called_right_in_nine_of_ten_cohorts(truth, wrong):
    """200 cohorts of three drugs each, at the sample's effects, scatter and eight animals."""
    found = measured("sample", 8, truth)
    assert found.loc[f"right_{truth}", "n_tests"] == 600
    assert found.loc[f"right_{truth}", "rate"] >= 0.9
    assert found.loc[wrong, "rate"].sum() < 0.06


def test_effects_that_cancel_are_never_no_drug_effect():
    found = measured("sample", 8, "cancelling")
    assert found.loc["none_for_cancelling", "rate"] == 0
    assert found.loc["pill_for_cancelling", "rate"] == 0
    assert found.loc["right_cancelling", "rate"] == 1


def row(**changes):
    given = {
        "design": "within",
        "title": "crossover",
        "n": 6,
        "truth": "pill",
        "measure": "difference",
        "rate": 0.05,
        "low": 0.04,
        "high": 0.06,
        "n_cohorts": 2000,
        "n_tests": 12000,
        "kind": "level",
        "flag": "",
    }
    return given | changes


def test_a_design_is_warned_of_by_its_own_numbers():
    coverage = {"measure": "coverage_main", "kind": "coverage"}
    table = pd.DataFrame(
        [
            row(n=5, rate=0.081, low=0.072, high=0.090, flag="high"),
            row(n=5, rate=0.921, low=0.91, high=0.932, flag="low?", **coverage),
            row(n=5, measure="power_main", rate=0.2, flag=""),
            row(n=8, rate=0.072, low=0.066, high=0.078, flag="high?"),
            row(n=8, measure="pill_for_process", flag="high"),
            row(n=12, rate=0.024, low=0.021, high=0.028, flag="low"),
        ]
    )
    assert warning_for("within", 8, table=table) == ""  # 7.2 % may well be 6.9 %
    assert "2.4 % (2.1 to 2.8 %), too seldom (a loss" in warning_for("within", 99, table=table)
    said = (
        "In simulated cohorts of this kind (crossover; n = 5), a difference of differences rejects "
        "a true null in 8.1 % (7.2 to 9.0 %)."
    )
    assert warning_for("within", 7, table=table) == said
    assert warning_for("within", 3, table=table) == said
    of_all = pd.DataFrame([row(n=0, rate=0.921, low=0.916, high=0.931, flag="low?", **coverage)])
    table = pd.concat([table, of_all])
    assert warning_for("within", 8, table=table).endswith(
        "(crossover; n = 8), the 95 % interval of the main drug effect covers 92.1 % (91.6 to "
        "93.1 %) over all n."
    )
    assert "not simulated" in warning_for("cage", 8, table=table)


def test_rates_of_all_sizes_are_pooled():
    low, high = wilson(0.04, 500)
    small = row(n=5, rate=0.04, low=low, high=high, n_cohorts=500, n_tests=500)
    low, high = wilson(0.06, 500)
    large = row(n=6, rate=0.06, low=low, high=high, n_cohorts=500, n_tests=500)
    alone = row(design="sample", n=8)
    table = with_pooled(pd.DataFrame([small, large, alone]))
    assert list(table["n"]) == [5, 6, 0, 8]
    pooled = table.iloc[2]
    assert (pooled["rate"], pooled["n_cohorts"], pooled["n_tests"]) == (0.05, 1000, 1000)
    # stratified, hence a trifle narrower than one sample of 1000
    assert (pooled["low"], pooled["high"]) == pytest.approx(wilson(0.05, 1000), abs=2e-4)
    # stored rates have five decimals; pooling them again moves nothing beyond that
    pd.testing.assert_frame_equal(with_pooled(table), table, rtol=0, atol=1.1e-5)
    none = [row(n=n, rate=0.0, low=0.0, high=wilson(0, 500)[1], n_tests=500) for n in (5, 6)]
    pooled = with_pooled(pd.DataFrame(none)).iloc[-1]
    assert (pooled["rate"], pooled["high"]) == pytest.approx((0, wilson(0, 1000)[1]), abs=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("size", [30.0, 2000.0])
def test_an_interval_tells_how_many_tests_it_rests_on(rate, size):
    assert independent(rate, *wilson(rate, size)) == pytest.approx(size)


@pytest.mark.parametrize("drug", [True, False])
@pytest.mark.parametrize("modifier", [True, False])
@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("unit", ["animal", "cage"])
@pytest.mark.parametrize("baseline", ["none", "change", "covariate"])
@pytest.mark.parametrize("balanced", [True, False])
def test_every_design_of_a_lab_has_a_simulated_one(
    drug, modifier, missing, unit, baseline, balanced
):
    name = design_name(
        drug_within=drug,
        modifier_within=modifier,
        missing=missing,
        unit=unit,
        baseline=baseline,
        order_balanced=balanced,
    )
    design = DESIGNS[name]
    if unit == "cage":
        assert design.mates > 1
        return
    assert (design.drug == "within") == drug
    assert (design.modifier == "within") == modifier


def test_designs_are_named_for_what_sets_them_apart():
    both = {"drug_within": True, "modifier_within": True}
    assert design_name(**both) == "within"
    assert design_name(**both, missing=True, baseline="change") == "within_missing"
    assert design_name(**both, baseline="change") == "within_change"
    assert design_name(**both, order_balanced=False) == "within_order_unbalanced"
    between = {"drug_within": False, "modifier_within": True}
    assert design_name(**between, baseline="covariate") == "drug_between_covariate"
    assert design_name(**between, missing=True) == "drug_between_missing"


def test_the_readable_table_marks_what_is_outside():
    text = markdown(pd.DataFrame([row(), row(n=5, rate=0.081, high=0.09, flag="high")]))
    assert "| within | 6 | – | 5.0 (4.0–6.0) | – |" in text
    assert "| within | 5 | – | **8.1 (4.0–9.0)** | – |" in text
    assert "sample" not in text


def test_designs_that_were_run_again_replace_their_rows():
    old = pd.DataFrame([row(design="cage"), row(rate=0.9), row(design="both_between")])
    new = pd.DataFrame([row(rate=0.04)])
    table = merged(old, new)
    assert list(table["design"]) == ["within", "both_between", "cage"]
    assert table["rate"].iloc[0] == 0.04


def test_the_command_writes_the_same_bytes_with_any_number_of_processes(tmp_path, capsys):
    for processes in ("1", "2"):
        arguments = ["--design", "both_between", "--cohorts", "4", "--processes", processes]
        out = tmp_path / processes
        assert main(["calibrate", "--out", str(out), *arguments]) == 0
    files = [tmp_path / n / "calibration.tsv" for n in ("1", "2")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert (tmp_path / "1" / "calibration.md").read_text() in capsys.readouterr().out
    table = pd.read_csv(files[0], sep="\t", keep_default_na=False)
    assert list(table.columns) == list(COLUMNS)
    assert set(table["n"]) == {5, 6, 8, 12, 0}
    assert (
        main(
            [
                "calibrate",
                "--out",
                str(tmp_path / "1"),
                "--design",
                "cage",
                "--quick",
                "--cohorts",
                "3",
                "--processes",
                "1",
            ]
        )
        == 0
    )
    both = read_table(files[0])
    assert set(both["flag"]) <= {"", "high", "high?", "low", "low?"}
    text = (tmp_path / "1" / "calibration.md").read_text()
    n_bold = both[(both["flag"] != "") & (both["measure"] != "failed")].shape[0]
    assert text.count("**") == 2 * n_bold + 2 * 2  # and two headings
    assert list(both["design"].unique()) == ["both_between", "cage"]


def test_an_unknown_design_is_refused(tmp_path, capsys):
    assert main(["calibrate", "--design", "witin", "--out", str(tmp_path)]) == 1
    assert "did you mean" in capsys.readouterr().err
    assert main(["calibrate", "--cohorts", "0", "--out", str(tmp_path)]) == 1
    assert "at least 1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
