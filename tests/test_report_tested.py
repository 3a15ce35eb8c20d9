"""What the report says of tests: planned, omnibus, trends, sensitivity; never one for another."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

import cohorts
import numpy as np
import pandas as pd
import pytest
from report_example import few
from vega import valid

from pipeline.compare import compare, sensitivity
from pipeline.compare.contrasts import IN_CONTEXT
from pipeline.experiment.plan import PlanBound
from pipeline.report.beside import beside_verdict
from pipeline.report.carry_over import carry_over
from pipeline.report.chapters import chapters
from pipeline.report.figures import write_figures
from pipeline.report.lookup import PLANNED, Contrasts, Evidence
from pipeline.report.matrix import panels
from pipeline.report.methods_statistics import statistics_text
from pipeline.report.names import Names
from pipeline.report.numbers import bare_p, f_test, ratio
from pipeline.report.survival import (
    survival_caption,
    survival_chart,
    survival_data,
    survival_views,
)
from pipeline.report.tested import SENSITIVITIES, contrast_words, split_kind, tables_of

DOSES = {"low": 0.5, "middle": 1.0, "high": 2.0}


@cache
def dosed():
    """Three doses of one drug, four days apart, speed measured, one session lost, a baseline."""
    conditions = [cohorts.condition("vehicle", None)]
    conditions += [
        cohorts.condition(name, drug="psilocybin", dose_mg_per_kg=dose)
        for name, dose in DOSES.items()
    ]
    plan = cohorts.plan(
        conditions=tuple(conditions),
        primary=("power@mPFC",),
        smallest_effect={"power": PlanBound(drug=1.0, interaction=0.5)},
    )
    rng = np.random.default_rng(1)
    rows = cohorts.grid(8, ("vehicle", *DOSES))
    rows["days_since_previous"] = np.where(rows["period"] > 1, 4.0, np.nan)
    dose = rows["condition"].map(DOSES).fillna(0).to_numpy()
    turned = np.where(rows["context"] == "set_shifting", -1.2, 0.8)
    trait = rng.normal(size=8)[pd.factorize(rows["animal"])[0]]
    kept = ~((rows["animal"] == "A003") & (rows["condition"] == "high")).to_numpy()
    parts = []
    for region, size in (("mPFC", 1.0), ("CA1", 0.0)):
        named = {"outcome": f"power@{region}", "region": region}
        named["priority"] = "primary" if region == "mPFC" else "exploratory"
        value = trait + size * turned * dose + 0.3 * rng.normal(size=len(rows))
        whole = cohorts.outcomes(rows, value, **named)
        parts.append(whole if region == "mPFC" else whole[kept])
        before = trait + 0.3 * rng.normal(size=len(rows))
        parts.append(cohorts.outcomes(rows, before, phase="baseline", **named))
    speed = {"outcome": "speed", "metric": "speed", "region": "", "domain": "other"}
    parts.append(
        cohorts.outcomes(
            rows, 8 + dose + rng.normal(size=len(rows)), priority="exploratory", **speed
        )
    )
    metrics = cohorts.metrics(cohorts.metric(), cohorts.metric("speed", domain="other"))
    outcomes = pd.concat(parts, ignore_index=True)
    found = compare(outcomes, plan, metrics)
    return SimpleNamespace(
        plan=plan,
        metrics=metrics,
        outcomes=outcomes,
        contrasts=found.contrasts,
        verdicts=found.verdicts,
        names=Names(plan=plan, metrics=metrics),
        index=Contrasts(found.contrasts),
    )


def tables(outcome="power@mPFC", phase="acute"):
    one = dosed()
    return tables_of(one.index.at(outcome=outcome, phase=phase, modifier="context"), one.names)


def plainly(text):
    return text.replace("\xa0", " ")


def rows_of(kind, **columns):
    table = dosed().contrasts
    for name, value in ({"contrast": kind, "outcome": "power@mPFC"} | columns).items():
        table = table[table[name] == value]
    return table


# -- each kind of row in its own place ---------------------------------------------------------


def test_every_row_of_the_table_stands_in_one_place_only():
    one = dosed()
    for outcome in ("power@mPFC", "power@CA1", "speed"):
        table = one.contrasts[
            (one.contrasts["outcome"] == outcome) & (one.contrasts["phase"] == "acute")
        ]
        shown = tables(outcome)
        sizes = {title.partition(":")[0]: len(lines) for title, lines in shown.groups}
        kinds = table["contrast"].value_counts()
        assert sizes["Planned contrasts"] == kinds[list(PLANNED)].sum() == 3 * (1 + 3 + 2)
        assert sizes["Dose trends"] == kinds["trend"] == 6
        assert len(shown.omnibus) == kinds["omnibus"] == 2
        assert len(shown.sensitivity) == len(table) - sum(sizes.values()) - 2


def test_new_rows_reach_neither_figures_nor_matrix_nor_sentences(tmp_path):
    one = dosed()
    planned = one.contrasts[one.contrasts["contrast"].isin(PLANNED)]
    order = ["power@mPFC", "power@CA1", "speed"]
    alike = [
        panels(one.verdicts, Contrasts(table), order, one.names)
        for table in (one.contrasts, planned)
    ]
    assert alike[0] == alike[1]
    for name, table in (("all", one.contrasts), ("planned", planned)):
        write_figures(one.outcomes, table, one.verdicts, one.plan, one.metrics, tmp_path / name)
    for path in (tmp_path / "planned").glob("*.vl.json"):
        assert path.read_bytes() == (tmp_path / "all" / path.name).read_bytes()
    drawn = chapters(
        one.outcomes, one.index, one.verdicts, one.names,
        figures=tmp_path / "all", order=order, panel_keys={},
    )  # fmt: skip
    figure = next(f for chapter in drawn for f in chapter.figures if "mPFC" in f.title)
    assert "F(" not in figure.alt and "trend" not in figure.alt
    assert figure.tests == tables()


def test_a_trend_is_called_by_its_doses_and_compared_with_no_single_condition():
    lines = dict(tables().groups)["Dose trends: slope per doubling of the dose"]
    assert {line.condition for line in lines} == {"psilocybin 0.5, 1, 2 mg/kg"}
    words = {line.contrast for line in lines}
    assert {"home cage", "mean of all contexts", "set shifting beyond home cage"} <= words
    assert not any("minus vehicle" in line for line in words)
    row = rows_of("trend", level="set_shifting", reference_level="").iloc[0]
    line = next(line for line in lines if line.contrast == "set shifting")
    assert float(line.estimate.split("\xa0")[0].replace("−", "-")) == pytest.approx(
        row["estimate"], abs=0.005
    )
    assert line.notes == ()  # what the title says is not said again


def test_sensitivity_stands_beside_the_planned_contrast_that_it_varies():
    shown = tables().sensitivity
    hows = {line.how for line in shown}
    # of eight animals only two began with each of the four conditions: no first-session rows
    assert hows == {"at equal time since the dose", "adjusted for movement"}
    planned = dict(tables().groups)["Planned contrasts"]
    for line in shown:
        (same,) = [
            p for p in planned if (p.condition, p.contrast) == (line.condition, line.contrast)
        ]
        assert line.planned == f"{same.estimate} ({same.interval})"
        assert line.estimate != line.planned


def test_a_sensitivity_analysis_without_its_planned_contrast_says_so():
    lone = dosed().contrasts
    lone = lone[lone["contrast"].str.contains("adjusted_for") | (lone["contrast"] == "omnibus")]
    effects = Contrasts(lone).at(outcome="power@mPFC", phase="acute", modifier="context")
    assert {line.planned for line in tables_of(effects, dosed().names).sensitivity} == {"–"}


@pytest.mark.parametrize(
    ("contrast", "kind", "how"),
    [
        ("main_adjusted_for_sex", "main", "adjusted for sex"),
        ("simple_adjusted_for_movement", "simple", "adjusted for movement"),
        ("difference_of_differences", "difference_of_differences", ""),
        ("something_new", "something_new", ""),
    ],
)
def test_names_of_sensitivity_analyses_are_read(contrast, kind, how):
    assert split_kind(contrast) == (kind, how)


def test_sensitivity_analyses_are_called_as_compare_calls_them():
    suffixes = {f"_{name}" for name in sensitivity.SENSITIVITIES}
    assert suffixes | {"_at_equal_time"} == set(SENSITIVITIES)


def test_differences_in_one_context_stand_apart():
    row = rows_of("difference_of_differences", phase="acute").iloc[:1]
    row = row.assign(contrast=IN_CONTEXT, term="open_field", modifier="context")
    both = pd.concat([rows_of("difference_of_differences", phase="acute").iloc[:1], row])
    effects = Contrasts(both).at(outcome="power@mPFC", phase="acute", modifier="context")
    found = dict(tables_of(effects, dosed().names).groups)
    assert [len(lines) for lines in found.values()] == [1, 1]
    (line,) = found["The differences in each context"]
    assert line.contrast.endswith(", in open field")
    assert "1 difference of differences in one context" in methods(both, dosed().outcomes)


# -- omnibus -----------------------------------------------------------------------------------


def test_omnibus_tests_of_a_primary_outcome_have_no_q():
    said = [plainly(line) for line in tables().omnibus]
    row = rows_of("omnibus", term="condition:context", phase="acute").iloc[0]
    assert said[1].startswith(
        f"Condition × context: F({row['df_numerator']:.0f}, {row['df']:.1f}) = "
        f"{row['statistic']:.2f} ["
    )
    assert said[1].endswith("p < .001; 8 rats.")
    assert "q" not in said[0] + said[1].replace("×", "")


def test_omnibus_tests_of_other_outcomes_have_q_and_the_number_of_outcomes():
    row = rows_of("omnibus", outcome="power@CA1", phase="acute", term="condition").iloc[0]
    assert np.isfinite(row["q_value"])
    said = plainly(tables("power@CA1").omnibus[0])
    assert f"q = {row['q_value']:.3f}".replace("0.", ".") in said
    assert "over 1 outcome of the domain that are not primary" in said


def test_an_omnibus_test_that_cannot_be_made_says_why():
    row = rows_of("omnibus", term="condition", phase="acute").assign(
        p=np.nan, statistic=np.nan, note="fewer than 3 animals"
    )
    effects = Contrasts(row).at(outcome="power@mPFC", phase="acute", modifier="context")
    (said,) = tables_of(effects, dosed().names).omnibus
    assert plainly(said) == "Condition: not tested (fewer than 3 animals); 8 rats."


def test_models_and_notes_are_named_once_and_every_letter_has_its_model():
    shown = tables("power@CA1")
    letters = dict(shown.models)
    assert len(set(letters.values())) == len(letters)
    used = {line.model for _, lines in shown.groups for line in lines}
    assert used <= set(letters) and any("Kenward-Roger" in letters[letter] for letter in used)
    numbers = {n for _, lines in shown.groups for line in lines for n in line.notes}
    assert numbers <= dict(shown.notes).keys()
    assert any("A003" in note for _, note in shown.notes)
    assert shown.companions == ("sign flips",)


def test_families_are_counted():
    assert tables().families == (
        "Adjusted p: Holm over 9 drug effects by context, 3 drug effects averaged over contexts, "
        "6 differences between contexts and 6 dose trends, each kind for itself."
    )


def test_carry_over_shows_the_omnibus_tests_of_the_baseline():
    one = dosed()
    found = carry_over(one.index, ["power@mPFC", "power@CA1", "speed"], one.names)
    assert [line.title for line in found.omnibus] == ["Power, mPFC", "Power, CA1"]
    row = rows_of("omnibus", phase="baseline").iloc[0]
    assert plainly(found.omnibus[0].test) == (
        f"F({row['df_numerator']:.0f}, {row['df']:.1f}) = {row['statistic']:.2f}"
    )
    low = sum(one.contrasts.query("contrast == 'omnibus' and phase == 'baseline'")["p"] < 0.05)
    assert f"p below 0.05 in {low} of 2 tests" in plainly(found.summary)
    assert len(found.rows) == 6  # planned comparisons alone


# -- beside a verdict --------------------------------------------------------------------------


def verdict(**columns):
    row = {"verdict": "process", "modifier": "context", "crossing": None, "at_bounds": "",
           "note": "", "bf01_additive": math.nan, "agrees_on_other_scale": None}  # fmt: skip
    return row | columns


def said_of(**columns):
    lines = beside_verdict(verdict(**columns), Evidence(), dosed().names)
    return [plainly(line) for line in lines]


def test_nothing_is_said_where_there_is_nothing_to_say():
    assert said_of() == []
    assert beside_verdict({"verdict": "pill", "modifier": "context"}, Evidence(),
                          dosed().names) == ()  # fmt: skip


def test_the_bayes_factor_is_second_and_says_what_n_is():
    (line,) = said_of(bf01_additive=3.24)
    assert line == (
        "Second line, used by no verdict: BIC Bayes factor for no interaction (n = animals): 3.2, "
        "in favour of no interaction."
    )
    assert said_of(bf01_additive=1.1)[0].endswith("1.1, in favour of neither.")
    assert said_of(bf01_additive=1e-9)[0].endswith("< 0.001, in favour of an interaction.")


def test_flags_are_words():
    assert said_of(crossing=True)[0].startswith("Crossing: the drug effect has opposite signs")
    assert said_of(crossing=False)[0].startswith("Not crossing:")
    assert said_of(crossing=False, verdict="pill") == []
    (bound,) = said_of(at_bounds="vehicle in home_cage near the floor (mean 0.05)")
    assert "vehicle in home cage near the floor (mean 0.05)" in bound
    assert said_of(note="cohort A_1 has no MDMA animals") == ["Cohort A_1 has no MDMA animals."]


def test_remarks_of_compare_stand_beside_the_verdict():
    one = dosed()
    row = one.verdicts[one.verdicts["outcome"] == "power@mPFC"].iloc[2].to_dict()
    lines = [plainly(line) for line in beside_verdict(row, one.index.of(row), one.names)]
    assert any(line.startswith("Crossing") for line in lines)
    assert any(line.startswith("As little as 4 days between sessions") for line in lines)
    assert lines[-1].startswith("Second line, used by no verdict")


# -- numbers -----------------------------------------------------------------------------------


def test_numbers_are_written_alike():
    assert plainly(f_test(5.2, 2, 11.44)) == "F(2, 11.4) = 5.20"
    assert f_test(math.nan, 2, 3) == bare_p(math.nan) == "–"
    assert [plainly(ratio(x)) for x in (3.24, 0.0412, 45.6, 2e-4, 2e4)] == [
        "3.2", "0.041", "46", "< 0.001", "> 1000"
    ]  # fmt: skip


# -- methods -----------------------------------------------------------------------------------


def methods(rows, outcomes, plan=None):
    plan = plan or dosed().plan
    return plainly(" ".join(statistics_text({}, plan, rows, outcomes)))


def test_methods_say_what_was_done_and_how_often():
    one = dosed()
    said = methods(one.contrasts, one.outcomes)
    for words in (
        "one-sample t test", "[@kenward1997]", "may be negative", "Dose trends are",
        "adjusted for movement",
        "false discovery rate q", "In the phase baseline", "signs of the animals' scores",
    ):  # fmt: skip
        assert words in said, words
    tested = one.contrasts[one.contrasts["p"].notna()]
    assert f"In all, {len(tested):,} tests were made on 3 outcomes" in said
    assert f"{(tested['contrast'] == 'omnibus').sum()} omnibus tests" in said
    assert f"{(tested['contrast'] == 'trend').sum()} dose trends" in said


def test_methods_say_nothing_of_what_was_not_done():
    one = dosed()
    complete = one.outcomes[one.outcomes["outcome"] == "power@mPFC"]
    plain = one.contrasts[
        (one.contrasts["outcome"] == "power@mPFC") & one.contrasts["contrast"].isin(PLANNED)
    ]
    said = methods(plain, complete)
    for words in ("Kenward", "trend", "movement", "first session", "Welch", "censored", "period",
                  "covariate", "false discovery", "log-rank", "Kaplan"):  # fmt: skip
        assert words not in said, words
    assert "one-sample t test" in said


def test_methods_name_welch_period_covariate_and_times():
    one = dosed()
    models = ["Welch t", "per-animal regression on the baseline",
              "condition + period + (1|animal); REML, Kenward-Roger"]  # fmt: skip
    rows = pd.concat([one.contrasts[one.contrasts["contrast"] == "simple"].head(1)] * 3)
    said = methods(rows.assign(model=models, companion="permuted log-rank"), few().outcomes)
    for words in ("Welch's t", "regressed on the same contrast of the baseline",
                  "adjusted for the period", "log-rank test was permuted",
                  "pseudo-values of the restricted mean", "Kaplan-Meier",
                  "the baseline's slope taken out"):  # fmt: skip
        assert words in said, words


# -- times to an event -------------------------------------------------------------------------


def curves():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    (view,) = survival_views(one.outcomes, names)
    return view, names


def test_survival_figures_agree_with_the_definition():
    view, _ = curves()
    one = few().outcomes
    rows = one[(one["outcome"] == "trials_to_criterion") & (one["condition"] == "ketamine")]
    steps = view.steps[view.steps["condition"] == "ketamine"]
    alive = 1.0
    for time in sorted(rows.loc[~rows["censored"], "value"]):
        at_risk = (rows["value"] >= time).sum()
        alive *= 1 - (((rows["value"] == time) & ~rows["censored"]).sum() / at_risk)
        drawn = steps.loc[steps["time"] == time, "survival"].iloc[0]
        assert drawn == pytest.approx(alive)
    cell = view.cells[view.cells["condition"] == "ketamine"].iloc[0]
    assert (cell["n_reached"], cell["n_animals"]) == ((~rows["censored"]).sum(), len(rows))


def test_survival_figures_show_n_and_differ_without_colour():
    view, names = curves()
    specification = valid(survival_chart(view, names))
    key = specification["datasets"]["key"]
    assert [row["words"] for row in key] == [
        f"{row['condition']}: {row['n_reached']} of {row['n_animals']}"
        for row in view.cells.to_dict("records")
    ]
    scales = specification["concat"][0]["layer"][0]["encoding"]["strokeDash"]["scale"]["range"]
    assert len({tuple(dash) for dash in scales}) == len(key) == 4
    caption = plainly(survival_caption(view, names))
    assert caption.count("n = ") == 4
    assert "ketamine not reached by half" in caption
    table = survival_data(view)
    assert len(table) == len(view.steps)
    assert {"at_risk", "censored", "survival", "ci_low", "n_animals", "n_reached"} <= set(table)


def test_no_times_no_curves():
    one = dosed()
    assert list(survival_views(one.outcomes, one.names)) == []


def test_contrast_words_of_planned_contrasts():
    effect = next(iter(dosed().index))
    assert contrast_words(effect).startswith("minus vehicle, ")
