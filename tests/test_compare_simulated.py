"""Verdicts in simulated cohorts with known truth, and the reasons that come before them.

Each test judges 200 cohorts in one call, or fewer where all of them must be answered alike.
Thresholds stand well beside the true rates: over 3000 cohorts the pill of the first test is called
pill in 95.6 % and process in 4.3 %.
"""

from __future__ import annotations

import cohorts
import numpy as np
import pytest
from cohorts import condition, drug, grid, metrics, outcomes, question, simulated

from pipeline.compare import compare


def judged(rows, effect, plan=None, *, n_cohorts=200, seed=1, **noise):
    """Comparison of simulated cohorts, without the companions (no verdict depends on them)."""
    noise = {"sd_cell": 0.12} | noise
    table = simulated(rows, effect, n_cohorts=n_cohorts, seed=seed, **noise)
    return compare(table, plan or cohorts.plan(), metrics(), permutations=False)


def share(verdicts, name):
    return float((verdicts["verdict"] == name).mean())


DESIGNS = [
    ("within", "within"),
    ("within", "between"),
    ("between", "within"),
    ("between", "between"),
]


def small_between(drug_, modifier):
    """Between-animal designs need small differences between animals to be decided at n = 8."""
    return {"sd_animal": 0.1, "sd_session": 0.05} if "between" in (drug_, modifier) else {}


@pytest.mark.parametrize(("d", "m"), DESIGNS)
def test_an_equal_effect_everywhere_is_the_pill(d, m):
    rows = grid(8, drug=d, modifier=m)
    verdicts = judged(rows, drug(1.5, 1.5, 1.5), **small_between(d, m)).verdicts
    assert share(verdicts, "pill") >= 0.9
    assert share(verdicts, "process") <= 0.06
    assert share(verdicts, "no drug effect") == 0


@pytest.mark.parametrize(("d", "m"), DESIGNS)
def test_an_effect_in_one_context_is_the_process(d, m):
    rows = grid(8, drug=d, modifier=m)
    verdicts = judged(rows, drug(0.0, 1.5, 0.0), n_cohorts=100, **small_between(d, m)).verdicts
    assert share(verdicts, "process") >= 0.95
    assert share(verdicts, "pill") == share(verdicts, "no drug effect") == 0
    found = verdicts[verdicts["verdict"] == "process"]
    assert (found["interaction_level"] == "open_field").mean() > 0.95
    assert (found["pattern"] == "amplified").mean() > 0.95


@pytest.mark.parametrize(("d", "m"), DESIGNS)
def test_no_effect_anywhere_is_no_drug_effect(d, m):
    rows = grid(8, drug=d, modifier=m)
    verdicts = judged(rows, drug(0, 0, 0), **small_between(d, m)).verdicts
    assert share(verdicts, "no drug effect") >= 0.9
    assert share(verdicts, "process") <= 0.06
    assert share(verdicts, "pill") == 0


def test_opposite_effects_that_cancel_are_never_no_drug_effect():
    """Their mean is zero: 0 of 240 cohorts, with noise of every size."""
    for sd in (0.1, 0.4, 1.0):
        verdicts = judged(grid(8), drug(0.8, 0.0, -0.8), sd_cell=sd, n_cohorts=80).verdicts
        assert share(verdicts, "no drug effect") == 0
        assert share(verdicts, "pill") == 0
    precise = judged(grid(8), drug(0.8, 0.0, -0.8), n_cohorts=60).verdicts
    assert share(precise, "process") == 1
    assert precise["drug_estimate"].abs().mean() < 0.15
    task = precise[precise["interaction_level"] == "set_shifting"]
    assert (task["pattern"] == "reversed").mean() > 0.9


def test_amplified_attenuated_negligible():
    for effect, pattern in (((1, 3, 1), "amplified"), ((3, 1, 3), "attenuated")):
        found = judged(grid(8), drug(*effect), n_cohorts=60).verdicts
        assert (found["pattern"] == pattern).mean() > 0.95
    tiny = judged(grid(8), drug(2, 2.15, 2), sd_cell=0.02, n_cohorts=60).verdicts
    assert set(tiny["verdict"]) == {"process"}
    assert (tiny["pattern"] == "negligible").mean() > 0.95


def fading(name, level, since):
    """A pure pill: 2 dB at the dose, half-life 45 min, the same everywhere."""
    return 0.0 if name == "vehicle" else 2.0 * 0.5 ** (since / 2700)


def test_a_fading_pill_in_a_fixed_order_of_contexts_is_never_process():
    found = judged(grid(8, order="fixed"), fading, n_cohorts=60)
    assert set(found.verdicts["verdict"]) == {"inconclusive"}
    assert found.verdicts["why"].str.contains("context order: open_field and home_cage").all()
    # the trap is real: without the guard most cohorts would have been called process
    differences = found.contrasts[found.contrasts["family"] == "difference_of_differences"]
    assert (differences.groupby("outcome")["p_adjusted"].min() < 0.05).mean() > 0.5


def test_a_reference_context_visited_last_is_context_order_too():
    rows = grid(8, levels=cohorts.CONTEXTS[::-1], order="fixed")
    found = judged(rows, fading, n_cohorts=1).verdicts["why"].item()
    assert "context order: open_field and home_cage" in found
    assert "context order: set_shifting and home_cage" in found


def test_a_fading_pill_in_counterbalanced_order_is_not_called_process():
    found = judged(grid(12), fading)
    assert share(found.verdicts, "process") <= 0.06
    beside = found.contrasts[
        found.contrasts["contrast"] == "difference_of_differences_at_equal_time"
    ]
    assert len(beside) == 2 * 200
    assert beside["estimate"].mean() == pytest.approx(0.0, abs=0.02)
    assert (beside["p"] < 0.05).mean() < 0.08


def test_interleaved_contexts_have_no_order():
    rows = grid(8, order="fixed")
    table = outcomes(rows, np.random.default_rng(0).normal(size=len(rows)))
    table["since_dose_last_s"] = table["since_dose_s"] + 2700
    assert "context order" not in compare(table, cohorts.plan(), metrics()).verdicts["why"].item()


@pytest.mark.parametrize(
    ("minutes", "own_sessions", "called"),
    [
        # half an hour after the dose, sessions of 22 and 35 minutes: middles 41 and 47.5
        ((22, 35), True, False),
        # the same middles, but the contexts take turns in one session
        ((22, 35), False, True),
        # one lasts so long that its middle lies beyond the end of the other
        ((10, 60), True, True),
    ],
)
def test_sessions_that_begin_alike_and_last_differently_long_have_no_order(
    minutes, own_sessions, called
):
    rows = grid(8, levels=cohorts.CONTEXTS[:2])
    last = rows["context"].map(dict(zip(cohorts.CONTEXTS, minutes, strict=False))) * 60.0
    middle = 1800 + last / 2
    rows = rows.assign(since_dose_s=middle)
    if own_sessions:
        rows = rows.assign(session=rows["session"] + "_" + rows["context"])
    table = outcomes(rows, np.random.default_rng(0).normal(size=len(rows))).assign(
        since_dose_first_s=middle, since_dose_last_s=middle, seconds=last
    )
    why = compare(table, cohorts.plan(), metrics()).verdicts["why"].item()
    assert ("context order" in why) is called


def test_contexts_hours_apart_are_in_order_though_each_has_its_session():
    rows = grid(8, levels=cohorts.CONTEXTS[:2])
    since = 3600.0 + 7200.0 * (rows["context"] == cohorts.CONTEXTS[1])
    rows = rows.assign(since_dose_s=since, session=rows["session"] + "_" + rows["context"])
    table = outcomes(rows, np.random.default_rng(0).normal(size=len(rows))).assign(
        since_dose_first_s=since, since_dose_last_s=since, seconds=1800.0
    )
    assert "context order" in compare(table, cohorts.plan(), metrics()).verdicts["why"].item()


def test_unknown_clocks_and_other_modifiers_have_no_context_order():
    rows = grid(8, order="fixed")
    value = np.random.default_rng(0).normal(size=len(rows))
    unknown = rows.assign(since_dose_s=np.nan)
    why = compare(outcomes(unknown, value), cohorts.plan(), metrics()).verdicts["why"].item()
    assert "context order" not in why
    table = outcomes(rows.assign(stage=rows["context"], context="home_cage"), value)
    plan = cohorts.plan(questions=(question("stage", cohorts.CONTEXTS),))
    assert "context order" not in compare(table, plan, metrics()).verdicts["why"].item()


def test_vehicle_always_first_is_confounded():
    found = judged(grid(8, doses="vehicle first"), drug(1.5, 1.5, 1.5), n_cohorts=20).verdicts
    assert set(found["verdict"]) == {"inconclusive"}
    assert found["why"].str.startswith("confounded: vehicle always came first").all()
    assert np.isfinite(found["drug_estimate"]).all()


def test_the_drug_always_first_is_confounded_too():
    rows = grid(8, doses="vehicle first")
    rows["period"] = 3 - rows["period"]
    why = (
        compare(outcomes(rows, rows.index * 1.0), cohorts.plan(), metrics()).verdicts["why"].item()
    )
    assert "confounded: psilocybin always came first" in why


def test_the_order_in_one_animal_is_no_confound():
    rows = grid(6, doses="vehicle first")
    rows = rows[(rows["animal"] == "A000") | (rows["condition"] == "vehicle")]
    value = np.random.default_rng(0).normal(size=len(rows))
    why = compare(outcomes(rows, value), cohorts.plan(), metrics()).verdicts["why"].item()
    assert "confounded" not in why
    assert why.endswith("fewer than 5 animals in a cell (1)")


def test_one_animal_the_other_way_round_is_no_confound():
    rows = grid(8, doses="vehicle first")
    rows.loc[rows["animal"] == "A004", "period"] = 3 - rows["period"]
    value = np.random.default_rng(0).normal(size=len(rows))
    found = compare(outcomes(rows, value), cohorts.plan(), metrics()).verdicts
    assert "confounded" not in found["why"].item()


@pytest.mark.parametrize("column", ["cohort", "sex"])
def test_drug_in_one_cohort_only_is_confounded(column):
    rows = grid(8, drug="between")
    rows[column] = np.where(rows["condition"] == "vehicle", "x", "y")
    table = outcomes(rows, np.random.default_rng(0).normal(size=len(rows)))
    found = compare(table, cohorts.plan(), metrics()).verdicts
    assert f"confounded: drug and {column} cannot be separated" in found["why"].item()
    rows.loc[rows["animal"] == "A003", column] = "y"
    table = outcomes(rows, np.random.default_rng(0).normal(size=len(rows)))
    assert "confounded" not in compare(table, cohorts.plan(), metrics()).verdicts["why"].item()


@pytest.mark.parametrize(("d", "m"), DESIGNS)
def test_fewer_than_five_animals_in_a_cell(d, m):
    why = judged(grid(4, drug=d, modifier=m), drug(3, 3, 3), n_cohorts=20).verdicts["why"]
    assert (why == "fewer than 5 animals in a cell (4)").all()


def test_five_animals_are_enough():
    assert share(judged(grid(5), drug(3, 3, 3), sd_cell=0.05, n_cohorts=60).verdicts, "pill") > 0.9


def test_two_animals_are_too_few_for_any_test():
    why = judged(grid(2), drug(3, 3, 3), n_cohorts=20).verdicts["why"]
    assert why.str.endswith("fewer than 5 animals in a cell (2)").all()
    assert not why.str.contains("unestimable").any()


def test_cages_are_counted_not_animals():
    rows = grid(8)
    why = judged(rows, drug(3, 3, 3), plan=cohorts.plan(unit="cage"), n_cohorts=20).verdicts["why"]
    assert why.str.contains(r"fewer than 5 cages in a cell \(4\)").all()


def test_all_reasons_are_listed():
    rows = grid(4, order="fixed", doses="vehicle first")
    why = judged(rows, drug(3, 3, 3), n_cohorts=1).verdicts["why"].item().split("; ")
    assert [reason.split(":")[0].split(" (")[0] for reason in why] == [
        "confounded",
        "context order",
        "context order",
        "fewer than 5 animals in a cell",
    ]


def test_one_context_only():
    rows = grid(8, levels=("set_shifting",))
    found = judged(rows, drug(0, 0, 1.5)).verdicts
    assert share(found, "drug effect, one context") >= 0.95
    assert set(found["n_levels"]) == {1}
    assert found["interaction_estimate"].isna().all()
    assert found["agrees_on_other_scale"].isna().all()
    assert share(judged(rows, drug(0, 0, 0)).verdicts, "no drug effect") >= 0.9


def test_noise_is_inconclusive_and_never_independence_of_context():
    found = judged(grid(8), drug(1.5, 1.5, 1.5), sd_cell=1.5).verdicts
    assert share(found, "inconclusive") > 0.85
    assert share(found, "pill") < 0.05
    undecided = found[found["verdict"] == "inconclusive"]
    assert undecided["why"].str.contains("interaction open").all()


def test_without_smallest_effects_only_process_and_one_context_can_be_called():
    plan = cohorts.plan(smallest_effect={})
    found = judged(grid(8), drug(1.5, 1.5, 1.5), plan=plan, n_cohorts=60).verdicts
    assert share(found, "inconclusive") + share(found, "process") == 1
    undecided = found[found["verdict"] == "inconclusive"]["why"]
    assert undecided.str.endswith("no smallest effect declared (drug, interaction)").all()
    assert (
        share(judged(grid(8), drug(0, 1.5, 0), plan=plan, n_cohorts=60).verdicts, "process") > 0.95
    )


@pytest.mark.parametrize(("d", "m"), DESIGNS)
def test_level_of_the_difference_of_differences(d, m):
    """A true interaction of zero: about 5 % of 400 unadjusted p values (SE 1.1 %)."""
    rows = grid(6, levels=("home_cage", "open_field"), drug=d, modifier=m)
    table = simulated(rows, drug(1, 1, 1), n_cohorts=400, seed=11)
    plan = cohorts.plan(questions=(question(levels=("home_cage", "open_field")),))
    found = compare(table, plan, metrics(), permutations=False).contrasts
    p = found.loc[found["family"] == "difference_of_differences", "p"]
    assert len(p) == 400
    assert 0.02 < (p < 0.05).mean() < 0.085


def test_verdicts_of_several_conditions_are_their_own():
    names = ("psilocybin", "ketamine", "mdma")
    plan = cohorts.plan(conditions=(condition("vehicle", None), *(condition(n) for n in names)))
    effects = {
        "vehicle": (0, 0, 0),
        "psilocybin": (1.5, 1.5, 1.5),
        "ketamine": (0, 2, 0),
        "mdma": (0, 0, 0),
    }

    def effect(name, level, since):
        return effects[name][cohorts.CONTEXTS.index(level)]

    found = judged(grid(8, ("vehicle", *names)), effect, plan=plan).verdicts
    by = found.groupby("condition")
    for name, verdict in (
        ("psilocybin", "pill"),
        ("ketamine", "process"),
        ("mdma", "no drug effect"),
    ):
        assert share(by.get_group(name), verdict) > 0.9
