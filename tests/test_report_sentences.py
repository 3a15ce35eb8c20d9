"""Sentences of the verdicts, checked by hand against the rows that they are made of."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pandas as pd
import pytest
from report_example import METRICS, few, plan

from pipeline import registry
from pipeline.compare.tables import CONTRASTS, VERDICTS
from pipeline.errors import InputError
from pipeline.experiment.plan import PlanBound, PlanCondition
from pipeline.report import numbers, verdict_sentence

THETA = "band_power/theta@mPFC"
NAN = float("nan")


def contrast(kind: str, level: str, numbers_: tuple[float, ...], **more) -> dict:
    """Row of contrasts.tsv: (estimate, ci_low, ci_high, p_adjusted)."""
    estimate, low, high, p = numbers_
    blank = {name: "" if kind_ == "str" else 0 for name, kind_ in CONTRASTS.items()}
    return blank | {
        "outcome": THETA, "contrast": kind, "condition": "psilocybin",
        "reference_condition": "vehicle", "modifier": "context", "level": level,
        "reference_level": "home_cage" if kind.startswith("difference") else "",
        "phase": "acute", "step": 1, "estimate": estimate, "ci_low": low, "ci_high": high,
        "p": p / 2, "p_adjusted": p, "n_animals": 8, "n_units": 8, "n_complete": 8,
        "n_condition": 8, "n_reference": 8, "other_p_adjusted": NAN, **more,
    }  # fmt: skip


def verdict(word: str, **more) -> dict:
    blank = {name: "" if kind == "str" else NAN for name, kind in VERDICTS.items()}
    return blank | {
        "outcome": THETA, "condition": "psilocybin", "phase": "acute", "modifier": "context",
        "step": 1, "verdict": word, "n_animals": 8, **more,
    }  # fmt: skip


#: home cage -0.5, set-shifting 1.9 lower still, on average -1.3
ROWS = [
    contrast("main", "", (-1.3, -1.7, -0.9, 0.0004)),
    contrast("simple", "home_cage", (-0.5, -0.9, -0.1, 0.03)),
    contrast("simple", "set_shifting", (-2.4, -3.0, -1.8, 0.0002)),
    contrast("difference_of_differences", "set_shifting", (-1.9, -2.6, -1.2, 0.0021)),
]


def say(row: dict, rows: list[dict] = ROWS, of=None, metrics=METRICS) -> str:
    sentence = verdict_sentence(row, pd.DataFrame(rows), of or plan(), metrics)
    return sentence.replace(numbers.SPACE, " ")


def test_process_amplified():
    row = verdict("process", pattern="amplified", interaction_level="set_shifting")
    assert say(row) == (
        "The effect of psilocybin on theta band power in mPFC depends on context: it was −0.50 dB "
        "in home cage and a further −1.90 dB in set shifting (95 % CI −2.60 to −1.20; adjusted "
        "p = .002; 8 rats)."
    )


def test_amplified_from_next_to_nothing_says_both_with_the_interval_of_the_first():
    near = ROWS[1] | {"estimate": 0.02, "ci_low": -0.18, "ci_high": 0.21}
    row = verdict("process", pattern="amplified", interaction_level="set_shifting")
    assert say(row, [ROWS[0], near, *ROWS[2:]]) == (
        "The effect of psilocybin on theta band power in mPFC depends on context: it was +0.02 dB "
        "in home cage (95 % CI −0.18 to +0.21) and −2.40 dB in set shifting: a difference of "
        "−1.90 dB (95 % CI −2.60 to −1.20; adjusted p = .002; 8 rats)."
    )


def test_process_attenuated_and_reversed():
    rows = [
        *ROWS[:2],
        contrast("simple", "set_shifting", (0.4, 0.1, 0.7, 0.02)),
        contrast("difference_of_differences", "set_shifting", (0.9, 0.3, 1.5, 0.01)),
    ]
    row = verdict("process", pattern="reversed", interaction_level="set_shifting")
    assert say(row, rows) == (
        "The effect of psilocybin on theta band power in mPFC depends on context: it was −0.50 dB "
        "in home cage and the other way in set shifting, +0.40 dB: a difference of +0.90 dB "
        "(95 % CI +0.30 to +1.50; adjusted p = .010; 8 rats)."
    )
    row["pattern"] = "attenuated"
    assert "−0.50 dB in home cage and weaker in set shifting, by +0.90 dB (" in say(row, rows)


def test_process_negligible_names_the_smallest_difference_of_interest():
    row = verdict("process", pattern="negligible", interaction_level="set_shifting")
    assert "but by less than the smallest difference of interest (1 dB)." in say(row)


def test_process_names_every_level_that_differs():
    more = contrast("difference_of_differences", "open_field", (-0.7, -1.2, -0.2, 0.04))
    row = verdict("process", pattern="amplified", interaction_level="set_shifting")
    assert say(row, [*ROWS, more]).endswith(
        "; it also differed in open field (−0.70 dB; 95 % CI −1.20 to −0.20; adjusted p = .040)."
    )
    more["p_adjusted"] = 0.06
    assert "also" not in say(row, [*ROWS, more])


def test_pill():
    assert say(verdict("pill")) == (
        "Psilocybin changed theta band power in mPFC by −1.30 dB on average against vehicle (95 % "
        "CI −1.70 to −0.90; adjusted p < .001; 8 rats), with no difference of 1 dB or more between "
        "home cage and the other context."
    )


def test_no_drug_effect_is_said_against_the_smallest_effect():
    assert say(verdict("no drug effect")) == (
        "Psilocybin did not change theta band power in mPFC by as much as 1 dB in any context: the "
        "difference was −1.30 dB on average against vehicle (95 % CI −1.70 to −0.90; adjusted "
        "p < .001; 8 rats)."
    )


def test_a_significant_effect_that_is_too_small_is_not_called_none():
    row = verdict("no drug effect", pattern="negligible")
    assert say(row) == (
        "Psilocybin changed theta band power in mPFC, but by less than 1 dB in every context: the "
        "difference was −1.30 dB on average against vehicle (95 % CI −1.70 to −0.90; adjusted "
        "p < .001; 8 rats)."
    )
    # the mean is not significant, set shifting is: the sentence must not hide which
    quiet = [ROWS[0] | {"p_adjusted": 0.2}, ROWS[1] | {"p_adjusted": 0.3}, *ROWS[2:]]
    said = say(row, quiet)
    assert said.endswith(
        "p = .200; 8 rats); in set shifting −2.40 dB (95 % CI −3.00 to −1.80; adjusted p < .001)."
    )


def test_one_level_is_called_by_its_name():
    said = say(verdict("no drug effect"), [ROWS[1]])
    assert "by as much as 1 dB in home cage: the difference was −0.50 dB against vehicle" in said


def test_a_mean_over_units_that_did_not_change_points_to_what_it_hides():
    rate = "firing_rate@mPFC"
    up = replace(METRICS["firing_rate"], name="units_up", label="Units that go up")
    metrics = METRICS | {
        "firing_rate": replace(METRICS["firing_rate"], read_with=("units_up", "units_down")),
        "units_up": up,
    }
    rows = [row | {"outcome": rate} for row in ROWS]
    end = "Single units may have changed, in opposite directions: see units that go up."
    assert say(verdict("no drug effect", outcome=rate), rows, metrics=metrics).endswith(end)
    assert "Single units" not in say(verdict("pill", outcome=rate), rows, metrics=metrics)
    assert registry.metrics()["firing_rate"].read_with == ("units_up", "units_down")
    assert set(registry.metrics()) >= {"units_up", "units_down"}


LOST = {"n_complete": 7, "n_condition": 7, "n_reference": 8}


def test_animals_that_lack_an_arm_are_counted_apart():
    rows = [row | LOST for row in ROWS]
    assert "p < .001; 7 of 8 rats with both), with no difference" in say(verdict("pill"), rows)
    # every animal has both arms, one lacks a context of one
    rows = [row | LOST | {"n_condition": 8} for row in ROWS]
    assert "; 7 of 8 rats with every cell)" in say(verdict("pill"), rows)
    # parallel groups of eight, one animal without a context: nobody could have both
    rows = [row | {"n_animals": 16, "n_complete": 15, "n_condition": 8} for row in ROWS]
    assert "; 15 of 16 rats with every cell)" in say(verdict("pill"), rows)
    said = say(verdict("inconclusive", why="drug effect open"), [row | LOST for row in ROWS])
    assert "these 8 rats (7 with both) cannot tell" in said


def test_numbers_of_older_tables_are_what_they_were():
    rows = pd.DataFrame(ROWS).drop(columns=["n_complete", "n_condition", "n_reference"])
    assert "; 8 rats)" in say(verdict("pill"), rows.to_dict("records"))


def test_one_context():
    rows = [contrast("simple", "set_shifting", (-7.44, -11.26, -3.49, 0.007),
                     outcome="trials_to_criterion")]  # fmt: skip
    row = verdict("drug effect, one context", outcome="trials_to_criterion")
    assert say(row, rows) == (
        "Psilocybin changed trials to criterion by −7.4 trials (95 % CI −11.3 to −3.5; adjusted "
        "p = .007; 8 rats). It is measured in set shifting only, so one context cannot tell pill "
        "from process."
    )


def test_logarithms_are_said_as_factors_too():
    rows = [contrast("simple", "home_cage", (1.0, 0.5, 1.5, 0.01), outcome="firing_rate@mPFC")]
    row = verdict("drug effect, one context", outcome="firing_rate@mPFC")
    assert "by +1.00 log2 (2.00 times; 95 % CI +0.50 to +1.50; adjusted" in say(row, rows)


def test_interaction_open_keeps_the_drug_effect():
    rows = [*ROWS[:3], contrast("difference_of_differences", "set_shifting", (0.3, -0.5, 1.1, 0.4))]
    row = verdict("inconclusive", why="interaction open", interaction_level="set_shifting")
    assert say(row, rows) == (
        "Psilocybin changed theta band power in mPFC by −1.30 dB on average against vehicle (95 % "
        "CI −1.70 to −0.90; adjusted p < .001), but whether that depends on context, these 8 rats "
        "cannot tell: in set shifting the effect differed from that in home cage by +0.30 dB (95 % "
        "CI −0.50 to +1.10; adjusted p = .400)."
    )


def test_drug_effect_open():
    row = verdict("inconclusive", why="interaction open; drug effect open; no smallest effect "
                  "declared (drug, interaction)")  # fmt: skip
    said = say(row)
    assert said.startswith("Whether psilocybin changes theta band power in mPFC, these 8 rats cann")
    assert said.endswith(
        " No smallest effect of interest was declared, so that none can be excluded."
    )


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("context order: set_shifting and home_cage were never visited at the same time after the "
         "dose", "so that an effect which merely fades would look alike"),
        ("confounded: vehicle always came first (drug and period cannot be separated)",
         "cannot be told from this design: vehicle always came first"),
        ("fewer than 5 animals in a cell (3)",
         "these 8 rats are too few to tell: fewer than 5 animals in a cell (3)"),
        ("unestimable: no data: open field", "cannot be estimated: no data: open field."),
        ("something new", "cannot tell (something new)"),
    ],
)  # fmt: skip
def test_every_reason_is_said(why, words):
    assert words in say(verdict("inconclusive", why=why))


@pytest.mark.parametrize(
    "why", ["interaction open", "drug effect open", "no smallest effect declared (drug)", "",
            "confounded: cohort", "context order: a and b", "fewer than 5 animals in a cell (2)"],
)  # fmt: skip
def test_inconclusive_never_reads_as_no_effect(why):
    said = say(verdict("inconclusive", why=why)).casefold()
    assert "no effect" not in said
    assert "did not change" not in said
    assert re.search(r"cannot tell|cannot be told|too few", said)


def test_cages_are_counted_where_they_are_the_unit():
    rows = [row | {"n_units": 4, "n_complete": 4} for row in ROWS]
    assert "; 4 cages)" in say(verdict("pill"), rows, plan(unit="cage"))


def test_only_the_contrasts_of_the_verdict_are_read():
    noise = [row | {"phase": "late", "estimate": 99.0} for row in ROWS]
    noise += [row | {"split": "movement", "split_level": "rest", "estimate": 98.0} for row in ROWS]
    noise += [row | {"condition": "ketamine", "estimate": 97.0} for row in ROWS]
    noise += [row | {"step": 2, "estimate": 96.0} for row in ROWS]
    row = verdict("pill")
    assert say(row, noise + ROWS) == say(row)


def test_own_reference_and_species():
    of = plan(
        species="mouse",
        conditions=[
            PlanCondition(name="vehicle", reference=None, drug="saline", is_reference=True),
            PlanCondition(name="psilocybin", reference="ketanserin_vehicle", drug="psilocybin",
                          is_reference=False),
        ],
        smallest_effect={"band_power": PlanBound(drug=0.5)},
    )  # fmt: skip
    rows = [row | {"reference_condition": "ketanserin_vehicle"} for row in ROWS]
    said = say(verdict("pill"), rows, of)
    assert "against ketanserin vehicle (" in said
    assert "; 8 mice)" in said


def test_a_missing_column_is_named():
    rows = pd.DataFrame(ROWS).drop(columns="ci_low")
    with pytest.raises(InputError, match="ci_low"):
        verdict_sentence(verdict("pill"), rows, plan(), METRICS)


def test_sentences_of_a_cohort_hold_the_numbers_of_its_tables():
    """Every sentence's first interval is that of a contrast of the same outcome and condition."""
    cohort = few()
    pattern = re.compile(r"95 % CI ([+−]?[\d.]+) to ([+−]?[\d.]+); adjusted p ([=<>]) \.?(\d+)")
    checked = 0
    for row in cohort.verdicts.to_dict("records"):
        said = say(row, cohort.contrasts.to_dict("records"), cohort.plan)
        rows = cohort.contrasts
        for column in ("outcome", "condition", "phase", "split", "split_level"):
            rows = rows[rows[column] == row[column]]
        for low, high, sign, p in pattern.findall(said):
            found = [
                effect for effect in rows.to_dict("records")
                if math.isclose(effect["ci_low"], float(low.replace("−", "-")), abs_tol=0.051)
                and math.isclose(effect["ci_high"], float(high.replace("−", "-")), abs_tol=0.051)
            ]  # fmt: skip
            assert found, said
            if sign == "=":
                assert any(abs(f["p_adjusted"] - int(p) / 1000) < 0.00051 for f in found), said
            checked += 1
    assert checked > 20
