"""Movement: speeds read, strata with closed-form borders, speed weighted by time."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ExperimentError, InputError
from pipeline.ingest import epoch_movement, movement_strata, read_movement
from pipeline.ingest.metrics.speed import METRIC, compute
from pipeline.ingest.movement import smoothed_speed
from pipeline.intervals import total_seconds
from pipeline.registry import registered

DATA = Path(__file__).parent / "data"


def trace(time, speed):
    return pd.DataFrame({"time_s": np.asarray(time, float), "speed_cm_s": np.asarray(speed, float)})


def steps(*pieces, rate=10.0):
    """Constant speeds one after the other: (seconds, cm/s)."""
    speed = np.concatenate([np.full(round(s * rate), v) for s, v in pieces])
    return trace(np.arange(len(speed)) / rate, speed)


def write(folder, *rows, header="time_s,speed_cm_s", name="m.csv"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_committed_movement_has_its_three_strata():
    strata = movement_strata(read_movement(DATA / "movement.csv"), smooth_s=0)
    assert np.allclose(strata["rest"], [[0, 6]])
    assert np.allclose(strata["walk"], [[6, 14]])
    assert np.allclose(strata["run"], [[14, 20]])


@pytest.mark.parametrize(("unit", "factor"), [("cm/s", 1), ("m/s", 100), ("mm/s", 0.1)])
def test_units(tmp_path, unit, factor):
    read = read_movement(write(tmp_path, "0,2", "1,3"), speed_unit=unit)
    assert np.allclose(read["speed_cm_s"], np.array([2, 3]) * factor)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", b"\xef\xbb\xbft,v\r\n0,1\r\n1,\r\n2,3\r\n\r\n"),
        ("m.csv", b"t;v\n0;1\n1;\n2;3\n"),
        ("m.tsv", b"t\tv\tx\n0\t1\ta\n1\t\tb\n2\t3\tc\n"),
        ("m.csv", b"t, v\n0 ,1 \n1 ,  \n2, 3\n,\n"),
    ],
)
def test_habits_of_spreadsheets_survive(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    read = read_movement(tmp_path / name, time_column="t", speed_column="v")
    assert read["time_s"].tolist() == [0, 1, 2]
    assert read["speed_cm_s"].tolist()[::2] == [1, 3] and np.isnan(read["speed_cm_s"][1])


BAD = {
    ("0,1", "0,2"): "row 3, column time_s: found 0 after 0; expected growing times",
    ("1,1", "0,2"): "row 3, column time_s: found 0 after 1; expected growing times",
    ("0,1", "1,-2"): "row 3, column speed_cm_s: found -2; expected a speed, 0 or more",
    ("0,1", "x,2"): "row 3, column time_s: found 'x'; expected a number",
    ("0,1", ",2"): "row 3, column time_s: found ''; expected a number",
    ("0,1", "1,fast", "2,faster"): "row 3, column speed_cm_s (and 1 more rows): found 'fast'",
    ("0,1", "1,inf"): "row 3, column speed_cm_s: found 'inf'; expected a number",
    ("0,1",): "found 1 samples; expected at least two",
}


@pytest.mark.parametrize("rows", BAD)
def test_impossible_movement_is_refused(tmp_path, rows):
    with pytest.raises(ExperimentError) as error:
        read_movement(write(tmp_path, *rows))
    (problem,) = error.value.problems
    assert str(problem).startswith("m.csv: ") and BAD[rows] in str(problem)


def test_row_numbers_count_blank_rows(tmp_path):
    with pytest.raises(ExperimentError, match=r"row 5, column time_s: found 0 after 1"):
        read_movement(write(tmp_path, "0,1", "1,1", "", "0,1"))


def test_decimal_commas_are_named(tmp_path):
    path = write(tmp_path, "0,5;1,2", "0,6;1,3", header="time_s;speed_cm_s")
    with pytest.raises(ExperimentError, match=r"found '0,5'.*decimal commas") as error:
        read_movement(path)
    assert len(error.value.problems) == 2


def test_columns_units_and_files_that_do_not_exist(tmp_path):
    path = write(tmp_path, "0,1", "1,1", header="time,speed_cm_s")
    with pytest.raises(InputError, match=r"expected 'time_s' \(did you mean 'time'\?\)"):
        read_movement(path)
    with pytest.raises(InputError, match=r"found 'km/h'.*expected one of cm/s, m/s, mm/s"):
        read_movement(path, speed_unit="km/h")
    with pytest.raises(InputError, match=r"'movement' column of the sessions table"):
        read_movement(tmp_path / "gone.csv")


# --- strata


def test_borders_belong_to_walk():
    strata = movement_strata(steps((5, 1.99), (5, 2.0), (5, 15.0), (5, 15.01)), smooth_s=0)
    assert np.allclose(strata["rest"], [[0, 5]])
    assert np.allclose(strata["walk"], [[5, 15]])
    assert np.allclose(strata["run"], [[15, 20]])


def test_short_bouts_belong_to_no_stratum():
    strata = movement_strata(steps((10, 0), (2.9, 20), (10, 0), (3.0, 20), (5, 0)), smooth_s=0)
    assert np.allclose(strata["rest"], [[0, 10], [12.9, 22.9], [25.9, 30.9]])
    assert np.allclose(strata["run"], [[22.9, 25.9]])
    assert strata["walk"].shape == (0, 2)


def test_smoothing_bridges_a_twitch():
    twitch = steps((10, 0), (0.1, 15), (10, 0))
    assert len(movement_strata(twitch, smooth_s=0)["rest"]) == 2
    assert np.allclose(movement_strata(twitch, smooth_s=1.0)["rest"], [[0, 20.1]])


def test_running_mean_is_that_of_a_convolution():
    """Even sampling, no gaps: an odd box over whole samples."""
    speed = np.random.default_rng(0).gamma(2, 5, 500)
    smooth = smoothed_speed(trace(np.arange(500) / 10, speed), smooth_s=1.1)
    expected = np.convolve(speed, np.full(11, 1 / 11), mode="valid")
    assert np.allclose(smooth[5:-5], expected, rtol=1e-9)


def test_lost_tracking_ends_a_bout_and_is_no_rest():
    speed = np.full(300, 1.0)
    speed[100:150] = np.nan
    strata = movement_strata(trace(np.arange(300) / 10, speed))
    assert np.allclose(strata["rest"], [[0, 10], [15, 30]])
    # Rows that are missing altogether do the same.
    kept = np.isfinite(speed)
    gap = trace(np.arange(300)[kept] / 10, speed[kept])
    assert np.allclose(movement_strata(gap)["rest"], [[0, 10], [15, 30]])


def test_limits_in_the_wrong_order():
    with pytest.raises(InputError, match=r"found rest_below_cm_s 20 and run_above_cm_s 15"):
        movement_strata(steps((5, 1)), rest_below_cm_s=20, run_above_cm_s=15)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 40), min_size=50, max_size=200),
    st.floats(0.02, 0.5),
    st.floats(0, 2),
    st.floats(0, 4),
)
def test_strata_never_overlap_and_hold_no_more_than_the_session(speed, step, smooth, bout):
    movement = trace(np.arange(len(speed)) * step, speed)
    strata = movement_strata(movement, smooth_s=smooth, minimum_bout_s=bout)
    everything = np.concatenate(list(strata.values()))
    separate = sum(total_seconds(intervals) for intervals in strata.values())
    assert total_seconds(everything) == pytest.approx(separate, abs=1e-6)
    assert separate <= len(speed) * step + 1e-6
    assert np.all(everything[:, 1] - everything[:, 0] >= bout - 1e-8)


# --- epochs and the metric


def mean_speed(movement, intervals):
    return compute(movement=epoch_movement(movement, np.array(intervals, float)), options={})


def test_mean_speed_of_whole_pieces():
    movement = steps((10, 2.0), (10, 10.0))
    (value,) = mean_speed(movement, [[0, 20]])
    assert value.value == pytest.approx(6.0) and value.n_effective == pytest.approx(20)
    (value,) = mean_speed(movement, [[5, 10], [10, 15]])
    assert value.value == pytest.approx(6.0) and value.n_effective == pytest.approx(10)


def test_interval_between_samples_counts_parts_of_samples():
    movement = trace([0, 1, 2, 3], [0, 10, 20, 30])
    (value,) = mean_speed(movement, [[0.5, 2.25]])
    assert value.value == pytest.approx((0.5 * 0 + 1 * 10 + 0.25 * 20) / 1.75)
    inside = epoch_movement(movement, np.array([[0.5, 2.25]]))
    assert inside.time_s.tolist() == [0.5, 1.0, 2.0]
    assert inside.weight_s.tolist() == pytest.approx([0.5, 1.0, 0.25])


def test_uneven_sampling_is_weighted_by_time():
    movement = trace([0, 1, 2, 2.5, 3, 3.5], [4, 4, 8, 8, 8, 8])
    (value,) = mean_speed(movement, [[0, 4]])
    assert value.value == pytest.approx(6.0)


def test_unknown_speed_does_not_count():
    movement = trace([0, 1, 2, 3], [4, np.nan, np.nan, 8])
    (value,) = mean_speed(movement, [[0, 4]])
    assert value.value == pytest.approx(6.0) and value.n_effective == pytest.approx(2)
    assert mean_speed(movement, [[1, 3]]) == []
    assert mean_speed(movement, [[100, 200]]) == []
    assert compute(movement=epoch_movement(movement, np.empty((0, 2))), options={}) == []


def test_overlapping_intervals_are_refused():
    with pytest.raises(InputError, match=r"overlap"):
        epoch_movement(steps((10, 1)), np.array([[0, 5], [4, 8]]))


def test_speed_is_registered():
    assert registered()["speed"].metric is METRIC
    assert METRIC.scale == "linear" and METRIC.value_unit == "cm/s"
