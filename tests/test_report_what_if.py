"""What would change a verdict: a hand-made case for each kind of assumption and of verdict."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from report_example import METRICS, plan

from pipeline.compare.tables import CONTRASTS, VERDICTS, from_rows
from pipeline.report.names import Names
from pipeline.report.what_if import what_if

OUTCOME = "band_power/theta@mPFC"
PLACE = {
    "outcome": OUTCOME,
    "priority": "primary",
    "condition": "psilocybin",
    "phase": "acute",
    "reference_condition": "vehicle",
    "split": "",
    "modifier": "context",
    "step": 1,
}
ZEROS = {name: 0 for name, kind in CONTRASTS.items() if kind == "int64"}


def contrast(kind="difference_of_differences", level="set_shifting", *, p=0.001, at=-2.0, **more):
    """A contrast of half-width 0.5 (95 %) and 0.4 (90 %)."""
    estimate = more.pop("estimate", at)
    reference = "home_cage" if kind.startswith("difference") else ""
    return {
        **ZEROS,
        **PLACE,
        "contrast": kind,
        "level": level,
        "reference_level": reference,
        "estimate": estimate,
        "ci_low": estimate - 0.5,
        "ci_high": estimate + 0.5,
        "ci90_low": estimate - 0.4,
        "ci90_high": estimate + 0.4,
        "p": p,
        "p_adjusted": p,
        "scale": "dB",
        "singular": False,
        **more,
    }


def verdict(word="process", **more):
    zeros = {name: 0 for name, kind in VERDICTS.items() if kind == "int64"}
    return {
        **zeros,
        **PLACE,
        "verdict": word,
        "why": "",
        "smallest_drug": 1.0,
        "smallest_interaction": 1.0,
        **more,
    }


def told(rows, word="process", *, of=None, metrics=METRICS, **more):
    verdicts = pd.DataFrame([verdict(word, **more)], columns=list(VERDICTS))
    contrasts = from_rows(rows, CONTRASTS)
    (line,) = what_if(verdicts, contrasts, Names(plan=of or plan(), metrics=metrics))
    return line


def plainly(words):
    return [word.replace("\xa0", " ") for word in words]


def test_a_verdict_that_nothing_shakes():
    line = told(
        [
            contrast(
                leave_one_out_low=-2.3,
                leave_one_out_high=-1.8,
                other_scale="linear",
                other_estimate=-3.0,
                other_p_adjusted=0.002,
                companion_p=0.0078,
                companion_floor=0.0078,
            ),
            contrast("difference_of_differences_at_equal_time", p=0.004, at=-1.9),
            contrast("difference_of_differences_adjusted_for_movement", p=0.01, at=-1.5),
        ]
    )
    assert line.changes == ()
    assert line.holds == (
        "at equal time since the dose",
        "adjusted for movement",
        "without any one rat",
        "on the linear scale",
        "by permutation",
    )
    assert "nothing that was tried would change it" in line.summary
    (decisive,) = line.decisive
    assert decisive.contrast == "set shifting beyond home cage"
    assert plainly([decisive.found]) == ["−2.00 dB (−2.50 to −1.50), adjusted p = .001"]


@pytest.mark.parametrize(
    ("suffix", "assumption"),
    [
        ("_at_equal_time", "at equal time since the dose"),
        ("_adjusted_for_movement", "adjusted for movement"),
        ("_adjusted_for_sex", "adjusted for sex"),
        ("_first_session_only", "first session of each animal only"),
    ],
)
def test_significance_lost_under_another_assumption(suffix, assumption):
    line = told([contrast(), contrast(f"difference_of_differences{suffix}", p=0.08, at=-0.7)])
    assert plainly(line.changes) == [
        f"{assumption}, it loses significance: −0.70 dB (−1.20 to −0.20), adjusted p = .080"
    ]
    assert line.holds == ()


def test_a_sign_that_turns():
    turned = "difference_of_differences_at_equal_time"
    line = told([contrast(), contrast(turned, p=0.01, at=0.9)])
    assert plainly(line.changes) == [
        "at equal time since the dose, it changes sign: +0.90 dB (+0.40 to +1.40), "
        "adjusted p = .010"
    ]
    line = told([contrast(), contrast(turned, p=0.6, at=0.1)])
    assert (
        "it changes sign and is not significant: +0.10 dB (−0.40 to +0.60)"
        in plainly(line.changes)[0]
    )


def test_the_adjusted_p_decides_as_in_the_verdict():
    name = "difference_of_differences_adjusted_for_movement"
    line = told([contrast(), contrast(name, p=0.03, at=-1.0, p_adjusted=0.09)])
    assert "loses significance" in line.changes[0]


def test_one_animal_left_out():
    line = told([contrast(leave_one_out_low=-2.3, leave_one_out_high=0.2)])
    assert plainly(line.changes) == [
        "without any one rat, the estimate changes sign (−2.30 to +0.20)"
    ]


def test_another_scale():
    line = told([contrast(other_scale="linear", other_estimate=-1.0, other_p_adjusted=0.2)])
    assert plainly(line.changes) == [
        "on the linear scale, it loses significance (adjusted p = .200)"
    ]
    line = told([contrast(other_scale="linear", other_estimate=1.0, other_p_adjusted=0.01)])
    assert plainly(line.changes) == ["on the linear scale, it changes sign (adjusted p = .010)"]


def test_the_permutation_test():
    line = told([contrast(companion_p=0.0625, companion_floor=0.0078)])
    assert plainly(line.changes) == [
        "by permutation, it loses significance (p = .062, not adjusted)"
    ]
    # with four animals no permutation p is below .125: that says nothing
    line = told([contrast(companion_p=0.125, companion_floor=0.125)])
    assert line.changes == () and line.holds == ()


def test_no_drug_effect_rests_on_the_level_that_reaches_furthest():
    rows = [
        contrast("simple", "home_cage", p=0.9, at=0.1),
        contrast("simple", p=0.5, at=0.3),
        contrast("simple", "open_field", p=0.9, at=-0.2),
        contrast("simple_adjusted_for_movement", p=0.4, at=0.7),
    ]
    line = told(rows, "no drug effect")
    (decisive,) = line.decisive
    assert decisive.contrast == "psilocybin minus vehicle, set shifting"
    assert plainly([decisive.found]) == ["+0.30 dB (90 % interval −0.10 to +0.70, within ±1.00 dB)"]
    assert plainly(line.changes) == [
        "adjusted for movement, it is no longer equivalent to zero: +0.70 dB (+0.20 to +1.20), "
        "adjusted p = .400; 90 % interval +0.30 to +1.10"
    ]
    rows[1] |= {"leave_one_out_low": 0.1, "leave_one_out_high": 1.05}
    assert any(
        "leaves the smallest effect" in words for words in told(rows, "no drug effect").changes
    )


def test_where_all_levels_must_hold_a_quiet_one_may_fail_under_another_assumption():
    rows = [
        contrast("simple", "home_cage", p=0.9, at=0.1),
        contrast("simple", p=0.5, at=0.3),
        contrast("simple_adjusted_for_movement", "home_cage", p=0.1, at=0.8),
        contrast("simple_adjusted_for_movement", p=0.4, at=0.2),
    ]
    line = told(rows, "no drug effect")
    assert [one.contrast for one in line.decisive] == [
        "psilocybin minus vehicle, set shifting",
        "psilocybin minus vehicle, home cage",
    ]
    assert len(line.changes) == 1
    assert line.changes[0].startswith("psilocybin minus vehicle, home cage: adjusted for movement")
    assert line.holds == ()


def test_a_pill_rests_on_the_mean_effect_and_on_the_differences():
    rows = [
        contrast("main", "", p=0.001, at=2.0),
        contrast(p=0.9, at=0.2),
        contrast(level="open_field", p=0.9, at=0.1),
        contrast("main_adjusted_for_movement", "", p=0.7, at=0.2),
    ]
    line = told(rows, "pill")
    assert [one.contrast for one in line.decisive] == [
        "psilocybin minus vehicle, mean of all contexts",
        "set shifting beyond home cage",
    ]
    assert plainly(line.changes) == [
        "psilocybin minus vehicle, mean of all contexts: adjusted for movement, it loses "
        "significance: +0.20 dB (−0.30 to +0.70), adjusted p = .700"
    ]


def test_one_context():
    line = told(
        [contrast("simple", companion_p=0.01, companion_floor=0.01)], "drug effect, one context"
    )
    assert line.decisive[0].contrast == "psilocybin minus vehicle, set shifting"
    assert line.holds == ("by permutation",)


def test_an_open_question_may_be_settled_by_an_assumption():
    rows = [
        contrast(p=0.2, at=-0.9, leave_one_out_low=-1.0, leave_one_out_high=0.1),
        contrast("difference_of_differences_adjusted_for_movement", p=0.01, at=-1.2),
    ]
    line = told(rows, "inconclusive", why="interaction open")
    assert plainly(line.changes) == [
        "adjusted for movement, it becomes significant: −1.20 dB (−1.70 to −0.70), "
        "adjusted p = .010"
    ]
    rows[1] |= {"p": 0.7, "p_adjusted": 0.7, "estimate": 0.1, "ci90_low": -0.3, "ci90_high": 0.5}
    line = told(rows, "inconclusive", why="interaction open")
    assert "becomes equivalent to zero" in line.changes[0]


def test_what_the_design_forbids_no_contrast_can_change():
    line = told([contrast()], "inconclusive", why="confounded: vehicle always first")
    assert line.decisive == () and "vehicle always first" in line.summary
    assert line.summary.startswith("the design decides")


def test_only_whole_epochs_of_primary_outcomes_count():
    rows = [contrast(), contrast(split="movement", split_level="rest", p=0.9)]
    verdicts = pd.DataFrame(
        [
            verdict(),
            verdict(split="movement", split_level="rest"),
            verdict(priority="exploratory"),
        ],
        columns=list(VERDICTS),
    )
    names = Names(plan=plan(), metrics=METRICS)
    assert len(what_if(verdicts, from_rows(rows, CONTRASTS), names)) == 1
    blind = Names(plan=plan(blind=True), metrics=METRICS)
    assert what_if(verdicts, from_rows(rows, CONTRASTS), blind) == ()


def test_a_primary_outcome_without_values():
    line = told(
        [contrast(p=float("nan"), estimate=float("nan"))],
        "inconclusive",
        why="unestimable: no session has a value of this primary outcome",
    )
    assert line.decisive == () and line.changes == ()


# -- cases of a reviewer ---------------------------------------------------------------------------

APART = (
    "sensitivity: what the speed in the same epochs does not explain; speeds of drug and reference "
    "do not overlap in home_cage, set_shifting: the adjustment extrapolates"
)


def test_an_adjustment_without_common_speeds_is_no_reason_for_a_change():
    """MDMA runs far above any vehicle session: +0.01 dB, but from -17.91 to +17.93."""
    wide = {"estimate": 0.01, "ci_low": -17.91, "ci_high": 17.93, "p": 0.999, "note": APART}
    rows = [contrast("main", "", at=2.8), contrast("main_adjusted_for_movement", "", **wide)]
    line = told(rows, "pill")
    assert line.changes == () and line.holds == ()
    assert line.barred == (
        "cannot be adjusted for movement: speeds of drug and reference do not overlap in home cage "
        "and set shifting",
    )
    assert line.barred[0] in line.summary
    # where speeds overlap, the interval is there to be judged
    rows[1]["note"] = "sensitivity: what the speed in the same epochs does not explain"
    assert "+0.01 dB (−17.91 to +17.93)" in plainly(told(rows, "pill").changes)[0]


def test_what_cannot_be_adjusted_is_told_of_a_contrast_that_is_not_named_too():
    rows = [
        contrast("simple", "home_cage", p=0.9, at=0.1),
        contrast("simple", p=0.5, at=0.3),
        contrast("main", "", p=0.5, at=0.2),
        contrast("main_adjusted_for_movement", "", p=0.9, at=0.2, note=APART),
    ]
    assert "cannot be adjusted for movement" in told(rows, "no drug effect").barred[0]
    rows[3] |= {"note": "", "estimate": 0.9, "ci90_low": 0.5, "ci90_high": 1.3}
    changed = plainly(told(rows, "no drug effect").changes)
    assert "mean of all contexts: adjusted for movement, it is no longer equivalent" in changed[0]


@pytest.mark.parametrize("word", ["pill", "no drug effect"])
def test_a_difference_on_another_scale_would_change_an_equivalence(word):
    """The matrix says of these verdicts that they depend on the scale: so must this table."""
    rows = [
        contrast("simple", "home_cage", p=0.9, at=0.1),
        contrast("simple", p=0.9, at=0.1),
        contrast("main", "", p=0.001 if word == "pill" else 0.9, at=0.1),
        contrast(p=0.9, at=0.01, other_scale="linear", other_estimate=0.2, other_p_adjusted=0.013),
    ]
    (changed,) = plainly(told(rows, word).changes)
    assert changed == (
        "set shifting beyond home cage: on the linear scale, it becomes significant "
        "(adjusted p = .013)"
    )
    rows[3] |= {"other_p_adjusted": 0.4}
    line = told(rows, word)
    assert line.changes == () and "on the linear scale" in line.holds


def test_a_permutation_test_of_differences_bears_on_an_equivalence():
    rows = [
        contrast("simple", p=0.9, at=0.1, companion_p=0.01, companion_floor=0.0078),
        contrast(p=0.06, at=0.1, companion_p=0.04, companion_floor=0.0078),
    ]
    line = told(rows, "no drug effect")
    # a surely small effect stays a small one; a difference between contexts would be a process
    assert plainly(line.changes) == [
        "set shifting beyond home cage: by permutation, it becomes significant "
        "(p = .040, not adjusted)"
    ]


def within(split, level, kind="main", **more):
    name = "" if kind == "main" else "set_shifting"
    return contrast(kind, name, split=split, split_level=level, n_smallest_group=8, **more)


def test_an_effect_that_no_stratum_has_would_change_a_pill():
    whole = contrast("main", "", at=2.8)
    rows = [whole, within("movement", "rest", p=0.9, at=-0.01)]
    assert plainly(told(rows, "pill").changes) == [
        "split by movement, within rest it is smaller or absent: −0.01 dB (−0.51 to +0.49), "
        "adjusted p = .900"
    ]
    rows = [whole, within("movement", "rest", at=2.9), within("movement", "walk", at=2.7)]
    assert told(rows, "pill").holds == ("split by movement",)


def test_a_stratum_with_little_data_cannot_tell():
    """Ketamine's low gamma: +2.95 (+0.33 to +5.57) in a stratum, +3.04 unsplit."""
    wide = {"ci_low": -0.3, "ci_high": 6.2, "ci90_low": 0.1, "ci90_high": 5.8}
    rows = [
        contrast("main", "", at=3.04),
        within("learning", "established", p=0.07, at=2.95, **wide),
    ]
    line = told(rows, "pill")
    assert line.changes == () and line.holds == ()
    assert line.barred == ("split by learning, established cannot tell",)
    rows[1]["n_smallest_group"] = 2
    assert told(rows, "pill").barred == ()


def test_a_difference_before_the_dose_is_named():
    """Trials to criterion: 5.2 fewer before the dose, 8.3 after it, nothing subtracted."""
    before = contrast("simple", phase="baseline", at=-5.2, p=0.013)
    line = told([contrast("simple", at=-8.3), before], "drug effect, one context")
    assert plainly([line.before]) == [
        "psilocybin and vehicle differed before the dose already, in set shifting by −5.20 dB "
        "(−5.70 to −4.70), adjusted p = .013 (the effect is a change from each session's own "
        "baseline)"
    ]
    assert line.summary.startswith(line.before)
    assert line.nothing == "nothing else that was tried"
    rule = plan(baseline={"band_power": "none"})
    line = told([contrast("simple", at=-8.3), before], "drug effect, one context", of=rule)
    assert "nothing of it is subtracted from the effect" in line.before
    quiet = [contrast("simple", at=-8.3), before | {"p_adjusted": 0.06}]
    assert told(quiet, "drug effect, one context").before == ""
    # a value before the dose that rests on cells after it is no difference before the dose
    matched = {**METRICS, "band_power": replace(METRICS["band_power"], across_cells=True)}
    rows = [contrast("simple", at=-8.3), before]
    assert told(rows, "drug effect, one context", metrics=matched).before == ""


def test_an_open_verdict_names_what_its_reason_names():
    """Low gamma under MDMA: the widest simple effect, not the surest difference."""
    wide = {"ci90_low": -1.87, "ci90_high": 2.09, "leave_one_out_low": -0.57}
    rows = [
        contrast("simple", "home_cage", p=0.9, at=0.1),
        contrast("simple", p=0.9, at=0.11, **wide, leave_one_out_high=0.74),
        contrast("main", "", p=0.9, at=0.1),
        contrast(level="open_field", p=0.4, at=0.14),
        contrast(p=0.9, at=0.13, ci90_low=-1.84, ci90_high=2.11),
    ]
    line = told(rows, "inconclusive", why="interaction open; drug effect open")
    assert [one.contrast for one in line.decisive] == [
        "psilocybin minus vehicle, set shifting",
        "set shifting beyond home cage",
    ]
    (found, _) = plainly([one.found for one in line.decisive])
    assert found == (
        "+0.11 dB (−0.39 to +0.61), adjusted p = .900; 90 % interval −1.87 to +2.09, not within "
        "±1.00 dB; without any one rat −0.57 to +0.74"
    )
    line = told(rows, "inconclusive", why="drug effect open")
    assert [one.contrast for one in line.decisive] == ["psilocybin minus vehicle, set shifting"]
    # a mean effect that another assumption makes sure would settle it
    rows.append(contrast("main_adjusted_for_movement", "", p=0.01, at=0.9))
    (changed,) = told(rows, "inconclusive", why="drug effect open").changes
    assert "mean of all contexts: adjusted for movement, it becomes significant" in changed


def test_every_number_of_an_assumption_has_its_interval():
    rows = [contrast(), contrast("difference_of_differences_adjusted_for_sex", p=0.2, at=-0.4)]
    assert "(−0.90 to +0.10)" in plainly(told(rows).changes)[0]
