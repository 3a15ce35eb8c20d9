"""A session in several files gives what the same session in one file would give; else it says why.

The truth is one undivided recording; what a lab has are pieces of it, cut where the animal was
injected, and logs on clocks of their own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiments import write_experiment

from pipeline.errors import ExperimentError, InputError
from pipeline.ingest import open_recording
from pipeline.lfp import open_lfp
from pipeline.simulate.writers import write_openephys, write_phy
from pipeline.spikes import load_units
from pipeline.steps.extract import extract
from pipeline.steps.measure import measure
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import EXTRACTED, MEASURED
from pipeline.steps.settings import extract_settings, measure_settings

RATE_HZ = 2000.0
SECONDS = 300
DOSE_S = 120.0
CHANNELS = ["CH1", "CH2"]
#: when the first part stops and the second one starts
STOPPED_S, RESUMED_S = 115.0, 135.5


def signals(seed: int = 0, seconds: float = SECONDS) -> np.ndarray:
    """Noise with theta that grows after the dose, microvolts."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(seed)
    theta = np.sin(2 * np.pi * 8 * times) * np.where(times < DOSE_S, 30, 60)
    return (rng.normal(0, 50, (len(times), 2)) + theta[:, None]).astype(np.float32)


def samples(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def experiment(folder: Path, *, config: Mapping[str, Any] | None = None, **tables) -> Path:
    """Write one session of one rat: home cage, a dose at 120 s; returns the config's path."""
    full = {
        "design": {
            "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "vehicle",
            "contexts": ["home_cage"],
            "phases": {"baseline": [-120, -1], "acute": [1, 180]},
            "handling_s": [-10, 20],
            "minimum_epoch_s": 10,
        },
        **(config or {}),
    }
    session = {"session": "s", "animal": "r", "start": "2026-01-01T09:00"}
    session |= tables.pop("session", {})
    given = {
        "sessions": [session],
        "administrations": [
            {"animal": "r", "session": "s", "time_s": DOSE_S, "drug": "saline"},
        ],
        "contexts": [{"session": "s", "context": "home_cage", "start_s": 0, "stop_s": SECONDS}],
        "channels": [{"channel": name, "region": "mPFC"} for name in CHANNELS],
        **tables,
    }
    return write_experiment(folder, full, **given)


class Run:
    """The two jobs of the session, run without a workflow."""

    def __init__(self, config: Path) -> None:
        loaded = load_checked(config)
        (session,) = loaded.sessions
        base = config.parent / "results"
        base.mkdir()
        self.files = {
            name: base / Path(path).name
            for name, path in (EXTRACTED | MEASURED).items()
            if name != "status"
        }
        settings = extract_settings(loaded, session, {})
        self.outcome = extract(settings=settings, outputs=self.files)
        self.settings = measure_settings(loaded, session)

    @property
    def sync(self) -> dict[str, Any]:
        return json.loads(self.files["sync"].read_text())

    @property
    def trials(self) -> pd.DataFrame:
        return pd.read_parquet(self.files["trials"])

    def observations(self) -> pd.DataFrame:
        """Run the second job as well; values by metric, phase and whatever tells them apart."""
        measure(settings=self.settings, outputs=self.files, inputs=self.files)
        table = pd.read_parquet(self.files["observations"])
        keys = ["metric", "phase", "region", "unit_id", "band"]
        return table.set_index(keys).sort_index()


def recording_rows(*rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    names = ("file", "starts_at_s", "probe", "sorting")
    return [
        {"session": "s", "format": "openephys", **dict(zip(names, row, strict=False))}
        for row in rows
    ]


def write_pieces(folder: Path, **kwargs) -> None:
    """The undivided recording, and its two parts as Open Ephys leaves them after a pause."""
    whole = signals()
    write_openephys(folder / "whole", whole, rate_hz=RATE_HZ, channels=CHANNELS)
    node = "Record Node 101/experiment1"
    spare = folder / "spare"
    cut = {"recording1": (0, STOPPED_S), "recording2": (RESUMED_S, SECONDS)}
    for name, (start, stop) in cut.items():
        piece = whole[samples(start) : samples(stop)]
        write_openephys(
            spare, piece, rate_hz=RATE_HZ, channels=CHANNELS, start_sample=samples(start), **kwargs
        )
        shutil.move(spare / node / "recording1", folder / "paused" / node / name)
    shutil.rmtree(spare)


NODE = "paused/Record Node 101/experiment1"
PARTS = recording_rows((f"{NODE}/recording1", ""), (f"{NODE}/recording2", RESUMED_S))


@pytest.fixture(scope="module")
def pieces(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    write_pieces(folder)
    return folder


@pytest.fixture
def lab(pieces, tmp_path) -> Path:
    """A folder with the recordings, to write tables into."""
    for name in ("whole", "paused"):
        (tmp_path / name).symlink_to(pieces / name)
    return tmp_path


# --- parts ---------------------------------------------------------------------------------------


def test_two_parts_around_an_injection_give_what_one_recording_gives(lab):
    whole = Run(experiment(lab / "1", session={"recording": "../whole"}))
    rows = [row | {"file": f"../{row['file']}"} for row in PARTS]
    parts = Run(experiment(lab / "2", recordings=rows))
    assert parts.sync["gaps_s"] == [[STOPPED_S, RESUMED_S]]
    assert [row["file"] for row in parts.sync["recordings"]] == ["recording1", "recording2"]
    assert parts.outcome.facts["duration_s"] == whole.outcome.facts["duration_s"] == SECONDS
    assert parts.outcome.facts["recorded_s"] == SECONDS - (RESUMED_S - STOPPED_S)
    truth, found = whole.observations(), parts.observations()
    assert list(found.index) == list(truth.index)
    power = found.loc["band_power"]
    # Epochs (0 to 110 s, 140 to 300 s) lie inside the parts, except for the recordings' own ends:
    # the same samples on the same grid.
    assert np.allclose(power["value"], truth.loc["band_power"]["value"], rtol=1e-6)
    assert (power["seconds"] == truth.loc["band_power"]["seconds"]).all()
    theta = power.xs("theta", level="band")["value"]
    assert 10 * np.log10(theta["acute"].iloc[0] / theta["baseline"].iloc[0]) > 3


def test_a_gap_inside_an_epoch_is_time_not_recorded(lab):
    rows = [row | {"file": f"../{row['file']}"} for row in PARTS]
    config = experiment(
        lab / "1",
        recordings=rows,
        administrations=[{"animal": "r", "session": "s", "time_s": 60.0, "drug": "saline"}],
    )
    run = Run(config)
    found = run.observations().loc["band_power"].loc["acute"]
    # 80 to 240 s without the gap, in whole segments of 4 s every 2 s: 34 s (of 35) and 104 s
    assert set(found["seconds"]) == {34.0 + 104.0}
    epochs = pd.read_csv(run.files["epochs"], sep="\t").set_index("phase")
    assert epochs.loc["acute", "recorded_s"] == 160 - (RESUMED_S - STOPPED_S)


def test_a_part_off_the_grid_changes_nothing_that_is_measured(lab, pieces):
    whole = Run(experiment(lab / "1", session={"recording": "../whole"}))
    late = 0.5 / RATE_HZ  # a quarter of an LFP sample
    rows = [row | {"file": f"../{row['file']}"} for row in PARTS]
    rows[1] = rows[1] | {"starts_at_s": RESUMED_S + late}
    parts = Run(experiment(lab / "2", recordings=rows))
    assert [row["off_grid_ms"] for row in parts.sync["recordings"]] == [0.0, 0.75]
    truth, found = whole.observations(), parts.observations()
    ratio = found.loc["band_power"]["value"] / truth.loc["band_power"]["value"]
    assert np.abs(10 * np.log10(ratio)).max() < 0.02


def test_an_interrupted_recording_is_still_refused_with_the_way_out(lab):
    with pytest.raises(InputError, match=r"found 2 separate pieces.*list the pieces in the rec"):
        Run(experiment(lab / "1", session={"recording": "../paused"}))


# --- probes and units ----------------------------------------------------------------------------


def trains(seed: int, stop_s: float) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.sort(rng.uniform(0, stop_s, 4000)) for _ in range(2)]


def test_two_probes_with_their_own_sortings(tmp_path):
    for probe, seed in (("A", 1), ("B", 2)):
        write_openephys(tmp_path / probe, signals(seed), rate_hz=RATE_HZ, channels=CHANNELS)
        write_phy(tmp_path / f"phy{probe}", spike_times_s=trains(seed, 290), rate_hz=RATE_HZ)
    channels = [{"channel": f"A:{c}", "region": "mPFC"} for c in CHANNELS]
    channels += [{"channel": f"B:{c}", "region": "CA1"} for c in CHANNELS]
    rows = recording_rows(("A", 0, "A", "phyA"), ("B", 4.25, "B", "phyB"))
    run = Run(experiment(tmp_path, recordings=rows, channels=channels))
    lfp = open_lfp(run.files["lfp"])
    assert list(lfp["channel"].values) == ["A:CH1", "A:CH2", "B:CH1", "B:CH2"]
    alone = open_recording(tmp_path / "B")
    assert alone.get_num_samples() == samples(SECONDS)
    units = load_units(run.files["units"])
    assert list(units["unit_id"].values) == ["A:0", "A:1", "B:0", "B:1"]
    assert list(units["region"].values) == ["mPFC", "mPFC", "CA1", "CA1"]
    times = [units["spike_time"].values[units["spike_unit"].values == i] for i in range(4)]
    expected = [*trains(1, 290), *(train + 4.25 for train in trains(2, 290))]
    for found, truth in zip(times, expected, strict=True):
        assert np.abs(found - truth).max() <= 0.5 / RATE_HZ + 1e-9
    assert run.outcome.facts["probes"] == ["A", "B"]
    assert "8.5 s that only some of the probes recorded" in " ".join(run.outcome.warnings)
    observed = run.observations().loc["band_power"]
    assert set(observed.index.get_level_values("region")) == {"mPFC", "CA1"}


def test_parts_sorted_as_one_and_parts_sorted_apart(lab):
    truth = [train[(train < STOPPED_S) | (train > RESUMED_S)] for train in trains(3, SECONDS)]
    first = [train[train < STOPPED_S] for train in truth]
    second = [train[train > RESUMED_S] - RESUMED_S for train in truth]
    chained = [np.concatenate(p) for p in zip(first, [t + STOPPED_S for t in second], strict=True)]
    for name, times in (("one", chained), ("apart1", first), ("apart2", second)):
        write_phy(lab / name, spike_times_s=times, rate_hz=RATE_HZ)
    rows = [row | {"file": f"../{row['file']}"} for row in PARTS]
    one = [row | {"sorting": "../one"} for row in rows]
    units = load_units(Run(experiment(lab / "1", recordings=one)).files["units"])
    for index, train in enumerate(truth):
        found = units["spike_time"].values[units["spike_unit"].values == index]
        assert np.abs(found - train).max() <= 0.5 / RATE_HZ + 1e-9
    apart = [row | {"sorting": f"../apart{i}"} for i, row in enumerate(rows, 1)]
    units = load_units(Run(experiment(lab / "2", recordings=apart)).files["units"])
    assert list(units["unit_id"].values) == ["1:0", "1:1", "2:0", "2:1"]
    found = units["spike_time"].values[units["spike_unit"].values == 2]
    assert np.abs(found - truth[0][truth[0] > RESUMED_S]).max() <= 0.5 / RATE_HZ + 1e-9


# --- what the tables must say --------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "a later part without its start": (
        lambda: {"recordings": recording_rows(("whole", ""), ("paused", ""))},
        r"recordings.tsv: row 3, column starts_at_s.*a number: seconds from the session's zero",
    ),
    "a part before zero": (
        lambda: {"recordings": recording_rows(("whole", -5))},
        r"row 2, column starts_at_s: found -5.0; 0 or later",
    ),
    "the same file twice": (
        lambda: {"recordings": recording_rows(("whole", 0), ("whole", 400))},
        r"recordings.tsv: row 3, column session.*once only; it stands in row 2 too",
    ),
    "one sorting for all parts in sessions.tsv": (
        lambda: {
            "recordings": recording_rows(("whole", 0), ("paused", 400)),
            "session": {"sorting": "phy"},
        },
        r"sessions.tsv: row 2, column sorting.*name the sorting of each in the column 'sorting'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_tables_that_leave_the_clock_open_are_refused(tmp_path, case):
    tables, said = REFUSED[case]
    with pytest.raises(ExperimentError, match=said):
        load_checked(experiment(tmp_path, **tables()))


def test_a_missing_part_is_named_where_it_stands(lab):
    from pipeline.steps.inputs import absent_files

    rows = recording_rows(("../whole", 0), ("../gone", 400))
    (problem,) = absent_files(load_checked(experiment(lab / "1", recordings=rows)))
    assert (problem.file, problem.place) == ("recordings.tsv", "row 3, column file")


def test_all_files_of_a_session_are_inputs_of_its_job(lab):
    rows = [row | {"file": f"../{row['file']}"} for row in PARTS]
    write_phy(lab / "phy", spike_times_s=trains(3, 10), rate_hz=RATE_HZ)
    loaded = load_checked(
        experiment(lab / "1", recordings=[row | {"sorting": "../phy"} for row in rows])
    )
    files = {Path(path) for path, _, _ in extract_settings(loaded, loaded.sessions[0], {})["files"]}
    assert {"recording1", "recording2"} <= {part for file in files for part in file.parts}
    assert sum(file.name == "spike_times.npy" for file in files) == 1
