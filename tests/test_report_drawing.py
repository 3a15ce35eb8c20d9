"""Figures drawn by several processes: the same bytes as by one, and a failure is told."""

import json

import pytest

from pipeline.report.drawing import beside, draw_all

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
        assert beside(tmp_path / "2" / name, ".pdf").read_bytes().startswith(b"%PDF")


def test_a_figure_that_cannot_be_drawn_stops_the_step(tmp_path):
    def broken():
        beside(tmp_path / "x", ".vl.json").write_text('{"mark": 3}')
        yield tmp_path / "x"

    with pytest.raises(RuntimeError, match="could not be drawn"):
        draw_all(broken(), processes=2)
