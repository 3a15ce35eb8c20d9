"""Position tracks: written files of every format against what was written; speed in closed form."""

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ExperimentError, InputError
from pipeline.experiment.movement_options import TrackOptions
from pipeline.ingest import epoch_movement, movement_strata, read_movement
from pipeline.ingest.metrics.distance_travelled import compute as distance
from pipeline.ingest.metrics.speed import compute as mean_speed
from pipeline.ingest.track_speed import movement_of_track, running_mean, with_dropped_frames
from pipeline.ingest.tracks import detect_track
from pipeline.ingest.tracks_binary import AXONA_RECORD, NVT_RECORD

CM = {"cm_per_unit": 0.1}


def circle(*, seconds=20.0, rate=30.0, radius=100.0, turns_per_s=0.25, centre=(300.0, 200.0)):
    """Time, x and y of a body on a circle at constant speed."""
    time = np.arange(round(seconds * rate)) / rate
    angle = 2 * np.pi * turns_per_s * time
    return time, centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)


def moved(time, x, y, *, cm_per_unit=0.1, longest_gap_s=0.2, smooth_s=0.0):
    return movement_of_track(
        np.asarray(time, float),
        np.asarray(x, float),
        np.asarray(y, float),
        cm_per_unit=cm_per_unit,
        longest_gap_s=longest_gap_s,
        smooth_s=smooth_s,
    )


# ------------------------------------------------------------------------ speed in closed form


def test_a_circle_at_constant_speed_has_the_speed_of_its_chords():
    movement = moved(*circle())
    # radius 10 cm, a quarter turn per second: 2 pi r f, less the chord that cuts the corner
    chord = 2 * 10 * np.sin(np.pi * 0.25 / 30) * 30
    assert np.allclose(movement["speed_cm_s"][:-1], chord, rtol=1e-9)
    assert chord == pytest.approx(2 * np.pi * 10 * 0.25, rel=2e-4)
    assert np.isnan(movement["speed_cm_s"].iloc[-1])


def test_smoothing_shrinks_a_circle_by_the_known_factor():
    movement = moved(*circle(rate=100.0), smooth_s=0.5)
    inner = movement["speed_cm_s"][60:-60]
    # the mean over an arc of the angle a lies at r sin(a/2) / (a/2) from the centre
    half = np.pi * 0.25 * 0.5
    assert np.allclose(inner, 2 * np.pi * 10 * 0.25 * np.sin(half) / half, rtol=1e-3)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.005, 0.1), min_size=5, max_size=60),
    st.floats(0, 1),
    st.floats(-300, 300),
    st.floats(-300, 300),
)
def test_a_straight_line_keeps_its_speed_whatever_the_frames_and_the_smoothing(steps, wide, vx, vy):
    time = np.cumsum([0.0, *steps])
    movement = moved(time, vx * time, vy * time, smooth_s=wide, longest_gap_s=1.0)
    assert np.allclose(movement["speed_cm_s"][:-1], np.hypot(vx, vy) * 0.1, rtol=1e-6, atol=1e-7)


def test_the_running_mean_is_that_of_a_fine_grid():
    rng = np.random.default_rng(1)
    time = np.cumsum(rng.uniform(0.02, 0.08, 50))
    value = rng.normal(size=50)
    ours = running_mean(time, value, 0.4)
    for index in (0, 3, 25, 49):
        half = min(0.2, time[index] - time[0], time[-1] - time[index])
        grid = time[index] + half * (np.arange(-20_000, 20_000) + 0.5) / 20_000
        assert ours[index] == pytest.approx(np.interp(grid, time, value).mean(), abs=1e-6)


def test_jitter_of_a_resting_animal_is_no_walk_once_the_position_is_smoothed():
    rng = np.random.default_rng(2)
    time = np.arange(3000) / 30
    x, y = 300 + rng.normal(0, 0.5, (2, 3000))
    raw, smooth = moved(time, x, y), moved(time, x, y, smooth_s=0.5)
    # sd 0.5 px of 1 mm: steps are Rayleigh with sigma sqrt(2) 0.05 cm, 30 times a second
    assert raw["speed_cm_s"].mean() == pytest.approx(30 * 0.05 * np.sqrt(np.pi), rel=0.05)
    assert smooth["speed_cm_s"].mean() < raw["speed_cm_s"].mean() / 8
    strata = movement_strata(smooth)
    assert np.sum(np.diff(strata["rest"])) > 95 and not len(strata["walk"])


# ---------------------------------------------------------------------------- losses and gaps


def test_short_losses_are_bridged_and_long_ones_stay_unknown():
    time = np.arange(100) / 10.0
    x = 10.0 * time
    x[20:22] = np.nan  # known at 1.9 and 2.2 s: 0.3 s apart
    x[50:53] = np.nan  # known at 4.9 and 5.3 s: 0.4 s apart
    movement = moved(time, x, np.zeros(100), cm_per_unit=1.0, longest_gap_s=0.3)
    assert np.allclose(movement["x"][20:22], [20.0, 21.0])
    assert movement["x"][50:53].isna().all()
    unknown = np.flatnonzero(movement["speed_cm_s"].isna())
    assert unknown.tolist() == [49, 50, 51, 52, 99]
    assert np.allclose(movement["speed_cm_s"].dropna(), 10.0)


def test_no_gap_is_bridged_when_none_may_be():
    time = np.arange(50) / 10.0
    x = time.copy()
    x[10] = np.nan
    movement = moved(time, x, x, longest_gap_s=0.0)
    assert np.flatnonzero(movement["x"].isna()).tolist() == [10]


def test_dropped_frames_count_as_lost_time():
    frames = np.r_[0:30, 33:60, 90:120]
    time = frames / 30.0
    movement = moved(time, 30.0 * time, 0 * time, cm_per_unit=1.0, longest_gap_s=0.2)
    known = epoch_movement(movement, np.array([[0.0, 4.0]]))
    # 29 + 4 (bridged, with 3 dropped frames) + 26 ... and 29 steps of 1/30 s; 1 s is unknown
    assert known.seconds == pytest.approx((59 + 29) / 30)
    assert np.allclose(known.speed_cm_s, 30.0)
    lost = movement[movement["x"].isna()]
    assert lost["time_s"].tolist() == pytest.approx([60 / 30])


def test_a_clock_that_leaps_does_not_fill_the_memory():
    assert len(with_dropped_frames(np.r_[0:10, 1e9 : 1e9 + 10] / 10.0, 0.2)) == 21


def test_the_path_of_a_cell_adds_up():
    movement = moved(*circle(seconds=41.0))
    halves = epoch_movement(movement, np.array([[0.0, 8.0], [12.0, 24.0]]))
    # 20 s at 2 pi 10 cm / 4 s
    (travelled,) = distance(movement=halves, options={})
    assert travelled.value == pytest.approx(20 * 2 * np.pi * 0.1 / 4, rel=2e-4)
    assert travelled.n_effective == pytest.approx(20)
    (speed,) = mean_speed(movement=halves, options={})
    assert travelled.value * 100 == pytest.approx(speed.value * 20)
    nothing = epoch_movement(movement, np.array([[50.0, 60.0]]))
    assert distance(movement=nothing, options={}) == []


# ------------------------------------------------------------------------------------ formats


def write_deeplabcut(path, x, y, likelihood, *, individuals=None, frames=None, part="nose"):
    """The header of DeepLabCut: two body parts (of each animal), three coordinates."""
    owners = individuals or [""]
    columns = [(o, p, c) for o in owners for p in (part, "tail") for c in ("x", "y", "likelihood")]
    frames = np.arange(len(x)) if frames is None else frames
    rows = [["scorer", *["DLC_resnet50"] * len(columns)]]
    if individuals:
        rows.append(["individuals", *[o for o, _, _ in columns]])
    rows.append(["bodyparts", *[p for _, p, _ in columns]])
    rows.append(["coords", *[c for _, _, c in columns]])
    for i, frame in enumerate(frames):
        values = [x[i], y[i], likelihood[i], x[i] + 50, y[i] + 50, 0.99]
        rows.append([str(frame), *[repr(float(v)) for v in values * len(owners)]])
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return path


def test_deeplabcut(tmp_path):
    time, x, y = circle()
    likelihood = np.full(len(x), 0.95)
    likelihood[100:110], likelihood[200:202] = 0.2, 0.59
    path = write_deeplabcut(tmp_path / "a.csv", x, y, likelihood)
    read = read_movement(path, frame_rate_hz=30, body_part="nose", smooth_position_s=0, **CM)
    assert np.allclose(read["time_s"], time)
    assert read["x"][100:110].isna().all()
    known = np.r_[0:100, 110:200, 202 : len(x)]
    assert np.allclose(read["x"][known], x[known]) and np.allclose(read["y"][known], y[known])
    # between the points around it a straight line of a third each
    assert read["x"][200] == pytest.approx((2 * x[199] + x[202]) / 3)
    tail = read_movement(path, frame_rate_hz=30, body_part="tail", **CM)
    assert np.allclose(tail["x"], x + 50)
    all_in = read_movement(path, frame_rate_hz=30, body_part="nose", minimum_likelihood=0, **CM)
    assert np.allclose(all_in["x"], x)


def test_deeplabcut_with_several_animals(tmp_path):
    _, x, y = circle()
    path = write_deeplabcut(tmp_path / "a.csv", x, y, np.ones(len(x)), individuals=["rat", "cagem"])
    with pytest.raises(InputError, match=r"found individuals 'rat', 'cagem'.*individual: \.\.\."):
        read_movement(path, frame_rate_hz=30, body_part="nose", **CM)
    read = read_movement(path, frame_rate_hz=30, body_part="nose", individual="rat", **CM)
    assert np.allclose(read["x"], x)


def test_frames_that_deeplabcut_skipped_are_gaps(tmp_path):
    _, x, y = circle(seconds=4)
    kept = np.r_[0:30, 60:120]
    path = write_deeplabcut(tmp_path / "a.csv", x[kept], y[kept], np.ones(90), frames=kept)
    read = read_movement(path, frame_rate_hz=30, body_part="nose", **CM)
    assert read["time_s"].iloc[-1] == pytest.approx(119 / 30)
    assert epoch_movement(read, np.array([[1.0, 2.0]])).seconds == pytest.approx(0)


def write_sleap_csv(path, x, y, *, tracks=("",), frames=None):
    frames = np.arange(len(x)) if frames is None else frames
    rows = ["track,frame_idx,instance.score,nose.x,nose.y,nose.score,tail.x,tail.y,tail.score"]
    for i, frame in enumerate(frames):
        for number, track in enumerate(tracks):
            at = f"{x[i] + 100 * number},{y[i]},0.8,{x[i] + 7},,"
            rows.append(f"{track},{frame},0.9,{at}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_sleap_csv(tmp_path):
    time, x, y = circle()
    path = write_sleap_csv(tmp_path / "a.csv", x, y)
    read = read_movement(path, frame_rate_hz=30, body_part="nose", **CM)
    assert np.allclose(read[["time_s", "x", "y"]], np.column_stack([time, x, y]))
    both = write_sleap_csv(tmp_path / "b.csv", x, y, tracks=("one", "two"))
    with pytest.raises(InputError, match="found tracks 'one', 'two'; expected"):
        read_movement(both, frame_rate_hz=30, body_part="nose", **CM)
    second = read_movement(both, frame_rate_hz=30, body_part="nose", individual="two", **CM)
    assert np.allclose(second["x"], x + 100)
    with pytest.raises(InputError, match="no known position in 600 frames"):
        read_movement(path, frame_rate_hz=30, body_part="tail", **CM)


@pytest.mark.parametrize("transposed", [False, True])
def test_sleap_hdf5(tmp_path, transposed):
    time, x, y = circle()
    tracks = np.full((2, 2, 3, len(x)), np.nan)
    tracks[1, 0, 2], tracks[1, 1, 2] = x, y
    tracks[1, :, 2, 50:60] = np.nan
    scores = np.ones((2, 3, len(x)))
    scores[1, 2, 80:90] = 0.1
    path = tmp_path / "a.analysis.h5"
    with h5py.File(path, "w") as file:
        file["tracks"] = tracks.T if transposed else tracks
        file["point_scores"] = scores.T if transposed else scores
        file["node_names"] = np.array([b"ear", b"tail", b"nose"])
        file["track_names"] = np.array([b"other", b"rat"])
    options = {"frame_rate_hz": 30, "body_part": "nose", "individual": "rat", **CM}
    read = read_movement(path, **options)
    assert np.allclose(read["time_s"], time)
    assert np.flatnonzero(read["x"].isna()).tolist() == list(range(50, 60))
    assert np.allclose(read["y"].dropna(), np.delete(y, range(50, 60)))
    sure = read_movement(path, minimum_likelihood=0.3, **options)
    assert sure["x"].isna().sum() == 20
    turned = read_movement(path, axes="yx", **options)
    assert np.allclose(turned["x"].dropna(), np.delete(y, range(50, 60)))


def test_columns_with_and_without_header(tmp_path):
    time, x, y = circle()
    path = tmp_path / "bonsai.csv"
    table = pd.DataFrame({"Seconds": time, "Centroid.X": x, "Centroid.Y": y, "Area": 1})
    table.loc[10:29, ["Centroid.X", "Centroid.Y"]] = np.nan
    table.to_csv(path, index=False, na_rep="NaN")
    names = {"time_column": "Seconds", "x_column": "Centroid.X", "y_column": "Centroid.Y", **CM}
    read = read_movement(path, **names)
    assert read["x"].isna().sum() == 20 and np.allclose(read["y"][30:], y[30:])
    table.to_csv(path, index=False, header=False, na_rep="NaN", sep=" ")
    numbers = {"time_column": "1", "x_column": "2", "y_column": "3", **CM}
    pd.testing.assert_frame_equal(read_movement(path, **numbers), read)
    with pytest.raises(
        InputError, match="found columns 1 to 4, for it has no header; expected 'X'"
    ):
        read_movement(path, **{**numbers, "x_column": "X"})
    swapped = read_movement(path, **numbers, axes="yx")
    assert np.allclose(swapped["x"][30:], y[30:])


def test_date_times_count_from_the_first_row(tmp_path):
    time, x, y = circle(seconds=5)
    stamps = pd.Timestamp("2026-03-01T09:30:00.5") + pd.to_timedelta(time, unit="s")
    rows = [
        f"{s.isoformat(timespec='microseconds')}0+01:00,{a},{b}"
        for s, a, b in zip(stamps, x, y, strict=True)
    ]
    path = tmp_path / "bonsai.csv"
    path.write_text("\n".join(rows))
    read = read_movement(path, time_column="1", x_column="2", y_column="3", time_offset_s=7, **CM)
    assert np.allclose(read["time_s"], 7 + time, atol=1e-6) and np.allclose(read["x"], x)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1.0), ("ms", 1e3), ("us", 1e6)])
def test_units_of_time(tmp_path, unit, factor):
    time, x, y = circle(seconds=5)
    path = tmp_path / "t.csv"
    pd.DataFrame({"time_s": time * factor, "x": x, "y": y}).to_csv(path, index=False)
    assert np.allclose(read_movement(path, time_unit=unit, **CM)["time_s"], time)


def test_frames_need_a_declared_rate(tmp_path):
    time, x, y = circle(seconds=5)
    path = tmp_path / "t.csv"
    pd.DataFrame({"frame": range(len(x)), "x": x, "y": y}).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"found frame numbers and no times; .*frame_rate_hz"):
        read_movement(path, **CM)
    assert np.allclose(read_movement(path, frame_rate_hz=30, **CM)["time_s"], time)


def write_nwb(path, *, container="Position", unit="m", transpose=False, third=False, rate=None):
    from datetime import UTC, datetime

    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.behavior import BehavioralTimeSeries, Position, SpatialSeries

    time, x, y = circle()
    data = np.column_stack([x, y, x] if third else [x, y]) * 0.001
    when = {"rate": rate, "starting_time": 2.0} if rate else {"timestamps": time}
    file = NWBFile("s", "i", datetime(2026, 1, 1, tzinfo=UTC))
    module = file.create_processing_module("behavior", "b")
    if container == "Position":
        series = SpatialSeries("nose", data=data, unit=unit, reference_frame="corner", **when)
        module.add(Position(spatial_series=series))
    else:
        speeds = TimeSeries("speed", data=np.full(len(time), 0.2), unit=unit, **when)
        module.add(BehavioralTimeSeries(time_series=speeds))
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    if transpose:  # pynwb refuses to write what MATLAB does
        with h5py.File(path, "r+") as stored:
            group = stored["processing/behavior/Position/nose"]
            attributes = dict(group["data"].attrs)
            del group["data"]
            group["data"] = data.T
            group["data"].attrs.update(attributes)
    return path


def test_nwb_position_brings_its_own_unit(tmp_path):
    time, x, y = circle()
    read = read_movement(write_nwb(tmp_path / "a.nwb"), smooth_position_s=0)
    assert np.allclose(read[["time_s", "x", "y"]], np.column_stack([time, x / 1000, y / 1000]))
    # x was in mm: the circle has a radius of 10 cm
    assert np.allclose(read["speed_cm_s"][:-1], 2 * np.pi * 10 * 0.25, rtol=2e-4)
    with pytest.raises(InputError, match=r"cm_per_unit: found 1; the file itself says 100 \(m\)"):
        read_movement(tmp_path / "a.nwb", cm_per_unit=1)
    clock = write_nwb(tmp_path / "r.nwb", rate=30.0)
    assert np.allclose(read_movement(clock, starts_at_s=-2)["time_s"], time)


def test_nwb_position_that_is_doubtful_is_refused(tmp_path):
    with pytest.raises(InputError, match="rows and columns are exchanged"):
        read_movement(write_nwb(tmp_path / "t.nwb", transpose=True))
    three = write_nwb(tmp_path / "3.nwb", third=True)
    with pytest.raises(InputError, match=r"found 3 axes; expected movement: {axes: ...}"):
        read_movement(three)
    assert np.allclose(read_movement(three, axes="zy")["x"], circle()[1] / 1000)
    with pytest.raises(InputError, match=r"found positions in pixels; expected movement: {cm_per"):
        read_movement(write_nwb(tmp_path / "p.nwb", unit="pixels"))
    with pytest.raises(InputError, match="expected one of the file's series: 'nose'"):
        read_movement(three, series="tail")


def test_nwb_speed(tmp_path):
    path = write_nwb(tmp_path / "v.nwb", container="BehavioralTimeSeries", unit="m/s")
    read = read_movement(path)
    assert list(read) == ["time_s", "speed_cm_s"] and np.allclose(read["speed_cm_s"], 20)
    odd = write_nwb(tmp_path / "o.nwb", container="BehavioralTimeSeries", unit="a.u.")
    with pytest.raises(InputError, match="no series in a Position or BehavioralTimeSeries"):
        read_movement(odd)


def write_nvt(path, time, x, y, *, first_us=5_000_000_000):
    records = np.zeros(len(time), NVT_RECORD)
    records["timestamp"] = first_us + np.round(time * 1e6).astype(np.int64)
    records["x"], records["y"] = np.round(x), np.round(y)
    header = b"######## Neuralynx Data File Header\r\n".ljust(16384, b"\0")
    path.write_bytes(header + records.tobytes())
    return path


def test_neuralynx_video(tmp_path):
    assert NVT_RECORD.itemsize == 1828
    time, x, y = circle()
    x[40:60] = y[40:60] = 0
    path = write_nvt(tmp_path / "VT1.nvt", time, x, y)
    read = read_movement(path, **CM)
    assert np.allclose(read["time_s"], time, atol=1e-6)
    assert np.flatnonzero(read["x"].isna()).tolist() == list(range(40, 60))
    assert np.allclose(read["y"].dropna(), np.delete(np.round(y), range(40, 60)))
    # the continuous channels beside it began 1.5 s before the camera
    stamp = (5_000_000_000 - 1_500_000).to_bytes(8, "little")
    (tmp_path / "CSC1.ncs").write_bytes(b"########".ljust(16384, b"\0") + stamp.ljust(1044, b"\0"))
    assert read_movement(path, **CM)["time_s"].iloc[0] == pytest.approx(1.5)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="expected a multiple of 1828: the file is truncated"):
        read_movement(path, **CM)


def write_axona(path, x, y, *, number=None, form="t,x1,y1,x2,y2,numpix1,numpix2", ppm="500"):
    assert AXONA_RECORD.itemsize == 20
    records = np.zeros(len(x), AXONA_RECORD)
    records["frame"] = np.arange(len(x))
    records["x1"], records["y1"] = np.round(x), np.round(y)
    records["x2"], records["y2"] = np.round(x) + 20, np.round(y)
    header = [
        "trial_date Friday, 1 May 2026",
        "timebase 50 hz",
        "bytes_per_timestamp 4",
        "bytes_per_coord 2",
        f"pixels_per_metre {ppm}",
        f"num_pos_samples {len(x) if number is None else number}",
        f"pos_format {form}",
        "data_start",
    ]
    text = "\r\n".join(header).encode()
    path.write_bytes(text + records.tobytes() + b"\r\ndata_end\r\n")
    return path


def test_axona_video(tmp_path):
    time, x, y = circle(rate=50.0)
    x[30:50] = y[30:50] = 1023
    path = write_axona(tmp_path / "t.pos", x, y)
    read = read_movement(path)  # 500 pixels per metre: 0.2 cm each
    assert np.allclose(read["time_s"], time)
    assert np.flatnonzero(read["x"].isna()).tolist() == list(range(30, 50))
    assert read["speed_cm_s"].median() == pytest.approx(2 * np.pi * 20 * 0.25, rel=0.02)
    second = read_movement(path, body_part="2")
    assert np.allclose(second["x"][:30], np.round(x[:30]) + 20)
    with pytest.raises(InputError, match=r"found positions in pixels; expected movement: {cm_per"):
        read_movement(write_axona(tmp_path / "n.pos", x, y, ppm="0"))
    with pytest.raises(InputError, match=r"expected 999 samples .the header's num_pos_samples"):
        read_movement(write_axona(tmp_path / "s.pos", x, y, number=999))
    with pytest.raises(InputError, match="pos_format: found 't,x1,y1,x2,y2,x3"):
        read_movement(write_axona(tmp_path / "f.pos", x, y, form="t,x1,y1,x2,y2,x3,y3,x4,y4"))
    cut = tmp_path / "c.pos"
    cut.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="found no data_end"):
        read_movement(cut)


@pytest.mark.real
@pytest.mark.parametrize("name", ["linear-track", "w-maze"])
def test_real_tracks_of_a_rat_are_walks(real_data, name):
    path = real_data / "nelpy_rat_units" / name / "trajectory.videoPositionTracking"
    with pytest.raises(InputError, match=r"found positions in pixels"):
        read_movement(path)
    read = read_movement(path, cm_per_unit=0.3)
    step = np.diff(read["time_s"])
    assert 1 / np.median(step) == pytest.approx(60, abs=1)
    # the picture is 640 x 480
    assert read["x"].min() >= 0 and read["x"].max() < 640 and read["y"].max() < 480
    assert read["speed_cm_s"].isna().mean() < 0.05
    # it sits still for most of the session, and runs the track in between
    assert 5 < read["speed_cm_s"].quantile(0.95) < 100


# ------------------------------------------------------------------------------------ refusals

BAD = {
    "frame,x,y\n0,1,2\n1,a,3\n": "row 3, column x: found 'a'; expected a number",
    "frame,x,y\n0,1,2\n1,2,3\n1,3,4\n": "frame 3 of 3: found frame number 1 after 1; expected grow",
    "time_s,x,y\n0,1,2\n,2,3\n": "row 3, column time_s: found ''; expected a number",
    "time_s;x;y\n0;1,5;2\n1;2;3\n": "row 2, column x: found '1,5'; .*decimal commas",
    "time_s,x,y\n0,1,2\n": "found 1 frames; expected at least two",
    "time_s,x,y\n0,NaN,2\n1,,3\n": "no known position in 2 frames",
    "time_s,x,why\n0,1,2\n1,1,2\n": "found columns time_s, x, why; expected 'y'",
    "scorer,a,a\nbodyparts,n,n\n0,1,2\n": "found header rows scorer, bodyparts, 0; expected scorer",
    "scorer,a,a\nbodyparts,n,n\ncoords,x,y\n0,1,2\n": "found columns x, y; expected likelihood",
    "": "found an empty file",
}


@pytest.mark.parametrize("content", BAD)
def test_broken_tables_are_refused_by_name(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=BAD[content]) as error:
        read_movement(path, frame_rate_hz=30, **CM)
    assert "t.csv" in str(error.value)


def test_what_cannot_be_a_track_is_named(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"0")
    with pytest.raises(InputError, match=r"found a file '\.mp4'; expected \.csv"):
        read_movement(tmp_path / "v.mp4")
    (tmp_path / "x.nvt").write_bytes(b"0" * 20000)
    with pytest.raises(InputError, match="begins with #"):
        read_movement(tmp_path / "x.nvt", **CM)
    (tmp_path / "x.videoPositionTracking").write_bytes(b"<Start settings>\nclockrate: 3")
    with pytest.raises(InputError, match="found no settings"):
        read_movement(tmp_path / "x.videoPositionTracking", **CM)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.create_group("df_with_missing")
    with pytest.raises(InputError, match=r"found the \.h5 of DeepLabCut; expected its CSV"):
        read_movement(tmp_path / "d.h5", **CM)
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["tracks"] = h5py.ExternalLink("elsewhere.h5", "tracks")
        file["node_names"] = np.array([b"nose"])
    with pytest.raises(InputError, match="a link to another file"):
        read_movement(tmp_path / "l.h5", frame_rate_hz=30, **CM)


def test_a_likelihood_that_is_asked_for_must_be_there(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("time_s,x,y,p\n0,1,2,0.9\n1,1,2,0.1\n2,1,2,\n3,4,5,0.8\n")
    with pytest.raises(InputError, match="found a track without likelihoods"):
        read_movement(path, minimum_likelihood=0.5, **CM)
    read = read_movement(path, minimum_likelihood=0.5, likelihood_column="p", **CM)
    assert read["x"].isna().tolist() == [False, True, True, False]


def test_a_table_of_speeds_stays_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("time_s,x,y,speed_cm_s\n0,1,2,5\n1,1,2,5\n")
    assert detect_track(path, speed_column="speed_cm_s", options=TrackOptions()) == "speed"
    assert list(read_movement(path)) == ["time_s", "speed_cm_s"]
    assert "x" in read_movement(path, format="columns", **CM)
    path.write_text("t,v\n0,1\n1,2\n")
    with pytest.raises(ExperimentError, match="expected 'speed_cm_s'"):
        read_movement(path)
