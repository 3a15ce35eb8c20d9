"""The answer at the top of the cohort report: its paragraph, its matrix, the design below it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_example import EXCLUDED, FAILED, METRICS, few, plan
from test_report_sentences import ROWS, THETA, contrast, say, verdict

from pipeline.experiment.plan import PlanQuestion
from pipeline.report import numbers
from pipeline.report.answer import NAMED, basis_of, elsewhere, findings, paragraph
from pipeline.report.answer_balance import balance_view
from pipeline.report.blinding import omnibus_lines
from pipeline.report.design_tables import completeness_view, design_table
from pipeline.report.embed import environment, template_text
from pipeline.report.lookup import Contrasts
from pipeline.report.matrix import panels
from pipeline.report.names import Names
from pipeline.report.timeline import _pieces, timeline_chart
from pipeline.report.whiskers import WHISKER_WIDTH

RATE = "firing_rate@mPFC"
TRIALS = "trials_to_criterion"
#: from +0.5 in home cage to -0.6 in set-shifting
RATES = [
    contrast("main", "", (-0.05, -0.2, 0.1, 0.5), outcome=RATE),
    contrast("simple", "home_cage", (0.5, 0.3, 0.7, 0.001), outcome=RATE),
    contrast("simple", "set_shifting", (-0.6, -0.8, -0.4, 0.001), outcome=RATE),
    contrast("difference_of_differences", "set_shifting", (-1.1, -1.4, -0.8, 0.0002), outcome=RATE),
]


def of_drug(rows: list[dict], drug: str) -> list[dict]:
    return [row | {"condition": drug} for row in rows]


def found(verdicts, rows, caveats=None, **changes):
    names = Names(plan=plan(**changes), metrics=METRICS)
    labels = [row["condition"] for row in verdicts]
    weak = caveats or [()] * len(verdicts)
    return findings(verdicts, labels, weak, Contrasts(pd.DataFrame(rows)), names)


def answer(verdicts, rows, caveats=None, basis="primary", modifier="context", **changes) -> str:
    said = paragraph(found(verdicts, rows, caveats, **changes), basis=basis, modifier=modifier)
    return " ".join(f"{one.lead}{one.rest}" for one in said).replace(numbers.SPACE, " ")


def process(outcome=THETA, **more) -> dict:
    return verdict("process", pattern="amplified", interaction_level="set_shifting",
                   outcome=outcome, **more)  # fmt: skip


def test_an_effect_that_depends_is_said_with_estimate_interval_p_and_animals():
    assert answer([process()], ROWS) == (
        "The effect of psilocybin depends on context for theta band power in mPFC, from −0.50 dB "
        "in home cage to −2.40 dB in set shifting, a difference of −1.90 dB (95 % CI −2.60 to "
        "−1.20; adjusted p = .002; 8 rats)."
    )


def test_of_several_outcomes_the_surest_has_the_numbers():
    assert answer([process(), process(RATE)], ROWS + RATES) == (
        "The effect of psilocybin depends on context for 2 of 2 primary outcomes: most surely "
        "firing rate in mPFC, from +0.50 log2 in home cage to −0.60 log2 in set shifting, a "
        "difference of −1.10 log2 (95 % CI −1.40 to −0.80; adjusted p < .001; 8 rats); also theta "
        "band power in mPFC."
    )


def test_a_weakened_finding_is_not_the_surest_and_says_why():
    weak = [(), ("not seen within rest or walk: in every stratum it is clearly smaller",)]
    said = answer([process(), process(RATE)], ROWS + RATES, weak)
    assert "most surely theta band power in mPFC, from −0.50 dB" in said
    assert said.endswith("; also firing rate in mPFC (not seen within rest or walk).")
    least = process(RATE) | {"pattern": "negligible"}
    said = answer([process(), least], ROWS + RATES)
    assert "most surely theta band power" in said
    assert "firing rate in mPFC (by less than the smallest difference of interest)." in said


def test_of_many_drugs_only_the_surest_has_numbers():
    drugs = ["A", "B", "C", "D"]
    rows = [row for drug in drugs for row in of_drug(ROWS if drug != "C" else RATES, drug)]
    said = answer([process(RATE if drug == "C" else THETA, condition=drug) for drug in drugs], rows)
    assert said.count("The effect of ") == 4
    assert said.count("95 % CI") == 1
    assert "The effect of C depends on context for firing rate in mPFC, from +0.50 log2" in said
    assert "The effect of A depends on context for theta band power in mPFC. " in said


def test_what_does_not_depend_what_is_small_and_what_cannot_be_told():
    one_level = contrast("simple", "set_shifting", (-7.4, -11.3, -3.5, 0.007), outcome=TRIALS)
    rows = ROWS + RATES + [one_level]
    rows += of_drug(ROWS, "ketamine") + of_drug(RATES, "ketamine")
    said = answer(
        [
            verdict("pill"),
            verdict("drug effect, one context", outcome=TRIALS),
            verdict("no drug effect", outcome=RATE),
            verdict("inconclusive", condition="ketamine", why="interaction open; drug effect open"),
            verdict("inconclusive", condition="ketamine", outcome=RATE, why="interaction open"),
        ],
        rows,
    )
    assert said == (
        "For no primary outcome was a drug's effect shown to depend on context. "
        "With no difference of interest between contexts was the effect of psilocybin on theta "
        "band power in mPFC (−1.30 dB). "
        "In one context only, so that pill and process cannot be told apart: psilocybin on trials "
        "to criterion (−7.4 trials). "
        "These 8 rats cannot tell whether ketamine changes theta band power in mPFC and whether "
        "the effect of ketamine on firing rate in mPFC depends on context. "
        "The other of the 5 effects, of psilocybin on firing rate in mPFC, was shown to be smaller "
        "in every context than the smallest effect of interest (90 % intervals)."
    )


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("interaction open", "These 8 rats cannot tell whether the effect of psilocybin on theta"),
        ("drug effect open; no smallest effect declared (drug)", "These 8 rats cannot tell whether "
         "psilocybin changes theta band power in mPFC."),
        ("confounded: vehicle always came first", "This design cannot tell whether the effect of "
         "psilocybin on theta band power in mPFC depends on context: vehicle always came first."),
        ("context order: a and b", "This design cannot tell"),
        ("fewer than 5 animals in a cell (3)", "These 8 rats are too few to tell whether"),
        ("unestimable: no data", "It cannot be estimated whether"),
        ("something new", "cannot tell whether"),
    ],
)  # fmt: skip
def test_inconclusive_says_who_cannot_tell_and_never_that_there_is_no_effect(why, words):
    said = answer([verdict("inconclusive", why=why)], ROWS)
    assert words in said
    assert "no effect" not in said.casefold()
    assert "did not" not in said and "smaller" not in said and "Alike" not in said


def test_what_was_declared_answers_and_its_absence_is_said():
    assert basis_of(["exploratory", "secondary", "primary"]) == "primary"
    assert basis_of(["exploratory", "secondary"]) == "secondary"
    assert basis_of(["exploratory"]) == basis_of([]) == ""
    assert answer([process()], ROWS, basis="secondary").startswith(
        "No primary outcome was declared: secondary ones answer here. The effect of psilocybin"
    )
    assert answer([process()], ROWS, basis="").startswith(
        "No outcome was declared beforehand: what follows is exploratory, questions for the next "
        "experiment. The effect of psilocybin"
    )
    assert answer([], ROWS) == ""


def test_many_outcomes_are_named_up_to_a_number():
    outcomes = [f"band_power/b{index}@mPFC" for index in range(NAMED + 5)]
    rows = [row | {"outcome": outcome} for outcome in outcomes for row in ROWS]
    said = answer([verdict("pill", outcome=outcome) for outcome in outcomes], rows)
    assert said.count("band power in mPFC") == NAMED
    assert said.endswith(" and 5 others.")


def test_cages_and_another_modifier_and_mice():
    rows = [row | {"n_units": 4, "n_animals": 16, "modifier": "sex"} for row in ROWS]
    row = process(modifier="sex", n_animals=16)
    said = answer([row], rows, modifier="sex", unit="cage")
    assert "depends on sex" in said and "; 4 cages)" in said and "16" not in said
    open_ = verdict("inconclusive", why="interaction open", modifier="sex", n_animals=16)
    assert "These 4 cages cannot tell" in answer([open_], rows, modifier="sex", unit="cage")
    assert "these 4 cages cannot tell" in say(open_, rows, plan(unit="cage"))
    assert "; 8 mice)" in answer([process()], ROWS, species="mouse")


def test_other_phases_are_pointed_to():
    late = found([process(), verdict("pill", outcome=RATE)], ROWS + RATES)
    (said,) = elsewhere([("late", "context", late), ("day+1", "stage", [])])
    assert f"{said.lead}{said.rest}".replace(numbers.SPACE, " ") == (
        "Elsewhere a drug effect also depends: in late, psilocybin on theta band power in mPFC "
        "(by context)."
    )
    assert elsewhere([("late", "context", found([verdict("pill")], ROWS))]) == ()


# -- which interval it would take ------------------------------------------------------------------


def test_inconclusive_says_which_interval_it_would_take():
    rows = [
        contrast("main", "", (0.1, -0.9, 1.1, 0.7)),
        contrast("simple", "home_cage", (0.0, -0.6, 0.6, 0.9), ci90_low=-0.5, ci90_high=0.5),
        contrast("simple", "set_shifting", (0.2, -1.6, 2.0, 0.8), ci90_low=-1.3, ci90_high=1.7),
        contrast("difference_of_differences", "set_shifting", (0.2, -1.7, 2.1, 0.8),
                 ci90_low=-1.4, ci90_high=1.8),
    ]  # fmt: skip
    said = say(verdict("inconclusive", why="interaction open; drug effect open"), rows)
    assert said.endswith(
        " To exclude a drug effect of 1 dB or more, the 90 % interval of the drug effect must lie "
        "within ±1 dB in every context; in set shifting it is −1.30 to +1.70."
    )
    said = say(verdict("inconclusive", why="interaction open"), rows)
    assert said.endswith(
        " To exclude a difference of 1 dB or more, the 90 % interval of the difference must lie "
        "within ±1 dB; in set shifting it is −1.40 to +1.80."
    )
    undeclared = say(verdict("inconclusive", why="drug effect open; no smallest effect declared "
                             "(drug)"), rows, plan(smallest_effect={}))  # fmt: skip
    assert "To exclude" not in undeclared and undeclared.endswith("none can be excluded.")


# -- numbers follow the tables ---------------------------------------------------------------------


def first_panel(one):
    names = Names(plan=one.plan, metrics=one.metrics)
    order = list(dict.fromkeys(one.outcomes["outcome"].astype(str)))
    return panels(one.verdicts, Contrasts(one.contrasts), order, names)[0]


def test_the_paragraph_holds_the_numbers_of_the_tables():
    one = few()
    said = " ".join(f"{s.lead}{s.rest}" for s in first_panel(one).said)
    said = said.replace(numbers.SPACE, " ").replace(numbers.MINUS, "-")
    number = r"([+-][\d.]+)"
    pattern = re.compile(
        rf"effect of (\w+) depends on context.*?from {number} \w+ in home cage to {number} \w+ in "
        rf"(\w+ \w+), a difference of {number} \w+ \(95 % CI {number} to {number}; adjusted p "
        r"([=<]) (\.\d+); (\d) rats"
    )
    checked = pattern.findall(said)
    rows = one.verdicts[(one.verdicts["split"] == "") & (one.verdicts["priority"] == "primary")]
    changed = rows[rows["verdict"] == "process"]
    assert len(checked) == changed["condition"].nunique() >= 1
    for drug, base, there, level, estimate, low, high, sign, p, n in checked:
        mine = changed[changed["condition"] == drug]
        row = mine.loc[mine["interaction_p_adjusted"].idxmin()]
        assert row["interaction_level"] == level.replace(" ", "_")
        for shown, name in ((estimate, "estimate"), (low, "ci_low"), (high, "ci_high")):
            assert float(shown) == pytest.approx(row[f"interaction_{name}"], abs=0.0051), name
        if sign == "=":
            assert float(p) == pytest.approx(row["p_adjusted"], abs=0.00051)
        else:
            assert row["p_adjusted"] < 0.001
        assert int(n) == row["n_animals"] == 8
        effects = one.contrasts[
            (one.contrasts["outcome"] == row["outcome"]) & (one.contrasts["condition"] == drug)
            & (one.contrasts["split"] == "") & (one.contrasts["contrast"] == "simple")
            & (one.contrasts["phase"] == "acute") & (one.contrasts["modifier"] == "context")
        ].set_index("level")["estimate"]  # fmt: skip
        assert float(base) == pytest.approx(effects["home_cage"], abs=0.0051)
        assert float(there) == pytest.approx(effects[row["interaction_level"]], abs=0.0051)


def test_the_paragraph_names_each_declared_verdict_once():
    one = few()
    rows = one.verdicts[(one.verdicts["split"] == "") & (one.verdicts["priority"] == "primary")]
    said = first_panel(one).said
    assert len(rows) == 9
    small = rows[rows["verdict"] == "no drug effect"]
    if len(small):
        last = said[-1].lead.replace(numbers.SPACE, " ")
        assert last.startswith("The other") and last.endswith("of the 9 effects")
    leads = " ".join(one.lead for one in said)
    for drug in rows.loc[rows["verdict"] == "process", "condition"].unique():
        assert leads.count(f"The effect of {drug} depends on context") == 1


def test_each_cell_of_the_matrix_holds_its_row_of_the_tables():
    one = few()
    panel = first_panel(one)
    shown = {
        (row.outcome, cell.condition): cell for row in panel.rows for cell in row.cells
    }  # fmt: skip
    rows = one.verdicts[one.verdicts["split"] == ""]
    checked = 0
    for row in rows.to_dict("records"):
        cell = shown[row["outcome"], row["condition"]]
        assert cell.verdict == row["verdict"]
        # rat03 had no ketamine, rat06 no MDMA
        lost = row["condition"] != "psilocybin"
        assert cell.n.replace(numbers.SPACE, " ") == ("7 of 8 rats" if lost else "8 rats")
        for estimate, name in zip(cell.estimates, ("drug", "interaction"), strict=False):
            limits = re.findall(r"[+-]?[\d.]+", estimate.interval.replace(numbers.MINUS, "-"))
            values = [estimate.amount.replace(numbers.MINUS, "-"), *limits]
            kept = [row[f"{name}_{key}"] for key in ("estimate", "ci_low", "ci_high")]
            assert [float(v) for v in values] == pytest.approx(kept, abs=0.0501)
            checked += 1
        assert bool(cell.estimates) == np.isfinite(row["drug_estimate"])
    assert checked >= 18


def test_rows_are_primary_secondary_and_exploratory_apart():
    one = few()
    gamma = "band_power/low_gamma@CA1"
    priority = {THETA: "primary", RATE: "secondary", gamma: "exploratory"}
    table = one.verdicts[one.verdicts["outcome"].isin(priority)]
    table = table.assign(priority=table["outcome"].map(priority))
    names = Names(plan=one.plan, metrics=one.metrics)

    def sorted_rows(verdicts):
        order = list(dict.fromkeys(verdicts["outcome"]))
        (panel,) = panels(verdicts, Contrasts(one.contrasts), order, names)
        parts = (panel.answering, panel.secondary, panel.exploratory)
        return panel.basis, [[row.outcome for row in part] for part in parts]

    assert sorted_rows(table) == ("primary", [[THETA], [RATE], [gamma]])
    assert sorted_rows(table[table["outcome"] != THETA]) == ("secondary", [[RATE], [], [gamma]])
    assert sorted_rows(table[table["outcome"] == gamma]) == ("", [[gamma], [], []])


# -- the page --------------------------------------------------------------------------------------


def render(section: str, one, **changes) -> str:
    """One section of the page, without its figures."""
    names = Names(plan=one.plan, metrics=one.metrics)
    given = {
        "plan": one.plan,
        "names": names,
        "panels": [],
        "blind": False,
        "omnibus": (),
        "whisker_width": WHISKER_WIDTH,
        "completeness": completeness_view(one.completeness),
        "warnings": [],
        "calibration": {"warnings": []},
        "blinding": {"alert": False, "lines": []},
        "timeline": None,
    }
    return environment().get_template(f"report_{section}.html").render(**{**given, **changes})


def test_the_paragraph_stands_first_and_the_undeclared_is_folded():
    part = render("answer", few(), panels=[first_panel(few())])
    places = [part.index(mark) for mark in
              ('class="in-words"', 'class="verdicts"', 'class="meanings"', 'class="words"',
               '<details class="beside-answer"')]  # fmt: skip
    assert places == sorted(places)
    folded = part[places[-1] :]
    assert "Verdicts of the 1 exploratory outcome<" in folded
    assert "Low gamma band power, CA1" in folded
    assert "ow gamma" not in part[: places[-1]]
    assert "exploratory" not in part[: places[-1]]


def test_a_caveat_is_marked_in_its_cell_and_said_in_words():
    one = few()
    flags = ["agrees_on_other_scale", "agrees_with_companion"]
    changed = one.verdicts.astype(dict.fromkeys(flags, object))
    changed[flags] = ""
    rows = one.contrasts.assign(other_p_adjusted=np.nan)
    ketamine = (rows["outcome"] == RATE) & (rows["condition"] == "ketamine") & (rows["split"] == "")
    mine = changed[(changed["outcome"] == RATE) & (changed["condition"] == "ketamine")].iloc[0]
    level = ketamine & (rows["level"] == mine["interaction_level"])
    level &= rows["contrast"] == "difference_of_differences"
    rows.loc[level, ["other_p_adjusted", "other_scale"]] = [0.004, "linear"]
    panel = first_panel(replace(one, verdicts=changed, contrasts=rows))
    part = render("answer", one, panels=[panel]).replace(numbers.SPACE, " ")
    words = "a difference between contexts on the linear scale: adjusted p = .004"
    assert part.count(f'<b class="sign" title="{words}">') == 1
    listed = part[part.index('class="caveats"') :]
    assert f"! a</b> {words}" in listed
    assert "(+0.63 log2; a difference between contexts on the linear scale)" in part


def test_while_blind_the_tests_of_the_declared_outcomes_stand_open():
    one = few()
    row = one.contrasts.iloc[0].to_dict() | {
        "contrast": "omnibus", "split": "", "split_level": "", "condition": "", "term": "condition",
    }  # fmt: skip
    tests = pd.DataFrame([row | {"outcome": THETA, "priority": "primary"},
                          row | {"outcome": RATE, "priority": "exploratory"}])  # fmt: skip
    lines = omnibus_lines(tests, [THETA, RATE], Names(plan=one.plan, metrics=one.metrics))
    part = render("answer", one, blind=True, omnibus=lines)
    assert "Conditions are codes." in part and 'class="in-words"' not in part
    open_, folded = part.split('<details class="beside-answer">')
    assert "Theta band power, mPFC" in open_ and "Firing rate" not in open_
    assert "not primary (1)" in folded and "Firing rate, mPFC" in folded


def test_without_verdicts_there_is_no_answer():
    part = render("answer", few())
    assert "there is no verdict" in part and 'class="in-words"' not in part


def test_warnings_of_many_sessions_are_folded_failures_never():
    one = few()
    warned = completeness_view(one.completeness.assign(warnings="odd"))
    top = render("attention", one, completeness=warned)
    assert "Warnings of 30 sessions" in top
    before, after = top.split("<details data-paper>")
    assert FAILED in before and "rat01_vehicle" not in before and "rat01_vehicle" in after


def test_a_warning_of_many_sessions_is_said_once():
    one = few()
    own = one.completeness["session"] == "rat01_vehicle"
    said = own.map({True: "another", False: "odd"})
    warned = completeness_view(one.completeness.assign(warnings=said))
    top = render("attention", one, completeness=warned)
    assert top.count("<dd>odd ") == 1 == top.count("<dt>rat01_vehicle</dt><dd>another</dd>")
    assert "<dt>29 sessions</dt>" in top
    assert all(line.session in top for line in warned.warned)


# -- in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer_page(tmp_path_factory):
    """The answer of six primary outcomes and three drugs in two phases, with the page's script."""
    one = few()
    bands = ["delta", "theta", "beta", "low_gamma", "high_gamma", "hfo"]
    outcomes = [f"band_power/{band}@mPFC" for band in bands]

    def six(table):
        mine = table[(table["outcome"] == THETA) & (table["split"] == "")]
        mine = mine[mine["phase"].isin(["acute"])]
        rows = [mine.assign(outcome=outcome, priority="primary") for outcome in outcomes]
        both = [pd.concat(rows), pd.concat(rows).assign(phase="late")]
        return pd.concat(both, ignore_index=True)

    questions = [PlanQuestion(modifier="context", reference="home_cage", phases=["acute", "late"],
                              levels=one.plan.contexts)]  # fmt: skip
    names = Names(plan=plan(phases=["acute", "late"], questions=questions), metrics=METRICS)
    weak = {
        (outcomes[0], "MDMA", "acute", "context"): "not seen within rest or walk: clearly smaller"
    }
    shown = panels(six(one.verdicts), Contrasts(six(one.contrasts)), outcomes, names, weak)
    body = render("answer", one, panels=shown, names=names, plan=names.plan)
    style = "".join(map(template_text, ("style.css", "answer.css")))
    path = tmp_path_factory.mktemp("answer") / "answer.html"
    path.write_text(
        f'<!doctype html><html lang="en"><title>a</title><style>{style}</style><main>{body}</main>'
        f"<script>{template_text('report.js')}</script>",
        encoding="utf-8",
    )
    return path


@pytest.mark.browser
def test_the_switch_works_by_keyboard(visit, answer_page):
    page = visit(answer_page).page
    shown = "parts => parts.filter((p) => p.offsetHeight > 0).map((p) => p.dataset.panel)"
    assert page.eval_on_selector_all("[data-panel]", shown) == ["panel-in-acute"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "panel-in-acute"
    page.keyboard.press("ArrowRight")
    assert page.eval_on_selector_all("[data-panel]", shown) == ["panel-in-late"]
    page.keyboard.press("ArrowLeft")
    assert page.eval_on_selector_all("[data-panel]", shown) == ["panel-in-acute"]


@pytest.mark.browser
def test_six_outcomes_and_three_drugs_fit_the_first_screen(visit, answer_page):
    page = visit(answer_page, (1366, 900)).page
    boxes = [table.bounding_box() for table in page.query_selector_all(".verdicts")]
    (table,) = [box for box in boxes if box]
    top_of_page = 165  # title, question and the line of sections above the answer
    assert top_of_page + table["y"] + table["height"] <= 900
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366


@pytest.mark.browser
def test_on_a_phone_the_matrix_is_a_list_and_caveats_are_spelt_out(visit, answer_page):
    page = visit(answer_page, (390, 844)).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    words = page.query_selector(".verdicts .words-of")
    assert words.bounding_box()["height"] > 10 and "not seen within" in words.inner_text()
    assert page.query_selector(".verdicts .who").inner_text() == "psilocybin"


# -- the design ------------------------------------------------------------------------------------


def test_conditions_are_counted_by_sex_visit_and_order_of_contexts():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    lost = {FAILED: "failed: x", EXCLUDED: "excluded: y"}
    view = balance_view(one.design, lost, names)
    by_name = {row.condition: row for row in view.conditions}
    assert list(by_name) == ["vehicle", "psilocybin", "ketamine", "MDMA"]
    assert by_name["vehicle"].animals == "8 (4 F, 4 M)"
    assert by_name["vehicle"].given == ("saline i.p.",)
    assert by_name["ketamine"].animals == "7 (4 F, 3 M)"  # rat03, a male, failed
    assert by_name["MDMA"].animals == "7 (3 F, 4 M)"  # rat06, a female, was excluded
    assert by_name["MDMA"].given == ("5\xa0mg/kg i.p.",)
    assert view.visits == (1, 2, 3, 4)
    assert [sum(row.visits) for row in view.conditions] == [8, 8, 7, 7]
    # what was visited is a rotation of the three contexts
    assert set(view.orders) == {
        "home cage → open field → set shifting",
        "open field → set shifting → home cage",
        "set shifting → home cage → open field",
    }
    assert [sum(row.orders) for row in view.conditions] == [8, 8, 7, 7]
    assert view.problems == ()


def test_a_drug_that_one_sex_alone_was_given_is_named():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    males = {row["animal"] for row in one.design["sessions"] if row["sex"] == "M"}
    anchors = [row for row in one.design["anchors"]
               if row["condition"] != "MDMA" or row["animal"] in males]  # fmt: skip
    view = balance_view(one.design | {"anchors": anchors}, {}, names)
    assert view.problems == (
        "MDMA: given to M only, so that drug and sex cannot be separated.",
    )  # fmt: skip


def test_what_is_confounded_is_read_from_whole_outcomes_and_counted():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    why = "confounded: vehicle always came first"
    table = one.verdicts.copy()
    whole = table["split"] == ""
    table["why"] = ""
    table.loc[~whole, "why"] = "confounded: only in a split"
    table.loc[whole & (table["condition"] == "MDMA"), "why"] = why
    table.loc[whole & (table["condition"] == "ketamine") & (table["outcome"] == THETA), "why"] = why
    said = design_table(one.outcomes, table, one.design, {}, names).problems
    assert [line.replace(numbers.SPACE, " ") for line in said] == [
        "MDMA, ketamine (in 1 of 4 comparisons: theta band power in mPFC): "
        "vehicle always came first."
    ]


@pytest.mark.parametrize(
    ("span", "cuts", "pieces"),
    [
        ((0, 100), [], [((0, 100), "yes")]),
        ((0, 100), [(40, 60)], [((0, 40), "yes"), ((40, 60), "no: handling"), ((60, 100), "yes")]),
        ((0, 100), [(90, 130)], [((0, 90), "yes"), ((90, 100), "no: handling")]),
        ((0, 100), [(-20, 130)], [((0, 100), "no: handling")]),
        ((0, 100), [(100, 130), (-9, 0)], [((0, 100), "yes")]),
        # two doses close together: their handling overlaps
        ((0, 100), [(50, 70), (40, 60)], [((0, 40), "yes"), ((40, 60), "no: handling"),
                                          ((60, 70), "no: handling"), ((70, 100), "yes")]),
    ],
)  # fmt: skip
def test_handling_is_cut_out_of_the_contexts(span, cuts, pieces):
    assert _pieces(span, cuts, "") == pieces


def drawn(chart) -> list[list[dict]]:
    """Values of each layer of a chart."""
    made = chart.to_dict()
    return [made["datasets"][layer["data"]["name"]] for layer in made["layer"]]


def test_the_time_line_draws_what_was_cut_out():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    settings = one.methods["config"]["design"]  # handling from -10 to 40 s around 400 s
    bars, handled = drawn(timeline_chart(one.design, settings, names, {FAILED: "failed: x"}))[:2]
    mine = [bar for bar in bars if bar["session"] == "rat01_vehicle"]
    cut = [bar for bar in mine if bar["counts"] != "yes"]
    assert cut == []  # its contexts end 10 s before the dose and begin 40 s after it
    assert {(row["start"], row["stop"]) for row in handled} == {(-0.166667, 0.666667)}
    assert len(handled) == 32
    lost = [bar for bar in bars if bar["session"] == FAILED]
    assert lost and {bar["counts"] for bar in lost} == {"no: failed: x"}
    assert {bar["height"] for bar in lost} < {bar["height"] for bar in bars}
    # a second dose that anchors nothing is cut out all the same
    doses = [{"session": "rat01_vehicle", "time_s": time} for time in (100.0, 400.0)]
    bars, *_ = drawn(timeline_chart(one.design | {"administrations": doses}, settings, names))
    cut = [bar for bar in bars
           if bar["session"] == "rat01_vehicle" and bar["counts"] == "no: handling"]  # fmt: skip
    # handling from 90 to 140 s; a change of context at 130 s divides it
    assert [(bar["start"], bar["stop"]) for bar in cut] == [
        (-5.16667, -4.5),
        (-4.5, -4.33333),
    ]


def test_the_design_says_that_no_confound_was_found_only_where_it_was_looked_for():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)

    def shown(panels_, anchors):
        of = one.design | {"anchors": anchors}
        table = design_table(one.outcomes, one.verdicts, of, {}, names)
        return render("design", one, panels=panels_, design=table,
                      balance=balance_view(of, {}, names))  # fmt: skip

    anchors = one.design["anchors"]
    assert "no confound was found" in shown([first_panel(one)], anchors)
    assert "no confound was found" not in shown([], anchors)
    females = {row["animal"] for row in one.design["sessions"] if row["sex"] == "F"}
    kept = [a for a in anchors if a["condition"] != "MDMA" or a["animal"] in females]
    said = shown([first_panel(one)], kept)
    assert "no confound was found" not in said and "MDMA: given to F only" in said
