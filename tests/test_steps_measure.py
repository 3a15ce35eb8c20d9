"""What a row of the observations says of the time that it rests on."""

import numpy as np
import pytest

from pipeline.steps.measure import _clipped, _joined
from pipeline.steps.session_data import Span
from pipeline.steps.sources import Sources


def span(start_s, stop_s, interval=0):
    return Span(
        context="home_cage",
        phase="acute",
        interval=interval,
        start_s=start_s,
        stop_s=stop_s,
        anchor="a1",
        step=1,
        since_dose_zero_s=600.0,
    )


def test_the_middle_of_a_cell_is_that_of_its_intervals():
    cell = _joined([span(0, 100), span(400, 700, 1)])
    assert (cell.start_s, cell.stop_s) == (0, 700)
    assert cell.middle_s == pytest.approx((100 * 50 + 300 * 550) / 400)


def test_what_was_not_recorded_has_no_part_in_the_middle():
    recorded = np.array([[0.0, 450.0]])
    parts = [span(0, 100), span(400, 700, 1), span(800, 900, 2)]
    cell = _joined([_clipped(part, recorded) for part in parts])
    assert (cell.start_s, cell.stop_s) == (0, 450)
    assert cell.middle_s == pytest.approx((100 * 50 + 50 * 425) / 150)


def test_a_session_without_clock_times_has_no_middle():
    cell = _joined([span(0, 0)])
    assert np.isnan(cell.stop_s)
    assert cell.middle_s is None


def test_a_source_is_made_once_and_only_when_asked_for():
    made = []

    def make(name):
        made.append(name)
        return None if name == "none" else name

    sources = Sources({name: lambda name=name: make(name) for name in ("one", "none")})
    assert sorted(sources) == ["none", "one"] and not made
    assert sources["one"] == sources.get("one") == "one"
    assert sources.get("none") is None and sources.get("none") is None
    assert sources.get("another") is None
    assert made == ["one", "none"]
