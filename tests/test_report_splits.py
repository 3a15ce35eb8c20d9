"""Which rows of many exploratory outcomes the page lists: those with something to say."""

from dataclasses import replace

import pandas as pd
import pytest
from report_example import METRICS, plan
from test_report_sentences import ROWS, THETA, contrast, verdict

from pipeline.report.carry_over import BaselineTest, CarryOver, CarryOverRow
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.splits import SplitRow, SplitTable, remarks, split_tables

ROW = SplitRow(key=("a", "b", "c", "d"), title="A", condition="b", phase="c", cells=(), remark="")


def split(*rows):
    return SplitTable(split="movement", levels=("unsplit", "rest"), rows=rows)


def test_exploratory_rows_without_a_remark_are_counted_not_listed():
    quiet = replace(ROW, title="B", declared=False)
    remarked = replace(quiet, title="C", remark="not seen within rest or walk")
    table = split(ROW, quiet, remarked)
    assert [row.title for row in table.declared] == ["A"]
    assert [row.title for row in table.exploratory] == ["C"]
    assert table.unremarkable == 1


def test_all_rows_are_listed_where_none_was_declared():
    table = split(replace(ROW, declared=False), replace(ROW, title="B", declared=False))
    assert len(table.declared) == 2 and table.exploratory == () and table.unremarkable == 0


def test_suspicious_baselines_are_always_listed():
    one = CarryOverRow(
        title="A", condition="b", reference="v", differences=(), least_p=".5", suspicious=False
    )
    hidden = replace(one, title="B", declared=False)
    found = replace(one, title="C", declared=False, suspicious=True)
    test = BaselineTest(title="B", test="", p="", q="", n="", note="", suspicious=False)
    page = CarryOver(
        levels=(),
        rows=(one, hidden, found),
        omnibus=(test, replace(test, title="D", declared=False)),
        summary="",
    )
    assert [row.title for row in page.shown] == ["A", "C"]
    assert [row.title for row in page.shown_tests] == ["B"]
    alone = replace(page, rows=(hidden, replace(hidden, title="E")), omnibus=())
    assert [row.title for row in alone.shown] == ["B", "E"] and alone.shown_tests == ()


# -- an effect that is not seen within the strata --------------------------------------------------


def remark_of(whole, strata, *, effects=None):
    """Remark of a pill of -1.3 dB; ``strata``: level -> (verdict, why, drug effect)."""
    rows = [verdict(**{"word": "pill", **whole})]
    tests = [*(effects or ROWS)]
    for level, (word, why, numbers) in strata.items():
        at = {"split": "movement", "split_level": level}
        rows.append(verdict(word, why=why, **at))
        tests.append(contrast("main", "", numbers, **at))
    names = Names(plan=plan(), metrics=METRICS)
    (table,) = split_tables(pd.DataFrame(rows), Contrasts(pd.DataFrame(tests)), [THETA], names)
    assert remarks([table]) == ({row.key: row.remark for row in table.rows if row.remark})
    return table.rows[0].remark


NONE = ("no drug effect", "", (0.05, -0.1, 0.2, 0.5))


def test_an_effect_that_every_stratum_excludes_is_not_seen_within_them():
    assert remark_of({}, {"rest": NONE, "walk": NONE}) == (
        "not seen within rest or walk: in every stratum of movement it is clearly smaller"
    )


@pytest.mark.parametrize(
    "walk",
    [
        # as large as unsplit, though inconclusive for want of animals: ketamine's low gamma
        ("inconclusive", "fewer than 5 animals in a cell (2)", (-1.4, -2.7, -0.1, 0.2)),
        # small, but too few animals to tell
        ("inconclusive", "fewer than 5 animals in a cell (2)", (0.05, -0.1, 0.2, 0.5)),
        # not significant, and the unsplit effect is inside the interval
        ("inconclusive", "drug effect open", (-0.3, -1.9, 1.3, 0.5)),
        # smaller than the smallest effect of interest, and yet most of the unsplit effect
        ("no drug effect", "", (-0.8, -0.9, -0.7, 0.001)),
        # clearly smaller, and yet an effect
        ("pill", "", (-0.6, -0.8, -0.4, 0.001)),
        # nothing to compare
        ("no drug effect", "", (float("nan"),) * 4),
    ],
)
def test_anything_less_earns_no_remark(walk):
    assert remark_of({}, {"rest": NONE, "walk": walk}) == ""


def test_neither_does_one_stratum_nor_what_is_no_effect_of_a_size_that_matters():
    assert remark_of({}, {"rest": NONE}) == ""
    for whole in ({"word": "no drug effect"}, {"word": "inconclusive"},
                  {"word": "process", "pattern": "negligible"}):  # fmt: skip
        assert remark_of(whole, {"rest": NONE, "walk": NONE}) == ""


def test_of_a_process_the_difference_is_compared_not_the_mean():
    at = {"split": "movement"}
    process = {"word": "process", "pattern": "amplified", "interaction_level": "set_shifting"}
    differences = [
        contrast("difference_of_differences", "set_shifting", (-1.8, -2.4, -1.2, 0.01), **at,
                 split_level=level) for level in ("rest", "walk")
    ]  # fmt: skip
    # the mean is gone in every stratum, the difference is not
    assert remark_of(process, {"rest": NONE, "walk": NONE}, effects=[*ROWS, *differences]) == ""
    gone = [row | {"estimate": 0.1, "ci_low": -0.3, "ci_high": 0.5} for row in differences]
    assert remark_of(process, {"rest": NONE, "walk": NONE}, effects=[*ROWS, *gone]) != ""
