"""The step ``sort`` with a sorter that knows the answer: channels, clock, reasons of failure."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from experiments import minimal

from pipeline import ingest
from pipeline.commands.check import examine_all
from pipeline.errors import ExperimentError, InputError
from pipeline.experiment import load_experiment
from pipeline.simulate.sorting_sample import SortingSample, write_sorting_sample
from pipeline.simulate.writers import write_openephys
from pipeline.spikes import load_units, save_units, sorting
from pipeline.spikes.units import unit_trains
from pipeline.steps import sort_settings as steps_settings
from pipeline.steps.code import ROOMS
from pipeline.steps.extract_units import take_over
from pipeline.steps.guard import guarded
from pipeline.steps.inputs import files_of
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.sort import SCRATCH, parts_to_sort, sort
from pipeline.steps.sort_settings import (
    is_sorted_here,
    parameter_problems,
    sort_settings,
    sorted_file,
    sorting_problems,
)

RATE = 15_000.0
#: samples of each part at which the stubbed sorter finds a spike
SPIKES = (1500, 4500, 9000, 12_000)


def write_part(folder: Path, *, seconds: float = 1.0, flat: tuple[int, ...] = ()) -> str:
    """Noise of 5 uV with a trough of 100 uV at every spike, on the second channel."""
    rng = np.random.default_rng(7)
    signals = rng.normal(0, 5, (round(seconds * RATE), 4))
    for at in SPIKES:
        signals[at - 3 : at + 4, 1] -= 100 * np.hanning(7)
    signals[:, list(flat)] = 0
    names = [f"CH{n + 1}" for n in range(4)]
    return str(write_openephys(folder, signals.astype(np.float32), rate_hz=RATE, channels=names))


def settings(*parts: tuple[str, float, str], channels=(), **options) -> dict:
    return {
        "session": "s1",
        "recordings": [
            {"path": path, "format": "openephys", "starts_at_s": at, "label": probe, "stream": ""}
            for path, at, probe in parts
        ],
        "channels": [
            {"channel": name, "shank": shank, "bad": bad} for name, shank, bad in channels
        ],
        "stream": "",
        "sorting": {
            "run": "spykingcircus2",
            "preprocessing": {"pass_band_hz": [300.0, 6000.0], "reference": "none"},
            "parameters": {},
            "group_by": "shank",
        }
        | options,
    }


@pytest.fixture
def stub(monkeypatch):
    """A sorter that finds one unit at all known samples of a group; returns what it was given."""
    from spikeinterface.core import NumpySorting

    given = []

    def run_sorter(recording, sorter, parameters, folder, *, what=""):
        given.append((what, [str(name) for name in recording.channel_ids]))
        assert folder.parent.name == SCRATCH
        parts = recording.get_num_samples() // round(RATE)
        samples = np.concatenate([np.array(SPIKES) + n * round(RATE) for n in range(parts)])
        return NumpySorting.from_unit_dict([{3: samples}], RATE)

    monkeypatch.setattr(sorting, "run_sorter", run_sorter)
    return given


def test_parts_are_one_sort_and_spikes_keep_their_times(tmp_path, stub):
    first, second = write_part(tmp_path / "a"), write_part(tmp_path / "b")
    # Given in the wrong order; 600 s were not recorded.
    outcome = sort(
        settings=settings((second, 601.5, ""), (first, 0.5, "")),
        outputs={"sorted": tmp_path / "sorted.nc"},
    )
    units = load_units(tmp_path / "sorted.nc")
    (train,) = unit_trains(units)
    at = np.array(SPIKES) / RATE
    np.testing.assert_allclose(train, np.concatenate([at + 0.5, at + 601.5]), rtol=0, atol=1e-9)
    assert units["unit_id"].values.tolist() == ["1"]
    assert units["channel"].values.tolist() == ["CH2"]
    # The filter takes some of the trough; the sign is that of a size.
    assert np.all((units["amplitude"].values > 50) & (units["amplitude"].values < 110))
    assert units["waveform"].values[0].argmin() == round(0.001 * RATE)
    assert stub == [("", ["CH1", "CH2", "CH3", "CH4"])]
    assert outcome.facts["sorting_groups"] == [
        {
            "probe": "",
            "group": "",
            "n_channels": 4,
            "places": "assumed",
            "n_units": 1,
            "n_spikes": 8,
        }
    ]
    assert "does not say where 4 channel(s)" in " ".join(outcome.warnings)
    assert np.isnan(units["drift_ptp"].values).all()
    assert not (tmp_path / SCRATCH).exists()


def test_probes_and_shanks_are_sorted_apart_without_bad_and_flat_channels(tmp_path, stub):
    left = write_part(tmp_path / "left", flat=(3,))
    right = write_part(tmp_path / "right")
    names = [f"{probe}:CH{n}" for probe in ("left", "right") for n in (1, 2, 3, 4)]
    shanks = ["", "", "", "", "t1", "t2", "t1", "t2"]
    rows = [(name, shank, name == "left:CH1") for name, shank in zip(names, shanks, strict=True)]
    outcome = sort(
        settings=settings((left, 0.0, "left"), (right, 0.0, "right"), channels=rows),
        outputs={"sorted": tmp_path / "sorted.nc"},
    )
    assert stub == [
        ("left", ["left:CH2", "left:CH3"]),
        ("right:t1", ["right:CH1", "right:CH3"]),
        ("right:t2", ["right:CH2", "right:CH4"]),
    ]
    units = load_units(tmp_path / "sorted.nc")
    assert units["unit_id"].values.tolist() == ["left:1", "right:t1:1", "right:t2:1"]
    assert units["probe"].values.tolist() == ["left", "right", "right"]
    assert units["channel"].values[[0, 2]].tolist() == ["left:CH2", "right:CH2"]
    assert any("channel left:CH4 is flat" in said for said in outcome.warnings)


def test_the_same_recording_gives_the_same_bytes(tmp_path, stub):
    path = write_part(tmp_path / "a")
    for name in ("1.nc", "2.nc"):
        sort(settings=settings((path, 0.0, "")), outputs={"sorted": tmp_path / name})
    assert (tmp_path / "1.nc").read_bytes() == (tmp_path / "2.nc").read_bytes()


def streams_of_neuropixels(monkeypatch, *, later_s: float = 0.0, lfp: str = "LF"):
    """Recordings whose stream of the LFP is taken by default; the wide band starts later."""
    from pipeline.ingest.joining import RecordingPart
    from pipeline.ingest.lazy import LazyRecording
    from pipeline.steps import extract_recordings

    def open_recording(stream):
        band = "AP" if stream.endswith("ap") else lfp
        values = np.zeros((10, 3), dtype="int16")
        recording = LazyRecording(
            lambda a, b: values[a:b], samples=10, rate_hz=RATE, dtype="int16",
            channels=[f"{band}{n}" for n in (0, 1)] + ["XA1"],
            start_s=30.0 + later_s * (band == "AP"),
        )  # fmt: skip
        recording.annotate(stream=stream)
        return recording

    def open_parts(given):
        return [
            RecordingPart(r["path"], r["path"], r["label"], r["starts_at_s"], open_recording(
                r["stream"] or given["stream"] or "imec0.lf"
            ))
            for r in given["recordings"]
        ]  # fmt: skip

    monkeypatch.setattr(extract_recordings, "open_parts", open_parts)


@pytest.mark.parametrize("lfp", ["LF", "LFP"])
def test_the_wide_band_is_sorted_under_names_and_clock_of_the_lfp(monkeypatch, lfp):
    streams_of_neuropixels(monkeypatch, later_s=0.25, lfp=lfp)
    given = settings(("a", 5.0, "A"), ("b", 0.0, "B"), streams={"imec0.lf": "imec0.ap"})
    # no stream is named for the first: the LFP's is the default
    given["recordings"][1]["stream"] = "imec1.lf"
    first, second = parts_to_sort(given)
    assert [part.recording.get_annotation("stream") for part in (first, second)] == [
        "imec0.ap",
        "imec1.lf",
    ]
    assert first.channels == (f"{lfp}0", f"{lfp}1", "XA1") == second.channels
    assert (first.starts_at_s, second.starts_at_s) == (5.25, 0.0)


def test_streams_that_do_not_start_together_are_refused(monkeypatch):
    streams_of_neuropixels(monkeypatch, later_s=12.0)
    given = settings(("a", 0.0, ""), streams={"imec0.lf": "imec0.ap"})
    with pytest.raises(InputError, match=r"a: spikes.sorting.streams: .* starts 12.000 s after"):
        parts_to_sort(given)


def test_warnings_go_on_to_extract(tmp_path, stub):
    sort(
        settings=settings((write_part(tmp_path / "a"), 0.0, "")),
        outputs={"sorted": tmp_path / "sorted.nc"},
    )
    warnings: list[str] = []
    taken = take_over(load_units(tmp_path / "sorted.nc"), [], warnings)
    assert len(warnings) == 1 and "does not say where 4 channel(s)" in warnings[0]
    assert taken.attrs["sorter"].startswith("spykingcircus2 of SpikeInterface ")
    assert taken["region"].values.tolist() == ["all"]


def lab(folder: Path, **sorting) -> Path:
    """An experiment whose first session has a recording."""
    rows = [
        {"session": f"s{n}", "animal": "r1", "start": f"2026-03-0{n}T09:00", "recording": path}
        for n, path in ((1, "../s/raw.dat"), (2, ""))
    ]
    return minimal(folder, config={"spikes": {"sorting": sorting}}, sessions=rows)


def test_check_names_a_sorter_that_is_not_installed_and_a_misspelt_parameter(tmp_path, monkeypatch):
    write_sorting_sample(
        tmp_path / "s", SortingSample(seconds=0.2, channels=2, amplitudes_uv=(100.0,))
    )
    wrong = lab(tmp_path / "a", run="spykingcircus2", parameters={"sed": 1})
    (problem,) = [p for p in examine_all(wrong).errors if "spikes.sorting" in str(p)]
    assert "sed: spykingcircus2 has no such parameter (did you mean 'seed'?)" in str(problem)
    monkeypatch.setattr(steps_settings, "lacking_packages", lambda sorter: ("torch",))
    lacking = lab(tmp_path / "b", run="lupin")
    (problem,) = [p for p in examine_all(lacking).errors if "spikes.sorting" in str(p)]
    assert problem.place == "spikes.sorting.run" and "lupin needs torch" in problem.expected
    with pytest.raises(ExperimentError) as refused:  # so does the workflow, before any session
        load_checked(lacking)
    assert problem in refused.value.problems


def test_settings_name_what_a_sort_depends_on_and_no_more(tmp_path):
    folder = tmp_path / "s"
    write_sorting_sample(folder, SortingSample(seconds=0.2, channels=2, amplitudes_uv=(100.0,)))
    experiment = load_experiment(lab(tmp_path / "lab", run="spykingcircus2", jobs=2))
    first, second = experiment.sessions
    assert is_sorted_here(experiment, first) and not is_sorted_here(experiment, second)
    assert sorted_file(experiment, first) == "results/sessions/s1/sorted.nc"
    assert sorted_file(experiment, second) == ""
    given = sort_settings(experiment, first, {})
    assert [Path(file[0]).name for file in given["files"]] == [
        "probe.json",
        "raw.dat",
        "raw.dat.json",
    ]
    assert "jobs" not in given["sorting"] and "regions" not in str(given)
    assert json.loads(json.dumps(given)) == given
    assert sorting_problems(experiment) == [] == parameter_problems(experiment)


def test_a_track_in_the_recordings_folder_sorts_nothing_again(tmp_path):
    recording = write_part(tmp_path / "rig")
    (tmp_path / "rig" / "track.csv").write_text("time_s,speed_cm_s\n0,1\n1,1\n")
    row = {"session": "s1", "animal": "r1", "start": "2026-03-01T09:00"}
    row |= {"recording": recording, "movement": str(tmp_path / "rig" / "track.csv")}
    sorting = {"run": "spykingcircus2"}
    rows = [row, {"session": "s2", "animal": "r1", "start": "2026-03-02T09:00"}]
    folder = minimal(tmp_path / "lab", config={"spikes": {"sorting": sorting}}, sessions=rows)
    experiment = load_experiment(folder)
    session = experiment.sessions[0]
    files = sort_settings(experiment, session, {})["files"]
    names = {Path(file[0]).name for file in files}
    assert "continuous.dat" in names and "track.csv" not in names
    assert "track.csv" in {Path(file).name for file in files_of(experiment, session, {})}


def test_code_of_a_sort_is_what_it_imports_of_ingest_and_no_more():
    """A reader of logs that changes sorts nothing again; one of recordings does."""
    room = {Path(place) for place in ROOMS["sort"]}
    homes, package = ingest._HOMES, Path(ingest.__file__).parents[1]
    found, todo = set(), {place for place in room if place.parts[0] in ("spikes", "steps")}
    while todo:
        file = todo.pop()
        for node in ast.walk(ast.parse((package / file).read_text())):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            if node.module == "pipeline.ingest":
                used = {Path("ingest") / f"{homes.get(a.name, a.name)}.py" for a in node.names}
            elif node.module.startswith("pipeline.ingest."):
                used = {Path("ingest") / f"{node.module.split('.')[2]}.py"}
            else:
                continue
            todo |= used - found
            found |= used
    # only tells the files of sortings, which a session that is sorted here does not have
    assert found - {Path("ingest/units_layouts.py")} == {p for p in room if p.parts[0] == "ingest"}


def failed(tmp_path, given) -> dict:
    guarded(
        "sort",
        sort,
        settings=given,
        outputs={"sorted": str(tmp_path / "sorted.nc"), "status": str(tmp_path / "s.json")},
        log=str(tmp_path / "log.txt"),
    )
    assert (tmp_path / "sorted.nc").read_bytes() == b""
    assert not (tmp_path / SCRATCH).exists()
    return json.loads((tmp_path / "s.json").read_text())


def test_a_sort_that_fails_is_the_sessions_failure_and_extract_passes_it_on(tmp_path, monkeypatch):
    def breaks(recording, sorter, parameters, folder, *, what=""):
        folder.mkdir()
        raise InputError("spikes.sorting: spykingcircus2 failed: no clusters")

    monkeypatch.setattr(sorting, "run_sorter", breaks)
    monkeypatch.setattr(sorting, "SILENT_PER_S", 0.0)
    status = failed(tmp_path, settings((write_part(tmp_path / "a"), 0.0, "")))
    assert status["state"] == "failed" and status["step"] == "sort"
    assert status["reason"].endswith("failed: no clusters")
    guarded(
        "extract",
        lambda **_: pytest.fail("extract must not run"),
        settings={},
        outputs={"lfp": str(tmp_path / "lfp.nc"), "status": str(tmp_path / "e.json")},
        log=str(tmp_path / "log2.txt"),
        upstream=str(tmp_path / "s.json"),
    )
    passed = json.loads((tmp_path / "e.json").read_text())
    assert (passed["state"], passed["step"]) == ("skipped", "sort")
    assert passed["reason"] == status["reason"]


def test_a_group_without_spikes_has_no_units_and_a_warning(tmp_path, monkeypatch):
    def breaks(recording, sorter, parameters, folder, *, what=""):
        raise InputError("spikes.sorting: spykingcircus2 failed: 0 samples")

    monkeypatch.setattr(sorting, "run_sorter", breaks)
    rng = np.random.default_rng(2)
    names = ["CH1", "CH2"]
    noise = rng.normal(0, 5, (60_000, 2)).astype(np.float32)
    path = write_openephys(tmp_path / "a", noise, rate_hz=RATE, channels=names)
    outcome = sort(
        settings=settings((str(path), 0.0, "")), outputs={"sorted": tmp_path / "sorted.nc"}
    )
    warnings: list[str] = []
    taken = take_over(load_units(tmp_path / "sorted.nc"), [], warnings)
    save_units(taken, tmp_path / "units.nc")
    assert load_units(tmp_path / "units.nc").sizes["unit"] == 0
    assert any("no units on the channels" in said for said in warnings)
    assert any("no units on the channels" in said for said in outcome.warnings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": {"sed": 1}}, "did you mean 'seed'?"),
        ({"preprocessing": {"pass_band_hz": [300.0, 8000.0], "reference": "none"}}, "16000"),
    ],
)
def test_what_cannot_be_sorted_is_a_failure_in_words(tmp_path, changes, said):
    path = write_part(tmp_path / "a")
    assert said in failed(tmp_path, settings((path, 0.0, ""), **changes))["reason"]


def test_missing_recordings_and_dead_ones_are_failures_in_words(tmp_path):
    gone = settings((str(tmp_path / "gone"), 0.0, ""))
    assert "1 recording(s) that the tables name are not there" in failed(tmp_path, gone)["reason"]
    dead = settings((write_part(tmp_path / "a", flat=(0, 1, 2, 3)), 0.0, ""))
    assert "no channel that is neither marked bad nor flat" in failed(tmp_path, dead)["reason"]
