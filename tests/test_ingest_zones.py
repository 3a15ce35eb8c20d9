"""Zones: areas in closed form, against another implementation, and through config and steps."""

import numpy as np
import pandas as pd
import pytest
from experiments import minimal
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.__main__ import main
from pipeline.compare.scales import to_scale
from pipeline.experiment.movement_options import MovementOptions
from pipeline.ingest import epoch_track, track_warnings
from pipeline.ingest.metrics.time_in_zone import METRIC, compute
from pipeline.ingest.track_speed import movement_of_track
from pipeline.ingest.zones import bounds, inside
from pipeline.registry import registered
from pipeline.steps.extract import extract
from pipeline.steps.measure import measure
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.settings import extract_settings, measure_settings
from pipeline.steps.spike_tables import TYPES as UNIT_TABLES


def circling(*, seconds=40.0, rate=50.0):
    """A body on a circle of radius 100 around (300, 200), a turn in 4 s, ten turns."""
    time = np.arange(round(seconds * rate)) / rate
    angle = 2 * np.pi * time / 4
    return movement_of_track(
        time, 300 + 100 * np.cos(angle), 200 + 100 * np.sin(angle),
        cm_per_unit=0.1, longest_gap_s=0.2, smooth_s=0.0,
    )  # fmt: skip


def share(area, movement=None, start=0.0, stop=40.0):
    movement = circling() if movement is None else movement
    track = epoch_track(movement, np.array([[start, stop]]))
    (value,) = compute(track=track, options={"movement": {"zones": {"z": area}}})
    return value


# a turn of 200 positions: the error is at most one of them at each crossing of the border
AREAS = {
    "right half": ({"rectangle": [300, 0, 500, 500]}, 1 / 2),
    "all": ({"rectangle": [0, 0, 500, 500]}, 1.0),
    "the middle, never visited": ({"circle": [300, 200, 50]}, 0.0),
    "quarter": ({"rectangle": [300, 200, 500, 500]}, 1 / 4),
    # two circles of radius 100 whose centres are 100 apart: an arc of a third
    "circle": ({"circle": [400, 200, 100]}, 1 / 3),
    "triangle over the upper half": ({"polygon": [[0, 200], [600, 200], [300, 900]]}, 1 / 2),
}


@pytest.mark.parametrize("name", AREAS)
def test_share_of_a_circle(name):
    area, expected = AREAS[name]
    assert share(area).value == pytest.approx(expected, abs=2 / 200)


def test_neighbouring_rectangles_share_out_all_of_the_time():
    edges = [0, 250, 300, 350, 600]
    shares = [share({"rectangle": [a, 0, b, 500]}).value for a, b in zip(edges, edges[1:])]  # noqa: B905, RUF007
    assert sum(shares) == pytest.approx(1)


def test_unknown_time_is_no_time_elsewhere():
    movement = circling()
    movement.loc[movement["x"] < 300, ["x", "y", "speed_cm_s"]] = np.nan
    found = share({"rectangle": [300, 200, 500, 500]}, movement)
    assert found.value == pytest.approx(1 / 2, abs=0.02)
    assert found.n_effective == pytest.approx(20, abs=0.5) and found.n_effective_unit == "s"


def test_only_the_epoch_counts():
    area = {"rectangle": [300, 200, 500, 500]}
    assert share(area, start=0.0, stop=1.0).value == pytest.approx(1, abs=0.021)
    assert share(area, start=1.5, stop=3.5).value == 0
    track = epoch_track(circling(), np.array([[100.0, 200.0]]))
    assert compute(track=track, options={"movement": {"zones": {"z": area}}}) == []


def test_a_position_counts_for_the_time_until_the_next():
    movement = pd.DataFrame(
        {"time_s": [0.0, 1, 2, 4, 5], "x": [0.0, 5, 0, 5, 0], "y": 0.0, "speed_cm_s": 1.0}
    )
    # at 5 from 1 to 2 s and from 4 to 5 s; tracked until 6 s, a usual step after the last one
    assert share({"rectangle": [4, -1, 6, 1]}, movement).value == pytest.approx(2 / 6)


def test_speeds_alone_have_no_zones():
    movement = pd.DataFrame({"time_s": [0.0, 1], "speed_cm_s": 1.0})
    assert epoch_track(movement, np.array([[0.0, 1.0]])) is None
    zones = {"z": {"circle": [0, 0, 1]}}
    assert "the file holds speeds and no positions" in track_warnings(movement, zones)[0]
    assert track_warnings(movement, {}) == ()


@settings(deadline=None, max_examples=80)
@given(st.integers(3, 9), st.integers(0, 10_000))
def test_polygons_agree_with_another_implementation(corners, seed):
    path = pytest.importorskip("matplotlib.path")
    rng = np.random.default_rng(seed)
    # corners in the order of their angle: a star-shaped area without crossings
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(0.2, 1, corners)
    polygon = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    points = rng.uniform(-1, 1, (500, 2))
    other = path.Path(np.vstack([polygon, polygon[:1]])).contains_points(points)
    assert np.array_equal(inside({"polygon": polygon.tolist()}, *points.T), other)


@settings(deadline=None, max_examples=80)
@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.1, 5), st.floats(0.1, 5))
def test_a_rectangle_is_its_polygon(x0, y0, width, height):
    x1, y1 = x0 + width, y0 + height
    points = np.random.default_rng(0).uniform(-10, 10, (500, 2))
    polygon = {"polygon": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}
    rectangle = {"rectangle": [x0, y0, x1, y1]}
    assert np.array_equal(inside(polygon, *points.T), inside(rectangle, *points.T))
    assert bounds(polygon) == bounds(rectangle)


def test_nan_is_nowhere():
    nan = np.array([np.nan])
    for area in ({"circle": [0, 0, 9]}, {"rectangle": [-9, -9, 9, 9]}):
        assert not inside(area, nan, nan).any()


def test_a_zone_far_from_the_track_and_impossible_speeds_are_spoken_of():
    movement = circling()
    zones = {"near": {"circle": [300, 200, 10]}, "far": {"rectangle": [0, 0, 50, 40]}}
    (warning,) = track_warnings(movement, zones)
    assert "zone far (x 0 to 50, y 0 to 40) lies outside the whole track (x 200 to 400" in warning
    movement["speed_cm_s"] *= 100
    assert "100 % of the known time faster than 300 cm/s" in track_warnings(movement, {})[0]


def test_the_fraction_never_seen_has_a_finite_logit():
    scaled = to_scale(
        np.array([0.0, 0.5, 1.0]), scale=METRIC.scale, zero_offset=METRIC.zero_offset,
        seconds=np.full(3, 600.0), n_effective=np.full(3, 600.0),
    )  # fmt: skip
    assert np.allclose(scaled, [-np.log(1201), 0, np.log(1201)])
    assert "time_in_zone" in registered() and "distance_travelled" in registered()


WRONG = {
    "rectangle the wrong way up": ({"rectangle": [0, 9, 5, 1]}, "y0 < y1"),
    "no radius": ({"circle": [0, 0, 0]}, "found radius 0"),
    "two corners": ({"polygon": [[0, 0], [1, 1]]}, "found 2 corners"),
    "no area": ({"polygon": [[0, 0], [1, 1], [2, 2]]}, "enclose no area"),
    "a bow tie": ({"polygon": [[0, 0], [2, 2], [2, 0], [0, 3]]}, "crosses that after corner 3"),
    "nothing": ({}, "give one of rectangle, circle and polygon"),
    "two of them": ({"circle": [0, 0, 1], "rectangle": [0, 0, 1, 1]}, "give one of"),
    "a misspelling": ({"circel": [0, 0, 1]}, "did you mean 'circle'"),
    "nan": ({"circle": [0, float("nan"), 1]}, "finite"),
    "by without areas": ({"by": "side"}, "`by`, a column of sessions.tsv"),
    "area and by": ({"circle": [0, 0, 1], "by": "side", "areas": {}}, "`by`, a column"),
}


@pytest.mark.parametrize("name", WRONG)
def test_zones_that_mean_nothing_are_refused(name):
    zone, expected = WRONG[name]
    with pytest.raises(ValidationError) as error:
        MovementOptions.model_validate({"zones": {"social": zone}})
    assert expected in str(error.value)


def test_names_of_zones_make_names_of_outcomes():
    with pytest.raises(ValidationError, match="expected letters, digits"):
        MovementOptions.model_validate({"zones": {"a/b": {"circle": [0, 0, 1]}}})


def test_a_column_may_choose_the_area():
    left, right = {"rectangle": [0, 0, 1, 1]}, {"rectangle": [1, 0, 2, 1]}
    options = MovementOptions.model_validate(
        {"zones": {"paired": {"by": "paired_side", "areas": {"left": left, "right": right}}}}
    )
    assert options.session_zones({"paired_side": "right"}) == {"paired": right}
    assert options.session_zones({"paired_side": ""}) == {}
    assert options.zone_problem({"paired_side": "left"}) is None
    column, found, expected = options.zone_problem({"paired_side": "Left"})
    assert (column, found) == ("paired_side", "Left") and "did you mean 'left'" in expected


# ------------------------------------------------------------------------ through the two steps


@pytest.fixture
def experiment_of_tracks(tmp_path):
    """Two sessions, video only: in the second the stranger sat on the other side."""
    time = np.arange(3000 * 10) / 10
    angle = 2 * np.pi * time / 4
    for name in ("s1", "s2"):
        pd.DataFrame(
            {"t": time * 1000, "x": 300 + 100 * np.cos(angle), "y": 200 + 100 * np.sin(angle)}
        ).to_csv(tmp_path / f"{name}.csv", index=False)
    sessions = [
        {"session": name, "animal": "r1", "start": f"2026-03-{day:02d}T09:00:00",
         "movement": f"{name}.csv", "stranger": side}
        for name, day, side in (("s1", 1, "left"), ("s2", 8, "right"))
    ]  # fmt: skip
    zones = {
        "corner": {"rectangle": [300, 200, 500, 500]},
        "social": {
            "by": "stranger",
            "areas": {
                "left": {"rectangle": [0, 0, 250, 500]},
                "right": {"rectangle": [250, 0, 900, 500]},
            },
        },
    }
    movement = {
        "time_column": "t", "time_unit": "ms", "cm_per_unit": 0.1, "smooth_position_s": 0,
        "zones": zones,
    }  # fmt: skip
    return minimal(tmp_path, sessions=sessions, config={"movement": movement} | DESIGN)


DESIGN = {
    "design": {
        "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
        "reference_condition": "vehicle",
        "contexts": ["home_cage"],
        "phases": {"baseline": [-600, -120], "acute": [300, 1800]},
    },
    "outcomes": {"primary": ["time_in_zone/social", "distance_travelled"]},
}


def test_zones_come_through_both_steps(experiment_of_tracks, tmp_path):
    experiment = load_checked(experiment_of_tracks)
    # arccos(-1/2) / pi: the circle lies left of x = 250 for a third of its turn
    for session, expected in zip(experiment.included, (1 / 3, 2 / 3), strict=True):
        folder = tmp_path / "out" / session.name
        folder.mkdir(parents=True)
        names = {"lfp": "lfp.nc", "units": "units.nc", "trials": "t.parquet",
                 "movement": "m.parquet", "scored": "b.parquet", "sync": "sync.json"}  # fmt: skip
        paths = {key: folder / name for key, name in names.items()}
        extract(settings=extract_settings(experiment, session, {}), outputs=paths)
        outputs = {"observations": folder / "o.parquet", "spectra": folder / "s.nc",
                   "coupling": folder / "c.nc", "timecourse": folder / "c.parquet",
                   "epochs": folder / "e.tsv", "sets": folder / "sets.tsv",
                   "scored_trials": folder / "scored_trials.tsv"}  # fmt: skip
        outputs |= {name: folder / f"{name}.out" for name in (*UNIT_TABLES, "units_table")}
        outcome = measure(
            settings=measure_settings(experiment, session), outputs=outputs, inputs=paths
        )
        assert outcome.warnings == ()
        rows = pd.read_parquet(outputs["observations"])
        rows = rows[(rows["split"] == "") & (rows["phase"] == "acute")]
        zone = rows[rows["metric"] == "time_in_zone"].set_index("band")
        assert zone.loc["social", "value"] == pytest.approx(expected, abs=0.03)
        assert zone.loc["corner", "value"] == pytest.approx(1 / 4, abs=0.03)
        (way,) = rows[rows["metric"] == "distance_travelled"]["value"]
        # ten positions a second: chords of a circle of 10 cm, 1500 s
        assert way == pytest.approx(1500 * 10 * 0.2 * np.sin(np.pi / 40), rel=1e-3)


def test_wrong_zones_are_found_before_work(experiment_of_tracks, tmp_path, capsys):
    table = tmp_path / "sessions.tsv"
    table.write_text(table.read_text().replace("\tright", "\trigth"))
    path = experiment_of_tracks
    path.write_text(path.read_text().replace("time_in_zone/social", "time_in_zone/sociable"))
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().out
    assert (
        "sessions.tsv: row 3, column stranger: found 'rigth'; one of movement.zones.social" in said
    )
    assert "(did you mean 'right'?)" in said
    assert (
        "found 'time_in_zone/sociable'; a zone of movement.zones (did you mean 'social'?)" in said
    )
    path.write_text(path.read_text().replace("time_in_zone/sociable", "time_in_zone"))
    assert main(["check", str(path)]) == 1
    assert "a zone, such as time_in_zone/corner" in capsys.readouterr().out
