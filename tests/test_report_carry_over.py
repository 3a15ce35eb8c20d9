"""Differences before the dose: what is counted, named, left out, and said beside a verdict."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from report_example import METRICS, plan
from test_report_sentences import ROWS, THETA, contrast, verdict

from pipeline import registry
from pipeline.report import numbers
from pipeline.report.carry_over import before_dose, before_words, carry_over
from pipeline.report.lookup import Contrasts
from pipeline.report.matrix import panels
from pipeline.report.names import Names

TRIALS = "trials_to_criterion"
GAMMA = "band_power/low_gamma@CA1"
NAMES = Names(plan=plan(), metrics=METRICS)


def plainly(text: str) -> str:
    return text.replace(numbers.SPACE, " ")


def before(outcome: str, p: float, level="set_shifting", **more) -> dict:
    """The reviewer's case: 5.2 trials less before the dose."""
    return contrast("simple", level, (-5.2, -8.15, -2.25, p), outcome=outcome, phase="baseline",
                    **more)  # fmt: skip


def omnibus(outcome: str, p: float, q: float) -> dict:
    numbers_ = (float("nan"),) * 3 + (p,)
    return contrast("omnibus", "", numbers_, outcome=outcome, phase="baseline", condition="") | {
        "p": p, "q_value": q, "statistic": 5.0, "df": 14.0, "df_numerator": 2.0,
    }  # fmt: skip


def summary(rows: list[dict], order: list[str], names: Names = NAMES) -> str:
    return plainly(carry_over(Contrasts(pd.DataFrame(rows)), order, names).summary)


def test_outcomes_are_counted_beside_the_number_that_chance_would_give():
    others = [f"band_power/theta@R{number}" for number in range(39)]
    rows = [before(TRIALS, 0.013), before(others[0], 0.04), before(others[0], 0.01, "home_cage")]
    rows += [before(outcome, 0.5) for outcome in others[1:]]
    said = summary(rows, [*others, TRIALS])
    assert said == (
        "Before the dose, a condition differs from its reference in 2 of 40 outcomes (adjusted p "
        "below 0.05). p is adjusted within each outcome, so that without any carry-over up to "
        "about 2 would be expected by chance. Of the declared ones: Trials to criterion "
        "(psilocybin); carry-over, or groups that were unlike from the start, cannot be excluded "
        "there, and their verdicts carry a caveat."
    )


def test_omnibus_tests_are_named_by_q_and_primary_ones_by_p():
    rows = [before(THETA, 0.9), omnibus(THETA, 0.04, float("nan")),
            omnibus(GAMMA, 0.02, 0.3), omnibus(TRIALS, 0.2, float("nan"))]  # fmt: skip
    said = summary(rows, [GAMMA, THETA, TRIALS])
    assert "p below 0.05 in 2 of 3 tests; without any carry-over about 0.2 would" in said
    assert said.endswith("(primary outcomes: p): Theta band power, mPFC.")


def test_primary_outcomes_come_first():
    rows = [before(outcome, 0.5) for outcome in (GAMMA, THETA)]
    found = carry_over(Contrasts(pd.DataFrame(rows)), [GAMMA, THETA], NAMES)
    assert [row.title for row in found.rows] == [
        "Theta band power, mPFC",
        "Low gamma band power, CA1",
    ]


def test_what_rests_on_cells_after_the_dose_is_left_out_and_named():
    across = replace(METRICS["coherence"], across_cells=True, label="Matched coherence")
    names = Names(plan=plan(), metrics={**METRICS, "coherence": across})
    matched = "coherence/theta@mPFC~CA1"
    rows = [before(THETA, 0.5), before(matched, 0.001), omnibus(matched, 0.001, 0.001)]
    found = carry_over(Contrasts(pd.DataFrame(rows)), [matched, THETA], names)
    assert [row.title for row in found.rows] == ["Theta band power, mPFC"] and not found.omnibus
    assert "No baseline differs" in found.summary
    assert "Left out: matched coherence." in found.summary
    assert before_dose(Contrasts(pd.DataFrame(rows)), names) == {}
    # the same rows without the declaration are found
    assert set(before_dose(Contrasts(pd.DataFrame(rows)), NAMES)) == {(matched, "psilocybin")}


def test_the_metrics_that_are_matched_over_cells_declare_it():
    declared = {name for name, metric in registry.metrics().items() if metric.across_cells}
    assert declared == {"count_correlation_matched", "count_correlation_matched_between"}


def test_a_caveat_says_what_was_there_before_the_dose():
    found = before_dose(
        Contrasts(pd.DataFrame([before(TRIALS, 0.013), before(TRIALS, 0.3, "home_cage")])), NAMES
    )
    assert plainly(before_words(found[TRIALS, "psilocybin"], NAMES)) == (
        "−5.2 trials already before the dose: set shifting, 95 % CI −8.2 to −2.2, adjusted p = .013"
    )
    # what is taken off as the baseline is not part of the effect
    (effect,) = before_dose(Contrasts(pd.DataFrame([before(THETA, 0.02)])), NAMES).values()
    assert plainly(before_words(effect, NAMES)).startswith("baselines differ by −5.20 dB: ")
    blind = Names(plan=plan(blind=True), metrics=METRICS)
    assert before_dose(Contrasts(pd.DataFrame([before(TRIALS, 0.013)])), blind) == {}


def test_it_stands_in_the_cell_the_sentence_and_the_paragraph():
    acute = contrast("simple", "set_shifting", (-8.27, -11.3, -5.2, 0.001), outcome=TRIALS)
    row = verdict("drug effect, one context", outcome=TRIALS, priority="primary", n_complete=8)
    other = row | {"condition": "ketamine"}
    rows = [acute, acute | {"condition": "ketamine"}, before(TRIALS, 0.013)]
    (panel,) = panels(pd.DataFrame([row, other]), Contrasts(pd.DataFrame(rows)), [TRIALS], NAMES)
    said = plainly(" ".join(one.lead + one.rest for one in panel.said))
    assert "psilocybin on trials to criterion (−8.3 trials; −5.2 trials already before" in said
    assert "ketamine on trials to criterion (−8.3 trials)." in said
    by_drug = {cell.condition: cell.caveats for cell in panel.rows[0].cells}
    assert len(by_drug["psilocybin"]) == 1 and by_drug["ketamine"] == ()
    # not below alpha: nothing to say
    rows[2] = before(TRIALS, 0.06)
    (panel,) = panels(pd.DataFrame([row]), Contrasts(pd.DataFrame(rows)), [TRIALS], NAMES)
    assert not panel.caveats


def test_a_process_says_it_too():
    row = verdict("process", pattern="amplified", interaction_level="set_shifting",
                  priority="primary")  # fmt: skip
    rows = [*ROWS, before(THETA, 0.02, "home_cage")]
    (panel,) = panels(pd.DataFrame([row]), Contrasts(pd.DataFrame(rows)), [THETA], NAMES)
    said = plainly(" ".join(one.lead + one.rest for one in panel.said))
    assert "theta band power in mPFC (baselines differ by −5.20 dB), from −0.50 dB" in said
