"""Panels as dictionaries: what Altair writes when it nests the charts itself; nothing copied."""

from __future__ import annotations

import altair as alt
import pytest
from vega import fault, valid

from pipeline.report.assembly import concatenated, figure, layered, leaf, stacked
from pipeline.report.style import chart_config

TITLE = {"text": "home cage", "frame": "group"}
RECORDS = [{"x": 1.5, "y": 2}, {"x": 2.5, "y": None}]


def leaves():
    """A rule on data of its own, and two charts made of one."""
    x, y = alt.X("x:Q", title=None), alt.Y("y:Q", scale=alt.Scale(zero=False))
    zero = alt.Chart(alt.InlineData(values=[{"y": 0}])).mark_rule().encode(y=alt.Y("y:Q"))
    base = alt.Chart(alt.NamedData(name="points")).transform_filter("datum.x > 1")
    return [zero, base.mark_line().encode(x=x, y=y), base.mark_point(size=20).encode(x=x, y=y)]


def ours():
    zero, line, point = leaves()
    both = layered(zero, line, point, width=90, height=40, title=alt.TitleParams(**TITLE))
    same = layered(line, point, width=90, height=40)
    row = concatenated(
        [both, same], columns=2, spacing={"row": 3, "column": 4}, scales={"color": "shared"}
    )
    return stacked([row, leaf(zero)], spacing=5)


def test_it_writes_what_altair_writes():
    zero, line, point = leaves()
    size = {"width": 90, "height": 40}
    both = alt.layer(zero, line, point).properties(**size, title=alt.TitleParams(**TITLE))
    same = alt.layer(line, point).properties(**size)
    row = alt.ConcatChart(concat=[both, same], columns=2, spacing={"row": 3, "column": 4})
    nested = alt.VConcatChart(
        vconcat=[row.resolve_scale(color="shared"), zero],
        spacing=5,
        datasets={"points": RECORDS},
    )
    expected = nested.configure(**chart_config()).to_dict()
    assert valid(figure(ours(), {"points": RECORDS})) == expected
    # the data of charts made of one stand once, those of others with each
    first, second = expected["vconcat"][0]["concat"]
    assert second["data"] == {"name": "points"} and "data" not in first


def test_a_layer_alone_is_a_figure():
    content = layered(*leaves(), width=90, height=40)
    expected = alt.layer(*leaves()).properties(width=90, height=40, padding=3)
    expected = expected.configure(**chart_config()).to_dict()
    assert figure(content | {"padding": 3}) == expected


def test_data_sets_are_not_copied_and_stand_at_the_top_alone():
    content = ours()
    whole = figure(content, {"points": RECORDS})
    assert whole["datasets"]["points"] is RECORDS
    assert sorted(map(len, whole["datasets"].values())) == [1, 2]  # the rule's own, and these
    assert not any("datasets" in part for part in whole["vconcat"])
    assert not any("datasets" in part for part in whole["vconcat"][0]["concat"])
    # nothing was taken out of the parts
    assert figure(content, {"points": RECORDS}) == whole


@pytest.mark.parametrize("at", ["mark", "width", "resolve"])
def test_a_broken_part_is_found_by_the_schema(at):
    panel = layered(*leaves(), width=90, height=40)
    broken = {
        "mark": panel | {"layer": [panel["layer"][0] | {"mark": {"type": "no mark"}}]},
        "width": panel | {"width": "wide"},
        "resolve": panel,
    }
    scales = {"color": "together"} if at == "resolve" else None
    whole = figure(concatenated([broken[at]], columns=1, spacing=4, scales=scales))
    assert fault(whole)
    assert not fault(figure(concatenated([panel], columns=1, spacing=4)))
