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
from experiments import write_experiment, write_table

from pipeline.errors import ExperimentError, InputError
from pipeline.ingest import open_recording
from pipeline.lfp import open_lfp
from pipeline.report.session_page import read_session, write_session_pages
from pipeline.report.session_tables import clock_table, recording_table
from pipeline.simulate.writers import write_openephys, write_phy
from pipeline.spikes import load_units
from pipeline.steps.cohort import completeness
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


# --- clocks --------------------------------------------------------------------------------------

TASK = Path(__file__).resolve().parents[1] / "config" / "tasks" / "light_side.yaml"
COLUMNS = {
    "trial": "n",
    "t_cue": "cue",
    "t_choice": "choice",
    "rule": "rule",
    "cue_side": "light",
    "choice_side": "lever",
}


def cue_times(stop_s: float = 295.0, seed: int = 4) -> np.ndarray:
    """Starts of trials on the recording's clock, as irregular as animals make them."""
    steps = np.random.default_rng(seed).uniform(2.0, 5.0, 200)
    times = 3.0 + np.cumsum(steps)
    return times[times < stop_s]


def to_log(times: np.ndarray, *, zero_s: float = 17.25, ppm: float = 100.0) -> np.ndarray:
    """The log's clock: started 17.25 s after the recording, runs slow by 100 ppm, in ms."""
    return np.round((times - zero_s) / (1 + ppm * 1e-6), 3)


def write_log(path: Path, times: np.ndarray, *, seen: np.ndarray | None = None, **clock) -> Path:
    """A log of trials whose cue also sends a pulse; ``seen`` says which pulses it noted."""
    seen = np.ones(len(times), bool) if seen is None else seen
    cues, choices = to_log(times, **clock), to_log(times + 0.8, **clock)
    rows = [
        {
            "n": number,
            "cue": f"{cue:.3f}",
            "choice": f"{choice:.3f}",
            "rule": "light",
            "light": "left",
            "lever": "left" if number % 3 else "right",
            "pulse": f"{cue:.3f}" if noted else None,
        }
        for number, (cue, choice, noted) in enumerate(zip(cues, choices, seen, strict=True), 1)
    ]
    write_table(path, rows)
    return path


def behaviour(*, sync: Mapping[str, Any] | None = None, **mapping) -> dict[str, Any]:
    """The config's sections on logs; ``sync`` None leaves it out."""
    return {
        "flexibility": {"task": str(TASK)},
        "behaviour": {"formats": {"box": {"columns": COLUMNS, **mapping}}},
        **({"sync": dict(sync)} if sync is not None else {}),
    }


SYNCED = behaviour(sync={"line": 1}, sync_event="pulse")


def pulses_of(times: np.ndarray, start_s: float, stop_s: float) -> list[tuple[int, int, int]]:
    """Pulses of 50 ms on line 1 in a part of the recording, in its samples."""
    inside = times[(times >= start_s) & (times < stop_s - 0.1)] - start_s
    return [(1, samples(t), samples(t + 0.05)) for t in inside]


def write_synced(folder: Path, times: np.ndarray, *, spans=((0.0, STOPPED_S), (RESUMED_S, 300.0))):
    """Parts of a recording with the pulses that it caught."""
    whole = signals()
    for number, (start, stop) in enumerate(spans, 1):
        write_openephys(
            folder / f"part{number}",
            whole[samples(start) : samples(stop)],
            rate_hz=RATE_HZ,
            channels=CHANNELS,
            pulses=pulses_of(times, start, stop),
        )


def worst_ms(trials: pd.DataFrame, times: np.ndarray) -> float:
    errors = np.abs(np.r_[trials["t_cue"] - times, trials["t_choice"] - times - 0.8])
    return 1000 * float(errors.max())


TWO_PARTS = recording_rows(("part1", ""), ("part2", RESUMED_S))
ONE_LOG = {"session": {"behaviour": "log.tsv", "behaviour_format": "box"}}


def test_a_drifting_log_with_lost_pulses_meets_a_recording_in_two_parts(tmp_path):
    """The issue's case: two parts around the injection, 100 ppm, pulses lost on both sides."""
    times = cue_times()
    rng = np.random.default_rng(5)
    caught = np.sort(np.r_[times[rng.random(len(times)) > 0.1], rng.uniform(0, 290, 4)])
    write_synced(tmp_path, caught)
    write_log(tmp_path / "log.tsv", times, seen=rng.random(len(times)) > 0.1)
    run = Run(experiment(tmp_path, config=SYNCED, recordings=TWO_PARTS, **ONE_LOG))
    assert worst_ms(run.trials, times) < 2.0
    (line,) = run.sync["logs"]
    assert line["method"] == "pulses"
    assert len(line["pieces"]) == 1
    assert line["drift_ppm"] == pytest.approx(100, abs=5)
    assert line["n_matched"] > 0.7 * len(times)
    assert line["n_unmatched_recording"] >= 4
    assert 0 < line["residual_median_ms"] <= line["residual_max_ms"] < 2.0
    pulses = run.sync["pulses"]
    assert pulses["n_pulses"] == line["n_recording"] + line["n_doubled_recording"]
    assert (pulses["line"], pulses["edge"], pulses["same_clock"]) == ("1", "rising", True)
    assert pulses["recordings"] == ["part1", "part2"]
    facts = run.outcome.facts
    assert facts["sync"] == "pulses"
    assert facts["sync_drift_ppm"] == round(line["drift_ppm"], 2)
    assert facts["sync_matched"] == line["n_matched"]
    # one of the pulses that the log noted stands in the gap of the recording and finds no partner
    assert line["n_unmatched_behaviour"] >= 5
    # the same log against the same times as declared would be wrong by the drift
    assert worst_ms(run.trials.assign(t_cue=to_log(times) + 17.25), times) > 25


def test_the_falling_edge_and_the_offset_of_the_mapping(tmp_path):
    """Pulses last 50 ms: a log that notes their end; the mapping's own offset has no say."""
    times = cue_times()
    write_synced(tmp_path, times - 0.05, spans=((0.0, 300.0),))
    write_log(tmp_path / "log.tsv", times)
    config = behaviour(
        sync={"line": "1", "edge": "falling"}, sync_event="pulse", time_offset_s=-1000.0
    )
    run = Run(experiment(tmp_path, config=config, recordings=TWO_PARTS[:1], **ONE_LOG))
    assert worst_ms(run.trials, times) < 2.0


def test_a_part_whose_start_was_noted_wrongly_is_told(tmp_path):
    """The log ran through the gap: it knows that part 2 began 0.25 s later than the table says."""
    times = cue_times()
    write_synced(tmp_path, times)
    write_log(tmp_path / "log.tsv", times)
    rows = recording_rows(("part1", ""), ("part2", RESUMED_S - 0.25))
    run = Run(experiment(tmp_path, config=SYNCED, recordings=rows, **ONE_LOG))
    told = [w for w in run.outcome.warnings if "in 2 pieces" in w]
    assert len(told) == 1
    assert "jumps of -250." in told[0] or "jumps of -249." in told[0]
    # trials stay with the samples that were recorded with them
    early, late = times < STOPPED_S, times > RESUMED_S + 10
    trials = run.trials
    assert np.abs(trials["t_cue"][early] - times[early]).max() < 0.002
    assert np.abs(trials["t_cue"][late] - times[late] + 0.25).max() < 0.002


def test_two_logs_each_on_its_own_clock(tmp_path):
    """Box stopped and started again: two logs, two clocks, one row without any start."""
    times = cue_times()
    write_synced(tmp_path, times, spans=((0.0, 300.0),))
    first, second = times[times < 140], times[times > 150]
    write_log(tmp_path / "log1.tsv", first)
    write_log(tmp_path / "log2.tsv", second, zero_s=148.0, ppm=-60.0)
    logs = [
        {"session": "s", "file": f"log{n}.tsv", "format": "box", "task": f"task {n}"}
        for n in (2, 1)
    ]
    config = experiment(tmp_path, config=SYNCED, recordings=TWO_PARTS[:1], behaviours=logs)
    run = Run(config)
    both = np.r_[first, second]
    assert worst_ms(run.trials, both) < 2.0
    assert run.trials["trial"].tolist() == list(range(1, len(both) + 1))
    assert run.trials["task"].iloc[[0, -1]].tolist() == ["task 1", "task 2"]
    assert run.outcome.facts["sync_drift_ppm"][0] == pytest.approx(-60, abs=5)
    assert run.outcome.facts["sync"] == ["pulses", "pulses"]


def test_two_logs_as_declared(tmp_path):
    times = cue_times()
    first, second = times[times < 140], times[times > 150]
    write_log(tmp_path / "log1.tsv", first, ppm=0)
    write_log(tmp_path / "log2.tsv", second, zero_s=148.0, ppm=0)
    write_openephys(tmp_path / "whole", signals(), rate_hz=RATE_HZ, channels=CHANNELS)
    logs = [
        {"session": "s", "file": f"log{n}.tsv", "format": "box", "starts_at_s": start}
        for n, start in ((1, 17.25), (2, 148.0))
    ]
    config = behaviour()
    session = {"recording": "whole"}
    moved = [log | {"file": f"../{log['file']}"} for log in logs]
    whole = {"recording": "../whole"}
    run = Run(experiment(tmp_path / "1", config=config, session=whole, behaviours=moved))
    assert worst_ms(run.trials, np.r_[first, second]) < 0.6
    assert [line["method"] for line in run.sync["logs"]] == ["declared"] * 2
    assert "pulses" not in run.sync
    late = [logs[0], logs[1] | {"starts_at_s": 100.0}]
    with pytest.raises(InputError, match=r"log1.tsv \(.*and log2.tsv \(.*overlap on the session's"):
        Run(experiment(tmp_path, config=config, session=session, behaviours=late))


def test_pulses_that_no_line_is_named_for_are_remarked_upon(tmp_path):
    write_log(tmp_path / "log.tsv", cue_times())
    write_openephys(tmp_path / "part1", signals(), rate_hz=RATE_HZ, channels=CHANNELS)
    config = behaviour(sync_event="pulse")
    run = Run(experiment(tmp_path, config=config, recordings=TWO_PARTS[:1], **ONE_LOG))
    assert "has sync pulses that are not used" in " ".join(run.outcome.warnings)
    assert run.sync["logs"][0]["method"] == "declared"


def no_pulses(folder: Path) -> dict[str, Any]:
    write_synced(folder, np.empty(0), spans=((0.0, 300.0),))
    write_log(folder / "log.tsv", cue_times())
    return {}


def other_line(folder: Path) -> dict[str, Any]:
    write_synced(folder, cue_times(), spans=((0.0, 300.0),))
    write_log(folder / "log.tsv", cue_times())
    return {"config": behaviour(sync={"line": 3}, sync_event="pulse")}


def another_session(folder: Path) -> dict[str, Any]:
    write_synced(folder, cue_times(seed=9), spans=((0.0, 300.0),))
    write_log(folder / "log.tsv", cue_times())
    return {}


def regular_pulses(folder: Path) -> dict[str, Any]:
    write_synced(folder, np.arange(5.0, 295.0, 2.0), spans=((0.0, 300.0),))
    write_log(folder / "log.tsv", np.arange(25.0, 205.0, 2.0))
    return {}


def too_much_drift(folder: Path) -> dict[str, Any]:
    write_synced(folder, cue_times(), spans=((0.0, 300.0),))
    write_log(folder / "log.tsv", cue_times(), ppm=3000.0)
    return {}


UNSYNCED = {
    no_pulses: r"sync.line: found part1: no events; expected pulses on line 1",
    other_line: r"found part1: line 1 of '.*' \(\d\d pulses\); expected pulses on line 3",
    another_session: r"log.tsv.*line 1 of the recording",
    regular_pulses: r"log.tsv.*line 1 of the recording",
    too_much_drift: r"log.tsv.*line 1 of the recording",
}


@pytest.mark.parametrize("case", UNSYNCED, ids=lambda case: case.__name__)
def test_a_clock_that_the_pulses_do_not_tell_fails_the_session(tmp_path, case):
    tables = {"config": SYNCED, "recordings": TWO_PARTS[:1], **ONE_LOG, **case(tmp_path)}
    with pytest.raises(InputError, match=UNSYNCED[case]):
        Run(experiment(tmp_path, **tables))


def test_a_line_without_an_event_is_an_error_of_the_config(tmp_path):
    config = behaviour(sync={"line": 1})
    with pytest.raises(ExperimentError, match=r"sync.line: no mapping.*sync_event"):
        load_checked(experiment(tmp_path, config=config))


def test_a_second_log_that_no_pulse_places_says_when_it_starts(tmp_path):
    logs = [{"session": "s", "file": f"log{n}.tsv", "format": "box"} for n in (1, 2)]
    for config in (behaviour(sync_event="pulse"), SYNCED):  # the latter has no recording
        folder = tmp_path / str(len(config))
        with pytest.raises(ExperimentError, match=r"behaviours.tsv: row 3, column starts_at_s"):
            load_checked(experiment(folder, config=config, behaviours=logs))
    loaded = load_checked(
        experiment(tmp_path / "r", config=SYNCED, behaviours=logs, recordings=TWO_PARTS[:1])
    )
    assert [log["aligned"] for log in extract_settings(loaded, *loaded.sessions, {})["behaviours"]]


def test_the_pass_band_of_the_rig_is_handed_to_extraction(tmp_path):
    for n, (more, expected) in enumerate((({}, None), ({"pass_band_hz": 300}, 300.0))):
        config = {"recording": more} if more else {}
        made = experiment(tmp_path / f"{n}", config=config, recordings=TWO_PARTS[:1])
        loaded = load_checked(made)
        assert extract_settings(loaded, *loaded.sessions, {})["pass_band_hz"] == expected


def test_options_of_sync_rerun_only_sessions_that_use_them(tmp_path):
    for name, session in (("a", ONE_LOG), ("b", {})):
        given = {"recordings": TWO_PARTS[:1], **session}
        loose = {"sync": {"line": 1, "tolerance_ms": 5}}
        configs = [
            experiment(tmp_path / f"{name}{n}", config=SYNCED | more, **given)
            for n, more in enumerate(({}, loose))
        ]
        found = []
        for config in configs:
            loaded = load_checked(config)
            found.append(extract_settings(loaded, *loaded.sessions, {})["sync"])
        assert (found[0] == found[1]) is (name == "b")
        assert (found[0] is None) is (name == "b")


# --- scored behaviour beside trials --------------------------------------------------------------


def test_a_log_of_scored_behaviour_stands_beside_a_log_of_trials(tmp_path):
    """Someone scored the video of the first minutes, while the box wrote its own log."""
    times = cue_times()
    write_synced(tmp_path, times, spans=((0.0, 300.0),))
    write_log(tmp_path / "log.tsv", times)
    bouts = [("Rear", 10, 30), ("Rear", 40, 45)]
    rows = [{"Behavior": name, "Start (s)": a, "Stop (s)": b} for name, a, b in bouts]
    write_table(tmp_path / "video.tsv", rows)
    scored = {"behaviours": {"Rear": "rearing", "Groom": "grooming"}, "observed_s": [0, 100]}
    config = behaviour(sync={"line": 1}, sync_event="pulse")
    config["behaviour"]["formats"]["video"] = {"reader": "scored", "scored": scored}
    logs = [
        {"session": "s", "file": "log.tsv", "format": "box"},
        {"session": "s", "file": "video.tsv", "format": "video", "starts_at_s": 5},
    ]
    run = Run(experiment(tmp_path, config=config, recordings=TWO_PARTS[:1], behaviours=logs))
    assert worst_ms(run.trials, times) < 2.0
    assert [line["method"] for line in run.sync["logs"]] == ["pulses", "declared"]
    shares = run.observations().loc["time_in_state"].loc["baseline"]
    # baseline 0 to 110 s; watched from 5 to 105 s of the session
    assert shares.xs("rearing", level="band")["value"].tolist() == [0.25]
    assert shares.xs("grooming", level="band")["value"].tolist() == [0.0]


def test_a_session_of_scored_behaviour_alone_needs_no_task(tmp_path):
    scored = {"behaviours": {"Rear": "rearing"}, "observed_s": [0, 100]}
    config = {"behaviour": {"formats": {"video": {"reader": "scored", "scored": scored}}}}
    session = {"behaviour": "video.tsv", "behaviour_format": "video"}
    write_table(tmp_path / "video.tsv", [{"Behavior": "Rear", "Start (s)": 1, "Stop (s)": 26}])
    run = Run(experiment(tmp_path, config=config, session=session))
    assert run.files["trials"].stat().st_size == 0
    assert run.outcome.facts["n_bouts"] == 1


# --- where it is shown ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def synced(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("synced")
    times = cue_times()
    write_synced(folder, times[::-1][:-3][::-1])
    write_log(folder / "log.tsv", times)
    return Run(experiment(folder, config=SYNCED, recordings=TWO_PARTS, **ONE_LOG))


def test_the_session_page_tells_of_parts_gaps_and_clocks(synced, tmp_path):
    synced.observations()
    folder = synced.files["sync"].parent
    page = read_session(folder, session="s", animal="r")
    text = [[cell.replace("\xa0", " ") for cell in row] for row in recording_table(page).rows]
    assert text == [
        ["part1", "–", "0.000 s", "115.000 s", "2000 Hz"],
        ["part2", "–", "135.500 s", "300.000 s", "2000 Hz"],
        ["not recorded", "–", "115.000 s", "135.500 s", "–"],
    ]
    (row,) = clock_table(page).rows
    (line,) = synced.sync["logs"]
    cells = [cell.replace("\xa0", " ") for cell in row]
    assert cells[:3] == ["log.tsv", "pulses, offset 17.250 s", str(line["n_matched"])]
    assert cells[3] == f"{line['n_unmatched_behaviour']} of the log, 0 of the recording"
    assert cells[5].endswith(" ppm")
    assert float(cells[5].split()[0]) == pytest.approx(100, abs=5)
    written = write_session_pages([page], tmp_path / "sessions", report=tmp_path / "report")
    html = next(p for p in written if p.name == "session.html").read_text()
    assert "Clocks of the logs" in html
    assert "Recordings on the session" in html


def test_the_table_of_completeness_has_a_column_for_each_figure_of_a_clock(synced):
    status = {"state": "ok", "facts": synced.outcome.facts, "warnings": []}
    kinds = ("recording", "sorting", "behaviour", "movement", "channels")
    settings = {
        "sessions": [{"session": "s", "animal": "r", "exclude": ""}],
        "inputs": [{"session": "s"} | dict.fromkeys(kinds, True)],
    }
    (row,) = completeness({"s": {"extract": status}}, settings).to_dict("records")
    (line,) = synced.sync["logs"]
    assert row["sync"] == "pulses"
    assert row["sync_matched"] == line["n_matched"]
    assert row["sync_unmatched"] == f"{line['n_unmatched_behaviour']} + 0"
    assert row["sync_residual_max_ms"] == round(line["residual_max_ms"], 3) < 2
    assert row["recorded_s"] == 300 - (RESUMED_S - STOPPED_S)
    assert row["n_recordings"] == 2
