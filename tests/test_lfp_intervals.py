"""Interval algebra: closed-form cases, and agreement with a brute-force raster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.intervals import (
    as_intervals,
    contains,
    disjoint,
    from_mask,
    intersect,
    merge,
    pad,
    subtract,
    total_seconds,
)

TICKS = 40


@st.composite
def interval_sets(draw, separate=False):
    """Intervals with whole-number borders in [0, TICKS)."""
    if separate:
        borders = sorted(draw(st.sets(st.integers(0, TICKS), max_size=12)))
        return np.array(borders[: len(borders) // 2 * 2], dtype=float).reshape(-1, 2)
    pairs = st.tuples(st.integers(0, TICKS - 1), st.integers(1, 10))
    return np.array([(a, a + n) for a, n in draw(st.lists(pairs, max_size=6))], dtype=float)


def raster(intervals):
    """Which unit ticks an interval set covers."""
    covered = np.zeros(TICKS + 20, dtype=bool)
    for start, stop in intervals:
        covered[int(start) : int(stop)] = True
    return covered


@settings(max_examples=200, deadline=None)
@given(interval_sets(separate=True), interval_sets(separate=True))
def test_intersection_equals_the_raster(a, b):
    np.testing.assert_array_equal(raster(intersect(a, b)), raster(a) & raster(b))


@settings(max_examples=200, deadline=None)
@given(interval_sets(separate=True), interval_sets())
def test_difference_equals_the_raster(a, b):
    np.testing.assert_array_equal(raster(subtract(a, b)), raster(a) & ~raster(b))


@settings(max_examples=200, deadline=None)
@given(interval_sets())
def test_union_length_and_membership_equal_the_raster(a):
    union = merge(a)
    np.testing.assert_array_equal(raster(union), raster(a))
    assert (union[1:, 0] > union[:-1, 1]).all()  # nothing left that touches
    assert total_seconds(a) == raster(a).sum()
    ticks = np.arange(TICKS + 20)
    np.testing.assert_array_equal(contains(a, ticks), raster(a))
    np.testing.assert_array_equal(from_mask(raster(a), rate_hz=1.0), union)


def test_borders_are_half_open():
    assert contains([[1, 2]], [1.0, 1.999, 2.0]).tolist() == [True, True, False]
    assert intersect([[0, 5]], [[5, 9]]).shape == (0, 2)


def test_neighbours_stay_separate():
    contexts = [[0, 5], [5, 9]]
    np.testing.assert_array_equal(intersect(contexts, [[2, 7]]), [[2, 5], [5, 7]])
    np.testing.assert_array_equal(subtract(contexts, [[0, 1]]), [[1, 5], [5, 9]])


def test_padding_joins_what_it_makes_touch():
    np.testing.assert_array_equal(pad([[1, 2], [3, 4], [9, 10]], 0.5), [[0.5, 4.5], [8.5, 10.5]])


def test_empty_sets_pass_through():
    for result in (merge([]), subtract([], [[1, 2]]), intersect([[1, 2]], []), pad([], 1.0)):
        assert result.shape == (0, 2)
    np.testing.assert_array_equal(subtract([[1, 2]], []), [[1, 2]])
    assert total_seconds([]) == 0


@pytest.mark.parametrize("wrong", [[[5, 3]], [[1, 1]], [[0, np.nan]], [[0, np.inf]]])
def test_impossible_intervals_are_refused(wrong):
    with pytest.raises(InputError, match="row 1"):
        as_intervals(wrong)


def test_wrong_shape_is_refused():
    with pytest.raises(InputError, match="shape"):
        as_intervals([[1, 2, 3]])


def test_overlap_is_refused_by_name():
    with pytest.raises(InputError, match=r"contexts: \[0, 5\) and \[4, 9\)"):
        disjoint([[4, 9], [0, 5]], name="contexts")
