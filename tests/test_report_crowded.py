"""Large cohorts in the page: fewer elements and shorter data, with every animal still in them."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import altair as alt
import pandas as pd
import pytest
from test_report_highlight import NAMES, drawing, errors, locking

from pipeline.report.behaviour_errors import error_types_chart
from pipeline.report.behaviour_raster import drawn_animals, raster_figure
from pipeline.report.crowded import MANY, PACKED, join_marks, packed
from pipeline.report.drawing import render_svg
from pipeline.report.embed import TEMPLATES, inline_svg, read_specification
from pipeline.report.figures import specification_json
from pipeline.report.highlight import BETWEEN
from pipeline.report.spikes_locking import locking_chart, preferred_chart

SVG = "{http://www.w3.org/2000/svg}"
DISC = "M2,0A2,2,0,1,1,-2,0A2,2,0,1,1,2,0"


def group(*marks):
    """A group of paths with these attributes."""
    root = ElementTree.Element(f"{SVG}g")
    for mark in marks:
        ElementTree.SubElement(root, f"{SVG}path", mark)
    return root


def joined(*marks, **options):
    root = group(*marks)
    join_marks(root, **{"many": 1} | options)
    return [mark.attrib for mark in root]


def mark(d, x=0.0, y=0.0, **looks):
    return {"d": d, "transform": f"translate({x},{y})"} | looks


# -- drawings --------------------------------------------------------------------------------------


def test_round_marks_become_dots_as_wide_as_they_were():
    """Radius 2, with an edge of 1 that reaches half outside: 5 across; one of no edge is 4."""
    edged = {"fill": "red", "stroke": "red", "stroke-width": "1", "opacity": "0.9"}
    (found,) = joined(mark(DISC, 10, 20, **edged), mark(DISC, 30.04, 40.06, **edged))
    assert found.pop("transform") == "translate(-2,0)"  # a circle begins at its right end
    assert found == {
        "d": "M12,20h0M32,40.1h0", "fill": "none", "stroke": "red", "stroke-width": "5",
        "stroke-linecap": "round", "opacity": "0.9",
    }  # fmt: skip
    (found,) = joined(mark(DISC, 1, 1, fill="red"), mark(DISC, 2, 2, fill="red"))
    assert found["stroke-width"] == "4"


def test_other_shapes_keep_their_form_where_they_stand():
    square, triangle = "M-3,-3h6v6h-6Z", "M0,-3L-3,3L3,3Z"
    (found,) = joined(mark(square, 10, 10, fill="red"), mark(triangle, 20.5, 10, fill="red"))
    assert found == {"d": "M7,7h6v6h-6ZM20.5,7l-3,6l6,0Z", "fill": "red"}
    hollow = {"fill": "transparent", "stroke": "red"}
    (found,) = joined(mark(DISC, 10, 10, **hollow), mark(DISC, 20, 10, **hollow))
    disc = "a2,2,0,1,1,-4,0a2,2,0,1,1,4,0"
    assert found == {"d": f"M12,10{disc}M22,10{disc}", **hollow}


def test_only_what_looks_alike_is_joined():
    red, blue = mark(DISC, 1, 1, fill="red"), mark(DISC, 2, 2, fill="blue")
    assert [m["stroke"] for m in joined(red, blue, red, blue)] == ["red", "blue"]
    assert len(joined(red, red, many=2)) == 2
    for odd in (
        {"d": "M0,0L1,1M2,2L3,3", "fill": "red"},  # a broken line: its strokes have their own order
        {"d": "M0,0C1,1,2,2,3,3", "fill": "red"},  # a command that Vega writes for no such mark
        mark(DISC, fill="red") | {"transform": "rotate(45)"},
        {"d": DISC, "fill": "red", "data-a": f"a{BETWEEN}b{BETWEEN}"},
    ):
        assert joined(odd, odd) == [odd, odd]


def test_joined_marks_name_their_animals_in_their_order():
    mine = [mark(DISC, x, x, fill="red", **{"data-a": f"rat{x}"}) for x in (3, 1, 2)]
    other = mark(DISC, 9, 9, fill="red")
    first, second = joined(*mine, other, other)
    assert first["data-a"].split(BETWEEN) == ["rat3", "rat1", "rat2", ""]
    assert first["d"] == "M5,3h0M3,1h0M4,2h0" and "data-a" not in second
    assert joined(other, other, of_animals=True) == [other, other]


def pixels(svg):
    """Picture of a drawing: grey values, a row per line of pixels."""
    import io

    import numpy as np
    import vl_convert
    from PIL import Image

    wide, high = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups()
    if f' width="{wide}"' not in svg:  # the page's style sheet scales it
        svg = svg.replace("<svg ", f'<svg width="{wide}" height="{high}" ', 1)
    picture = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=1)))
    ground = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(ground, picture.convert("RGBA")).convert("L"), float)


def test_a_crowd_looks_as_it_did():
    """Points that do not overlap, joined and not: pixels differ by what a shift of at most a tenth
    of a pixel makes of an edge (of 255 levels of grey)."""
    rows = [{"x": i % 20, "y": i // 20, "k": "ab"[i % 2]} for i in range(2 * MANY)]
    for shape in ("circle", "square", "triangle-up"):
        chart = alt.Chart(alt.InlineData(values=rows)).mark_point(
            shape=shape, filled=True, size=38, opacity=1
        )
        chart = chart.encode(
            x=alt.X("x:Q", axis=None),
            y=alt.Y("y:Q", axis=None),
            color=alt.Color("k:N", legend=None),
        )
        svg = render_svg(specification_json(chart.to_dict()))
        light = str(inline_svg(svg))
        assert light.count("<path") == 3 and len(light) < len(svg) / 4  # with the panel's frame
        before, after = pixels(svg), pixels(light)
        assert before.shape == after.shape and before.min() < 150
        assert abs(before - after).max() < 40 and abs(before - after).mean() < 1


def test_every_animal_of_a_crowd_can_be_highlighted():
    """60 animals under two conditions: their points are two paths a panel, one dot each."""
    animals = [f"rat{number:02d}" for number in range(60)]
    root = drawing(error_types_chart(errors(animals), NAMES))
    dots = [one for one in root.iter() if BETWEEN in one.get("data-a", "")]
    assert len(dots) == 4
    for one in dots:
        assert one.get("data-a").split(BETWEEN) == [*animals, ""]
        assert one.get("d").count("M") == len(animals)
    fewer = drawing(error_types_chart(errors(animals[:50]), NAMES))
    assert not any(BETWEEN in one.get("data-a", "") for one in fewer.iter())


def test_names_of_a_line_stand_once():
    """The specification grows with the animals, not with their square."""

    def size(chart, part):
        return len(specification_json(chart(part, NAMES)))

    def many(n):
        return locking([f"animal{number:04d}" for number in range(n)])

    assert size(locking_chart, many(200)) < 2.1 * size(locking_chart, many(100))
    chart = locking_chart(many(100), NAMES)
    named = [row for rows in chart["datasets"].values() for row in rows if row.get("a")]
    assert len(named) == 4 and all(row["a"].endswith(BETWEEN) for row in named)
    part = many(3)
    part.animals["x"], part.animals["y"] = 0.1, part.animals["ppc"]
    part.means["x"], part.means["y"] = 0.1, 0.2
    root = drawing(preferred_chart(part, NAMES))
    whose = [one.get("data-a") for one in root.iter() if "data-a" in one.attrib]
    assert [words.count(BETWEEN) for words in whose] == [2, 3] * 2


# -- specifications --------------------------------------------------------------------------------


def unpacked(specification):
    """What the page's script does, in Python."""
    found = {name: value for name, value in specification.items() if name != PACKED}
    for name, table in specification.get(PACKED, {}).items():
        columns = {}
        for key, column in table["columns"].items():
            if isinstance(column, dict):
                of = column["of"]
                column = [of[at] for at in column.get("at", [0] * table["rows"])]
            columns[key] = column
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        found["datasets"] = found["datasets"] | {name: rows}
    return found


def example(n=400):
    rows = [
        {"animal": f"rat{i // 4:03d}", "value": i / 7, "none": None, "mixed": (1, True, 1.0)[i % 3],
         "words": 'vehicle "</script>\u241f' if i % 2 else "MDMA"}
        for i in range(n)
    ]  # fmt: skip
    return {"datasets": {"animals": rows, "means": [{"value": 1}]}, "mark": "point"}


def test_columns_hold_what_rows_held():
    before = example()
    after = packed(before)
    # as text, for which 1, 1.0 and true are not the same
    assert specification_json(unpacked(after)) == specification_json(before)
    assert len(json.dumps(after)) < len(json.dumps(before)) / 2
    columns = after[PACKED]["animals"]["columns"]
    assert columns["none"] == {"of": [None]} and columns["value"] == [i / 7 for i in range(400)]
    assert after["datasets"] == {"means": [{"value": 1}]} and "animals" in before["datasets"]


def test_small_and_ragged_data_stay_rows(tmp_path):
    assert packed(example(300)) == example(300)
    ragged = example()
    ragged["datasets"]["animals"][7] = {"animal": "rat001"}
    assert packed(ragged) == ragged
    path = tmp_path / "one.vl.json"
    path.write_text(json.dumps(example()), encoding="utf-8")
    assert read_specification(path) == packed(example())


@pytest.mark.browser
def test_the_page_makes_rows_of_columns_again(visit, tmp_path):
    """The script's own function, taken out of it: what it makes is what was packed."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    function = re.search(r"  function unpacked\(.*?\n  }\n", script, re.S)[0]
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>page</title><p>page</p>", encoding="utf-8")
    seen = visit(page)
    found = seen.page.evaluate(
        f"(spec) => {{ {function} return JSON.stringify(unpacked(spec)); }}", packed(example())
    )
    # a browser writes 1.0 as 1: so are both read again
    assert json.loads(found) == json.loads(json.dumps(example()))


# -- rasters ---------------------------------------------------------------------------------------


def trials(conditions_of):
    """Two trials in a session per animal and condition."""
    return pd.DataFrame(
        [
            {"animal": animal, "session": f"{animal}_{condition}", "condition": condition,
             "scored_trial": trial, "trial": trial, "set_index": 1, "rule": "light",
             "outcome": "correct", "error_s": "none", "phase": "acute", "context": "home_cage"}
            for animal, conditions in conditions_of.items()
            for condition in conditions
            for trial in (1, 2)
        ]
    )  # fmt: skip


def test_up_to_the_limit_every_session_has_its_row():
    rows = trials({f"rat{i:02d}": ("vehicle", "MDMA") for i in range(24)})
    assert len(drawn_animals(rows)) == 24
    (figure,) = raster_figure(rows, "s", NAMES)
    assert figure.title == "All trials of all sessions" and "Drawn" not in figure.caption


def test_beyond_it_some_animals_are_drawn_and_the_words_say_so():
    """125 animals of two sessions: 48 rows are 24 animals, from the first on, 5.2 apart."""
    rows = trials({f"rat{i:03d}": ("vehicle", "MDMA") for i in range(125)})
    expected = [f"rat{i * 125 // 24:03d}" for i in range(24)]
    assert list(drawn_animals(rows)) == expected
    (figure,) = raster_figure(rows, "s", NAMES)
    said = figure.caption.replace("\xa0", " ")
    assert figure.title.replace("\xa0", " ") == "All trials of 48 sessions"
    assert "n = 125 rats, 250 sessions, 500 scored trials" in said
    assert "Drawn: 24 of 125 rats (48 sessions), evenly spaced" in said
    assert figure.data["animal"].nunique() == 125
    named = [
        row["t"]
        for rows in figure.draw()["datasets"].values()
        for row in rows
        if row.get("s") == "row"
    ]
    assert sorted({name.partition("_")[0] for name in named}) == expected and len(named) == 48


def test_every_condition_gets_its_share_of_the_rows():
    """Conditions given in turn: every second animal of all would be of one condition only."""
    rows = trials({f"rat{i:03d}": (("vehicle", "MDMA")[i % 2],) for i in range(192)})
    taken = [int(name[3:]) for name in drawn_animals(rows)]
    assert len(taken) == 48 and sum(number % 2 for number in taken) == 24
    rare = trials({f"rat{i:03d}": ("MDMA" if i == 150 else "vehicle",) for i in range(192)})
    assert "rat150" in drawn_animals(rare)
    shuffled = rare.sample(frac=1, random_state=1)
    assert drawn_animals(shuffled) == drawn_animals(rare)
