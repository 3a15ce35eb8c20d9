"""Verdicts: every row of the table by constructed data, and the columns beside it."""

from __future__ import annotations

import cohorts
import numpy as np
import pytest
from cohorts import drug, grid, metric, metrics, outcomes, simulated

from pipeline.compare import build_outcomes, compare
from pipeline.compare.verdicts import Evidence, decide
from pipeline.experiment.plan import PlanBound

BOUND = PlanBound(drug=1.0, interaction=0.5)


def row(contrast, level="", estimate=0.0, half=0.1, p=0.5, reference_level="home"):
    return {
        "contrast": contrast,
        "level": level,
        "reference_level": reference_level,
        "estimate": estimate,
        "ci90_low": estimate - half,
        "ci90_high": estimate + half,
        "p": p,
        "p_adjusted": p,
    }


def evidence(home, field, *, main_p=0.5, difference_p=0.5, simple_p=0.5, half=0.1, dod_half=0.1):
    """Two levels with the given simple estimates."""
    return Evidence.of(
        [
            row("simple", "home", home, half, simple_p),
            row("simple", "field", field, half, simple_p),
            row("main", "", (home + field) / 2, half, main_p),
            row("difference_of_differences", "field", field - home, dod_half, difference_p),
        ]
    )


def one_level(estimate, p, half=0.1):
    return Evidence.of([row("simple", "home", estimate, half, p)])


@pytest.mark.parametrize(
    ("given", "bound", "expected"),
    [
        # process comes first, whatever else holds
        (evidence(2, 3, main_p=0.001, difference_p=0.01), BOUND, ("process", "amplified", "")),
        (evidence(3, 2, main_p=0.001, difference_p=0.01), BOUND, ("process", "attenuated", "")),
        (evidence(0.1, -0.2, difference_p=0.01), BOUND, ("process", "negligible", "")),
        (evidence(2, -1.5, difference_p=0.01), BOUND, ("process", "reversed", "")),
        # an abolished effect beyond zero is attenuated, unless both effects are significant
        (evidence(3, -0.4, difference_p=0.01), BOUND, ("process", "attenuated", "")),
        (evidence(3, -1, difference_p=0.01, simple_p=0.01), BOUND, ("process", "reversed", "")),
        # negligible needs a declared bound
        (evidence(0.1, 0.3, difference_p=0.01), PlanBound(), ("process", "amplified", "")),
        # equivalent in every level: no drug effect; the pattern says where it is significant
        (evidence(0.2, 0.3), BOUND, ("no drug effect", "", "")),
        (evidence(0.2, 0.3, main_p=0.001), BOUND, ("no drug effect", "negligible", "")),
        (evidence(0.2, 0.3, simple_p=0.001), BOUND, ("no drug effect", "negligible", "")),
        # pill: additive and significant
        (evidence(2, 2.1, main_p=0.001), BOUND, ("pill", "", "")),
        # everything else
        (evidence(2, 2.1, main_p=0.2), BOUND, ("inconclusive", "", "drug effect open")),
        (
            evidence(2, 2.1, main_p=0.001, dod_half=0.6),
            BOUND,
            ("inconclusive", "", "interaction open"),
        ),
        (
            evidence(2, 2.1, main_p=0.2, dod_half=0.6),
            BOUND,
            ("inconclusive", "", "interaction open; drug effect open"),
        ),
        (
            evidence(2, 2.1, main_p=0.001),
            PlanBound(drug=1.0),
            (
                "inconclusive",
                "",
                "interaction open; no smallest effect declared (interaction)",
            ),
        ),
        (
            evidence(0.1, 0.1),
            PlanBound(interaction=0.5),
            ("inconclusive", "", "drug effect open; no smallest effect declared (drug)"),
        ),
        # one level
        (one_level(2.0, 0.01), BOUND, ("drug effect, one context", "", "")),
        (one_level(2.0, 0.01), PlanBound(), ("drug effect, one context", "", "")),
        (one_level(0.2, 0.01), BOUND, ("no drug effect", "negligible", "")),
        (one_level(0.2, 0.3), BOUND, ("no drug effect", "", "")),
        (one_level(2.0, 0.2), BOUND, ("inconclusive", "", "drug effect open")),
        (
            one_level(2.0, 0.2),
            PlanBound(),
            ("inconclusive", "", "drug effect open; no smallest effect declared (drug)"),
        ),
    ],
)
def test_first_match_wins(given, bound, expected):
    assert decide(given, bound, [], alpha=0.05) == expected


def test_reasons_come_before_everything():
    given = evidence(2, 3, main_p=0.001, difference_p=0.001)
    verdict = decide(given, BOUND, ["context order: a and b", "fewer than 5"], alpha=0.05)
    assert verdict == ("inconclusive", "", "context order: a and b; fewer than 5")


def test_the_adjusted_p_decides_not_the_interval():
    given = evidence(2, 2.4, main_p=0.001, difference_p=0.06, dod_half=0.05)
    assert decide(given, BOUND, [], alpha=0.05)[0] == "pill"
    assert decide(given, BOUND, [], alpha=0.10)[0] == "process"


def test_pattern_is_read_from_a_difference_that_matters():
    """A tiny significant difference does not hide a large one."""
    rows = [
        row("simple", "home", 2.0),
        row("simple", "field", 2.2),
        row("simple", "task", 4.0),
        row("main", "", 2.7, p=0.001),
        row("difference_of_differences", "field", 0.2, 0.05, p=0.001),
        row("difference_of_differences", "task", 2.0, 0.5, p=0.01),
    ]
    assert decide(Evidence.of(rows), BOUND, [], alpha=0.05)[1] == "amplified"


@pytest.mark.parametrize(
    ("key", "expected"), [("power/theta@mPFC", 3.0), ("power/theta", 2.0), ("power", 1.0)]
)
def test_the_most_specific_bound_wins(key, expected):
    bounds = {"power": 1.0, "power/theta": 2.0, "power/theta@mPFC": 3.0}
    kept = {name: PlanBound(drug=size) for name, size in bounds.items() if len(name) <= len(key)}
    rows = grid(8)
    table = outcomes(rows, rows.index * 1.0, outcome="power/theta@mPFC", band="theta")
    found = compare(table, cohorts.plan(smallest_effect=kept), metrics()).verdicts
    assert found["smallest_drug"].item() == expected
    assert np.isnan(found["smallest_interaction"].item())


def on_two_scales(scale):
    """A multiplicative effect on a level that differs between contexts: additive in dB only."""
    rows = grid(8)
    rng = np.random.default_rng(0)
    level = {"home_cage": 0.0, "open_field": 6.0, "set_shifting": 12.0}
    db = rows["context"].map(level) + np.where(rows["condition"] == "vehicle", 0.0, 3.0)
    power = 10 ** ((db + rng.normal(0, 0.1, size=len(rows))) / 10)
    observed = [
        cohorts.observation(**one | {"value": value})
        for one, value in zip(rows.to_dict("records"), power, strict=True)
    ]
    known = metrics(metric(scale=scale, baseline="none"))
    table = build_outcomes(cohorts.observations(*observed), cohorts.plan(), known).table
    return compare(table, cohorts.plan(), known)


def test_an_interaction_of_one_scale_only_is_flagged():
    in_db, raw = on_two_scales("dB"), on_two_scales("linear")
    assert in_db.verdicts["verdict"].item() == "pill"
    assert raw.verdicts["verdict"].item() == "process"
    assert not in_db.verdicts["agrees_on_other_scale"].item()
    assert not raw.verdicts["agrees_on_other_scale"].item()
    other = in_db.contrasts["other_estimate"].dropna().to_numpy()
    here = raw.contrasts[raw.contrasts["family"] == "difference_of_differences"]["estimate"]
    assert other == pytest.approx(here.to_numpy())


def test_companion_agreement():
    table = simulated(grid(8), drug(0.0, 1.5, 0.0), n_cohorts=20)
    found = compare(table, cohorts.plan(), metrics())
    assert found.verdicts["agrees_with_companion"].mean() > 0.9
    # five animals: 2 / 2^5 > .05, a sign flip cannot reject, and the report must say so
    table = simulated(grid(5), drug(0.0, 3.0, 0.0), n_cohorts=20)
    few = compare(table, cohorts.plan(), metrics())
    assert set(few.verdicts["verdict"]) == {"process"}
    assert not few.verdicts["agrees_with_companion"].any()
    tested = few.contrasts[few.contrasts["contrast"] == "difference_of_differences"]
    assert tested["note"].str.contains("too few animals for the permutation to reject").all()
    # five animals cannot be balanced over two orders: no flip tests an effect adjusted for period
    main = few.contrasts[few.contrasts["contrast"] == "main"]
    assert main["companion_p"].isna().all()
    # without permutations nothing is said about them
    alone = compare(table, cohorts.plan(), metrics(), permutations=False)
    assert alone.verdicts["agrees_with_companion"].isna().all()
    assert list(alone.verdicts["verdict"]) == list(few.verdicts["verdict"])


def test_drug_and_interaction_columns():
    rows = grid(8)
    table = simulated(rows, drug(0.0, 2.0, 1.0), n_cohorts=1)
    found = compare(table, cohorts.plan(), metrics())
    verdict = found.verdicts.iloc[0]
    by_kind = found.contrasts.set_index(["contrast", "level"])
    main = by_kind.loc[("main", "")]
    strongest = by_kind.loc["difference_of_differences"].sort_values("p").iloc[0]
    assert (verdict.drug_estimate, verdict.drug_ci_low) == (main.estimate, main.ci_low)
    assert verdict.interaction_estimate == strongest.estimate
    assert verdict.p_adjusted == verdict.interaction_p_adjusted == strongest.p_adjusted
    assert verdict.n_animals == 8
    assert (verdict.smallest_drug, verdict.smallest_interaction) == (1.0, 0.5)


def test_a_cohort_with_a_missing_cell_says_which():
    rows = grid(8)
    rows = rows[(rows["context"] != "open_field") | (rows["condition"] != "psilocybin")]
    table = outcomes(rows, np.random.default_rng(0).normal(size=len(rows)))
    verdict = compare(table, cohorts.plan(), metrics()).verdicts.iloc[0]
    assert verdict.verdict == "inconclusive"
    assert "unestimable: no data" in verdict.why
