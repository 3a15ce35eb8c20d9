"""What would change a verdict: a hand-made case for each kind of assumption and of verdict."""

from __future__ import annotations

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


def told(rows, word="process", *, of=None, **more):
    verdicts = pd.DataFrame([verdict(word, **more)], columns=list(VERDICTS))
    contrasts = from_rows(rows, CONTRASTS)
    (line,) = what_if(verdicts, contrasts, Names(plan=of or plan(), metrics=METRICS))
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
        f"{assumption}, it loses significance (−0.70 dB, adjusted p = .080)"
    ]
    assert line.holds == ()


def test_a_sign_that_turns():
    turned = "difference_of_differences_at_equal_time"
    line = told([contrast(), contrast(turned, p=0.01, at=0.9)])
    assert plainly(line.changes) == [
        "at equal time since the dose, it changes sign (+0.90 dB, adjusted p = .010)"
    ]
    line = told([contrast(), contrast(turned, p=0.6, at=0.1)])
    assert "it changes sign and is not significant (+0.10 dB" in plainly(line.changes)[0]


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
        "adjusted for movement, it is no longer equivalent to zero (+0.70 dB, adjusted p = .400; "
        "90 % interval +0.30 to +1.10)"
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
        "significance (+0.20 dB, adjusted p = .700)"
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
        "adjusted for movement, it becomes significant (−1.20 dB, adjusted p = .010)"
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
