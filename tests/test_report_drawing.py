"""Figures drawn by several processes: the same bytes as by one, and a failure is told."""

import json
import math
import re
import struct
import zlib

import pytest

from pipeline.report.drawing import PNG_SCALE, beside, draw, draw_all

SPECIFICATION = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"x": 1, "y": 2}, {"x": 2, "y": 1}]},
    "mark": "point",
    "encoding": {
        "x": {"field": "x", "type": "quantitative"},
        "y": {"field": "y", "type": "quantitative"},
    },
}


def written(folder, titles):
    """Write one specification after the other, as they are asked for."""
    folder.mkdir()
    for name, title in titles.items():
        stem = folder / name
        beside(stem, ".vl.json").write_text(json.dumps(SPECIFICATION | {"title": title}))
        yield stem


def test_the_number_of_processes_changes_nothing(tmp_path):
    titles = {"a.b": "one", "c": "two", "ü x": "three"}
    for processes in (1, 2):
        draw_all(written(tmp_path / str(processes), titles), processes=processes)
    for name, title in titles.items():
        svg = [beside(tmp_path / folder / name, ".svg").read_bytes() for folder in ("1", "2")]
        assert svg[0] == svg[1] and title.encode() in svg[0]
        png = [beside(tmp_path / folder / name, ".png").read_bytes() for folder in ("1", "2")]
        assert png[0] == png[1]
        assert beside(tmp_path / "2" / name, ".pdf").read_bytes().startswith(b"%PDF")


def test_a_png_has_more_pixels_than_the_drawing_and_a_white_ground(tmp_path):
    (stem,) = written(tmp_path / "x", {"a": "one"})
    beside(stem, ".vl.json").write_text(
        json.dumps(SPECIFICATION | {"background": "transparent", "width": 100, "height": 80})
    )
    draw(stem)
    svg = beside(stem, ".svg").read_text()
    size = re.search(r'width="(\d+)" height="(\d+)"', svg)
    png = beside(stem, ".png").read_bytes()
    width, height, depth, colours = struct.unpack(">IIBB", png[16:26])
    assert (width, height) == tuple(math.floor(PNG_SCALE * int(side)) for side in size.groups())
    assert (depth, colours) == (8, 6)
    at = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[at - 4 : at])
    # the first pixel stands behind the filter of its row, which has nothing to predict it from
    rows = zlib.decompressobj().decompress(png[at + 4 : at + 4 + length])
    assert tuple(rows[1:5]) == (255, 255, 255, 255)
    assert len(set(rows)) > 10
    assert "#ffffff" not in svg.split("<g", 1)[0]


def test_a_figure_that_cannot_be_drawn_stops_the_step(tmp_path):
    def broken():
        beside(tmp_path / "x", ".vl.json").write_text('{"mark": 3}')
        yield tmp_path / "x"

    with pytest.raises(RuntimeError, match="could not be drawn"):
        draw_all(broken(), processes=2)
