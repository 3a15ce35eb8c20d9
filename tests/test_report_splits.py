"""Which rows of many exploratory outcomes the page lists: those with something to say."""

from dataclasses import replace

from pipeline.report.splits import BaselineTest, CarryOver, CarryOverRow, SplitRow, SplitTable

ROW = SplitRow(key=("a", "b", "c", "d"), title="A", condition="b", phase="c", cells=(), remark="")


def split(*rows):
    return SplitTable(split="movement", levels=("unsplit", "rest"), rows=rows)


def test_exploratory_rows_without_a_remark_are_counted_not_listed():
    quiet = replace(ROW, title="B", declared=False)
    remarked = replace(quiet, title="C", remark="movement only")
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
