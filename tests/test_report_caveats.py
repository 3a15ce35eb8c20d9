"""What weakens a verdict, and how a cell of the matrix is read: never more than was shown."""

from __future__ import annotations

import pandas as pd
import pytest
from report_example import METRICS, cohort, plan
from test_report_sentences import ROWS, THETA, contrast, verdict

from pipeline.experiment.plan import PlanQuestion
from pipeline.report import numbers, verdict_sentence
from pipeline.report.lookup import Contrasts
from pipeline.report.matrix import panels
from pipeline.report.meanings import key_text
from pipeline.report.names import Names, plural
from pipeline.report.reasons import Reasons, disagreements
from pipeline.report.tested import contrast_words, model_kind, tables_of

BETA = "band_power/beta@mPFC"
NAMES = Names(plan=plan(), metrics=METRICS)


def plainly(text: str) -> str:
    return text.replace(numbers.SPACE, " ")


def evidence(other_p: float, *, p: float = 0.2, estimate: float = -0.2, other: float = -0.2):
    rows = [*ROWS[:3], contrast("difference_of_differences", "set_shifting",
                                (estimate, -0.6, 0.2, p)) | {
        "other_p_adjusted": other_p, "other_estimate": other, "other_scale": "linear"}]  # fmt: skip
    row = verdict("pill")
    return Contrasts(pd.DataFrame(rows)).of(row)


def remarks(word: str, found, **more) -> list[str]:
    row = verdict(word, interaction_level="set_shifting", agrees_on_other_scale="False", **more)
    return [plainly(one) for one in disagreements(row, found)]


@pytest.mark.parametrize("word", ["pill", "no drug effect"])
def test_a_difference_on_the_other_scale_is_named_with_its_p(word):
    assert remarks(word, evidence(0.006)) == [
        "a difference between contexts on the linear scale: adjusted p = .006"
    ]


def test_a_process_that_the_other_scale_does_not_show_depends_on_the_scale():
    (said,) = remarks("process", evidence(0.3, p=0.01))
    assert said == (
        "depends on the scale: no difference between contexts is shown on the linear scale, "
        "adjusted p = .300"
    )
    (said,) = remarks("process", evidence(0.01, p=0.01, other=0.3))
    assert said.startswith("depends on the scale: the difference goes the other way on the linear")
    assert remarks("process", evidence(0.01, p=0.01)) == []


def test_two_estimates_near_zero_that_differ_in_sign_do_not_disagree():
    assert remarks("pill", evidence(0.8, p=0.9, estimate=0.01, other=-0.01)) == []


@pytest.mark.parametrize(
    "why",
    ["fewer than 5 animals in a cell (1)", "unestimable: no data", "confounded: drug and sex",
     "context order: a and b were never visited at the same time after the dose"],
)  # fmt: skip
def test_where_the_design_forbids_a_verdict_nothing_can_disagree_with_it(why):
    barred = {"why": why, "agrees_with_companion": "False"}
    assert remarks("inconclusive", evidence(0.006), **barred) == []
    assert remarks("inconclusive", evidence(0.006), why="interaction open",
                   agrees_with_companion="False") != []  # fmt: skip


def test_too_few_cages_are_not_called_animals():
    assert Reasons.of("fewer than 5 cages in a cell (4)").short == "too few cages"
    assert Reasons.of("fewer than 5 animals in a cell (4)").short == "too few animals"


def test_a_test_of_cages_is_not_called_per_animal():
    cages = Names(plan=plan(unit="cage"), metrics=METRICS)
    assert model_kind("per-animal t", cages) == "per-cage t"
    assert model_kind("per-animal t", NAMES) == "per-animal t"
    assert model_kind("value ~ drug (REML)", cages) == "mixed model"


def cell_of(row: dict, names: Names = NAMES):
    (panel,) = panels(pd.DataFrame([row]), Contrasts(pd.DataFrame(ROWS)), [THETA], names)
    return panel.rows[0].cells[0]


def test_a_process_that_was_searched_for_shows_its_false_discovery_rate():
    row = verdict("process", pattern="reversed", interaction_level="set_shifting",
                  priority="exploratory", q_value=0.74)  # fmt: skip
    assert plainly(cell_of(row).detail) == "reversed; q = .740"
    # primary outcomes are not searched; a q of the interaction says nothing of a pill
    assert cell_of(row | {"q_value": float("nan")}).detail == "reversed"
    assert cell_of(row | {"verdict": "pill", "pattern": ""}).detail == ""


def test_the_key_says_what_p_and_intervals_are_adjusted_for():
    said = plainly(key_text("context", "primary", 6, NAMES))
    assert "p values corrected over all drugs and contexts of an outcome (Holm)." in said
    assert "not corrected over the 6 primary outcomes, and intervals not at all." in said
    assert "7 of 8" not in said
    assert "7 of 8" in key_text("context", "primary", 6, NAMES, incomplete=True)
    assert "Intervals are not corrected." in key_text("context", "primary", 1, NAMES)


def test_words_are_put_into_the_plural_as_one_says_them():
    assert [plural(word) for word in ("context", "sex", "stage", "dosing context", "mouse")] == [
        "contexts", "sexes", "stages", "dosing contexts", "mice"
    ]  # fmt: skip


@pytest.fixture(scope="module")
def by_sex():
    question = PlanQuestion(modifier="sex", reference="F", levels=["F", "M"], phases=["acute"])
    return cohort(only=(BETA,), questions=[question])


def test_a_question_about_sex_is_worded_as_one(by_sex):
    names = Names(plan=by_sex.plan, metrics=by_sex.metrics)
    index = Contrasts(by_sex.contrasts)
    (panel,) = panels(by_sex.verdicts, index, [BETA], names)
    found = index.at(outcome=BETA, phase="acute", modifier="sex")
    everything = " ".join([
        panel.reading, tables_of(found, names).families,
        *(one.lead + one.rest for one in panel.said),
        *(meaning for *_, meaning in panel.meanings), *(contrast_words(one) for one in found),
        *(cell.sentence for cell in panel.rows[0].cells),
    ])  # fmt: skip
    assert "sexs" not in everything
    assert "averaged over the sexes" in panel.reading
    assert "mean of all sexes" in everything


def test_with_one_context_no_other_is_spoken_of():
    home = ["home_cage"]
    question = PlanQuestion(
        modifier="context", reference="home_cage", levels=home, phases=["acute"]
    )
    names = Names(plan=plan(contexts=home, questions=[question]), metrics=METRICS)
    row = verdict("no drug effect", priority="primary")
    rows = Contrasts(pd.DataFrame([ROWS[1]]))
    (panel,) = panels(pd.DataFrame([row]), rows, [THETA], names)
    everything = " ".join([panel.reading, *(one.lead + one.rest for one in panel.said[1:]),
                           *(meaning for *_, meaning in panel.meanings),
                           verdict_sentence(row, rows, names.plan, METRICS)])  # fmt: skip
    assert "every context" not in everything and "any context" not in everything
    assert "averaged" not in everything
    assert "The only effect was shown to be smaller in home cage than" in plainly(everything)
    assert "in home cage the drug's effect was shown to be smaller" in everything


def test_animals_without_an_arm_stand_in_cell_and_table_of_tests():
    one = cohort(only=(BETA,))
    names = Names(plan=one.plan, metrics=one.metrics)
    index = Contrasts(one.contrasts)
    (panel,) = panels(one.verdicts, index, [BETA], names)
    assert "(7 of 8: so many of them have every cell)" in panel.reading
    cells = {cell.condition: plainly(cell.n) for cell in panel.rows[0].cells}
    assert cells == {"psilocybin": "8 rats", "ketamine": "7 of 8 rats", "MDMA": "7 of 8 rats"}
    shown = tables_of(index.at(outcome=BETA, phase="acute", modifier="context"), names)
    numbers_ = {line.condition: line.n for line in shown.groups[0][1]}
    assert numbers_ == {"psilocybin": "8", "ketamine": "7 of 8 (ketamine 7, vehicle 8)",
                        "MDMA": "7 of 8 (MDMA 7, vehicle 8)"}  # fmt: skip
    sentences = " ".join(cell.sentence for cell in panel.rows[0].cells)
    assert "7 of 8 rats with both" in plainly(sentences)
