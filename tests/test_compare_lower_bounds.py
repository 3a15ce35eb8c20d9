"""A lower bound on a scale other than time_to_event is a missing cell, never an observation."""

from __future__ import annotations

import cohorts
import numpy as np
import pytest
from cohorts import contrast, grid, metric, metrics, noise, observation, observations, outcomes

from pipeline.compare import analysis_values, build_outcomes, compare
from pipeline.compare.verdicts import INCONCLUSIVE, ONE_CONTEXT, SLOWEST_MISSING
from pipeline.experiment.plan import PlanBound

PLACE = ("set_shifting",)


def one_context(drug_bound=1.0):
    return cohorts.plan(
        contexts=PLACE,
        questions=(cohorts.question(levels=PLACE),),
        smallest_effect={"power": PlanBound(drug=drug_bound, interaction=0.5)},
    )


def costs(drug, unfinished, n=12, *, vehicle_unfinished=0):
    """Shift costs of a crossover: vehicle 8 trials, the drug ``drug``; -1 where unfinished."""
    rows = grid(n, levels=PLACE)
    given = (rows["condition"] == "psilocybin").to_numpy()
    value = np.where(given, drug, 8.0) + 0.5 * noise(rows)
    rank = rows.groupby("condition").cumcount().to_numpy()
    late = np.where(given, rank < unfinished, rank >= n - vehicle_unfinished)
    return outcomes(rows, np.where(late, -1.0, value), censored=late)


def found(table, plan=None):
    result = compare(table, plan or one_context(), metrics(), permutations=False)
    return result.verdicts.iloc[0], contrast(result.contrasts, "simple", *PLACE)


@pytest.mark.parametrize("scale", ["linear", "count", "log2", "dB", "logit"])
def test_a_lower_bound_is_not_analysed(scale):
    table = outcomes(
        grid(2, levels=PLACE),
        np.arange(4.0),
        value_other=1.0,
        censored=[True, False, False, False],
        baseline_value=1.0,
        baseline_censored=[False, True, False, False],
        baseline_rule=["change", "change", "change", "change"],
        scale=scale,
    )
    values = analysis_values(table)
    assert values["analysed"].isna().tolist() == [True, True, False, False]
    assert values["other"].isna().tolist() == [True, True, True, True]  # no baseline there
    alone = analysis_values(table.assign(baseline_rule="none"))
    assert alone["analysed"].isna().tolist() == [True, False, False, False]
    assert alone["other"].isna().tolist() == [True, False, False, False]


def test_a_lower_bound_is_recorded_as_a_missing_cell_and_kept_in_the_table():
    known = metrics(metric(scale="count", zero_offset="half_count", baseline="none"))
    rows = [
        observation(animal="A1", session="S1", value=4.0, censored=True),
        observation(animal="A2", session="S2", value=3.0),
    ]
    built = build_outcomes(observations(*rows), cohorts.plan(), known)
    assert built.table.set_index("session")["censored"].to_dict() == {"S1": True, "S2": False}
    assert built.dropped["session"].tolist() == ["S1"]
    assert built.dropped["reason"].tolist() == [
        "at least 4: criterion not reached, or counted no further"
    ]
    timed = metrics(metric(scale="time_to_event", baseline="none", needs=("trials",)))
    assert build_outcomes(observations(*rows), cohorts.plan(), timed).dropped.empty


def test_unfinished_stages_of_impaired_rats_are_no_improvement():
    """Five of twelve never finish under the drug: -1 so far would read as no cost at all."""
    table = costs(drug=8.0, unfinished=5)
    verdict, row = found(table)
    as_observed, _ = found(table.assign(censored=False))
    assert (as_observed.verdict, as_observed.drug_estimate < -1) == (ONE_CONTEXT, True)
    assert row.n_sessions == 12 + 7 and abs(row.estimate) < 1
    assert (
        "5 lower bounds left out, criterion not reached or counted no further (5 psilocybin, 0"
        in row.note
    )
    assert verdict.verdict == INCONCLUSIVE
    assert "5 lower bounds left out" in verdict.note and "the largest are missing" in verdict.note


def test_those_who_finish_in_time_do_not_make_a_verdict_of_improvement():
    """Only fast ones finish before the session ends: what is left looks better than control."""
    verdict, row = found(costs(drug=5.0, unfinished=5))
    assert row.p_adjusted < 0.05 and row.estimate < -2
    assert (verdict.verdict, verdict.why) == (INCONCLUSIVE, SLOWEST_MISSING)


def test_missing_the_slowest_does_not_show_that_there_is_no_effect():
    verdict, row = found(costs(drug=8.0, unfinished=5), one_context(drug_bound=4.0))
    assert -4 < row.ci90_low < row.ci90_high < 4
    assert (verdict.verdict, verdict.why) == (INCONCLUSIVE, SLOWEST_MISSING)


def test_an_impairment_in_spite_of_the_missing_slowest_stands():
    verdict, _ = found(costs(drug=14.0, unfinished=5))
    assert (verdict.verdict, verdict.why) == (ONE_CONTEXT, "")
    assert verdict.drug_estimate > 4


def test_as_many_missing_in_both_arms_lean_to_neither_side():
    verdict, _ = found(costs(drug=5.0, unfinished=3, vehicle_unfinished=3))
    assert verdict.verdict == ONE_CONTEXT


def test_too_few_finished_says_how_many_did_not():
    verdict, _ = found(costs(drug=8.0, unfinished=8))
    assert verdict.verdict == INCONCLUSIVE
    assert "fewer than 5 animals in a cell (4); 8 lower bounds left out" in verdict.why
