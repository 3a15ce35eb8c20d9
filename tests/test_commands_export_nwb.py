"""Export to NWB: what goes in comes out, the inspector is content, and nothing is made up."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import write_table
from mini import BOX, write_full
from nwbinspector import Importance, inspect_nwbfile
from pynwb import NWBHDF5IO
from test_spikes_judgement import options as spike_options
from workflow_runs import REPOSITORY, rows_of

from pipeline.__main__ import main
from pipeline.commands.export_nwb import export_nwb
from pipeline.commands.export_nwb_facts import FACTS, facts_of, parse_facts
from pipeline.commands.export_nwb_signals import LfpBlocks, resolution_s
from pipeline.commands.export_nwb_tables import columns_of, intervals_table, trials_table
from pipeline.errors import ExperimentError, InputError
from pipeline.experiment import load_experiment
from pipeline.experiment.reporting_options import ReportingOptions
from pipeline.ingest import open_recording, read_behaviour, read_events, read_units
from pipeline.lfp import open_lfp
from pipeline.lfp.signal import write_lfp
from pipeline.spikes import load_units, save_units, units_dataset
from pipeline.spikes.judgement import judge_units
from pipeline.steps.epoch_tables import EPOCH_COLUMNS
from pipeline.steps.guard import write_json
from pipeline.steps.unit_tables import write_units_table

FIRST, SECOND = "r1_w0", "r1_w1"
GAP_S = (50.0, 55.0)
RATE_HZ = 100.0
PEOPLE = {"experimenter": "Nose, Ada; Ear, Bo", "institution": "Institute", "lab": "Lab"}
WHEN = {"timezone": "Europe/Rome", "age": "P12W"}
DRUGS = (b"psilocybin", b"ketanserin", b"saline", b"controlgroup", b"activegroup")
#: what the inspector may remark upon: docs/python/nwb.md lists them with the reasons
REMARKS = {"check_single_row"}


def epoch_rows(session: str) -> list[dict]:
    places = (("baseline", "home_cage", 0, 30), ("baseline", "open_field", 30, 59),
              ("acute", "home_cage", 61, 90), ("acute", "open_field", 90, 120))  # fmt: skip
    number = 1 + int(session[-1])
    return [
        dict.fromkeys(EPOCH_COLUMNS, 0.0)
        | {"phase": phase, "context": context, "interval": 1, "anchor": f"{session[:2]}.{number}",
           "step": 1, "start_s": start, "stop_s": stop, "recorded_s": stop - start,
           "kept_fraction": 0.1 * start / 30, "n_bursts": None if start else 3, "n_windows": 4,
           "judgement": "enough"}
        for phase, context, start, stop in places
    ]  # fmt: skip


def write_results(lab: Path, results: Path, session: str) -> None:
    """What the steps would leave of a session with every kind of data, and a pause in it."""
    rng = np.random.default_rng(3)
    folder = results / "sessions" / session
    folder.mkdir(parents=True)
    samples = rng.normal(0, 50, (12_000, 2)).astype(np.float32)
    samples[int(GAP_S[0] * RATE_HZ) : int(GAP_S[1] * RATE_HZ)] = np.nan
    write_lfp(
        folder / "lfp.nc", [samples], n_samples=len(samples), rate_hz=RATE_HZ,
        channels=["CH1", "CH2"], region={"CH1": "mPFC", "CH2": "CA1"}, bad=["CH2"],
        pass_band_hz=40.0, recorded_s=[[0, GAP_S[0]], [GAP_S[1], 120.0]],
        attributes={"reference": "recorded"},
    )  # fmt: skip
    trains = [np.sort(rng.choice(3_600_000, n, replace=False)) / 30_000 for n in (400, 150)]
    units = units_dataset(
        trains, ["A1", "A2"], ["mPFC", "CA1"], ["good", "mua"], channel=["CH1", ""],
        amplitude=[rng.uniform(50, 90, len(train)) for train in trains],
        waveform=rng.normal(0, 40, (2, 60)), waveform_rate_hz=30_000.0, metrics={"snr": [5, 2.5]},
    )  # fmt: skip
    save_units(units, folder / "units.nc")
    judged = judge_units(
        units, [[0.0, 59.0]], options=spike_options(), epochs=[[61.0, 120.0]],
        recorded=[[0.0, 120.0]],
    )  # fmt: skip
    write_units_table(units, judged, folder / "units.tsv")
    trials = read_behaviour(lab / f"{session}_log.csv", format="box", mapping=BOX)
    trials.to_parquet(folder / "trials.parquet")
    speed = pd.read_csv(lab / f"{session}_speed.csv")
    speed.loc[100:120, "speed_cm_s"] = np.nan
    speed.to_parquet(folder / "movement.parquet")
    scored = [
        ("rearing", 3.0, 5.0, "wall", "bout"),
        ("rearing", 9.0, 9.0, "", "bout"),
        ("rearing", 12.0, 12.5, "", "bout"),
        ("rearing", 0.0, 60.0, "", "observed"),
    ]
    columns = ["behaviour", "start_s", "stop_s", "modifier", "kind"]
    pd.DataFrame(scored, columns=columns).to_parquet(folder / "scored.parquet")
    epochs = pd.DataFrame(epoch_rows(session), columns=list(EPOCH_COLUMNS))
    epochs["n_bursts"] = epochs["n_bursts"].astype("Int64")
    epochs.to_csv(folder / "epochs.tsv", sep="\t", index=False)
    write_json(folder / "sync.json", {"recordings": [{"rate_hz": 1000.0}]})
    for step in ("extract", "measure"):
        write_json(folder / f"{step}.status.json", {"state": "ok", "step": step, "reason": ""})
    record = {"code": {"extract": "0123456789abcdef"}, "versions": {"numpy": "2.0"}}
    (results / "cohort").mkdir(exist_ok=True)
    write_json(results / "cohort" / "run.json", record)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> SimpleNamespace:
    """A lab with one session of every kind of data, exported once."""
    folder = tmp_path_factory.mktemp("nwb")
    config = write_full(folder / "lab")
    rows = [{"channel": "CH1", "region": "mPFC", "shank": "1", "bad": "no"},
            {"channel": "CH2", "region": "CA1", "shank": "2", "bad": "yes"}]  # fmt: skip
    write_table(folder / "lab" / "channels.tsv", rows)
    results = folder / "results"
    write_results(folder / "lab", results, SECOND)
    written = export_nwb(
        config, sessions=[SECOND], results=results, out=folder / "nwb", facts=WHEN | PEOPLE
    )
    return SimpleNamespace(
        config=config, results=results, path=written[0], folder=results / "sessions" / SECOND
    )


@pytest.fixture(scope="module")
def nwb(run):
    with NWBHDF5IO(str(run.path), "r") as file:
        yield file.read()


def remarks(path: Path) -> dict[str, set[str]]:
    """Checks of the inspector that have something to say, by weight."""
    found: dict[str, set[str]] = {}
    for message in inspect_nwbfile(nwbfile_path=path):
        found.setdefault(message.importance.name, set()).add(message.check_function_name)
    return found


def test_the_inspector_has_nothing_against_it(run):
    found = remarks(run.path)
    assert set(found) <= {Importance.BEST_PRACTICE_SUGGESTION.name}, found
    assert found.get("BEST_PRACTICE_SUGGESTION", set()) <= REMARKS


def test_subject_and_session(nwb):
    subject = nwb.subject
    assert (subject.subject_id, subject.species, subject.sex, subject.age) == (
        "r1", "Rattus norvegicus", "U", "P12W"
    )  # fmt: skip
    start = datetime(2026, 1, 8, 9, 0, tzinfo=ZoneInfo("Europe/Rome"))
    assert nwb.session_start_time == start == nwb.timestamps_reference_time
    assert list(nwb.experimenter) == ["Nose, Ada", "Ear, Bo"]
    assert (nwb.institution, nwb.lab, nwb.session_id) == ("Institute", "Lab", SECOND)
    assert nwb.experiment_description == "A trial of every kind of data"
    assert "batch: batch 1" in nwb.notes
    assert ["numpy", "2.0"] in nwb.was_generated_by[:].tolist()


def test_lfp_comes_back_with_its_pause(run, nwb):
    lfp, series = open_lfp(run.folder / "lfp.nc"), nwb.processing["ecephys"]["LFP"]["lfp"]
    np.testing.assert_array_equal(series.data[:], lfp.values)
    assert np.isnan(series.data[5000:5500]).all() and np.isfinite(series.data[:5000]).all()
    assert (series.unit, series.conversion, series.rate, series.starting_time) == (
        "volts", 1e-6, RATE_HZ, 0.0
    )  # fmt: skip
    assert series.data.compression == "gzip" and series.filtering == "flat up to 40 Hz"
    gaps = nwb.invalid_times.to_dataframe()
    assert gaps[["start_time", "stop_time"]].to_numpy().tolist() == [list(GAP_S)]


def test_electrodes_say_region_shank_and_which_is_bad(nwb):
    table = nwb.electrodes.to_dataframe()
    assert table["channel_name"].tolist() == ["CH1", "CH2"]
    assert table["location"].tolist() == table["region"].tolist() == ["mPFC", "CA1"]
    assert table["shank"].tolist() == ["1", "2"] and table["is_bad"].tolist() == [False, True]
    assert table["group_name"].tolist() == ["shank 1", "shank 2"]


def test_units_come_back(run, nwb):
    units, table = load_units(run.folder / "units.nc"), nwb.units.to_dataframe()
    borders = np.searchsorted(units["spike_unit"], [1])
    for own, times in zip(
        table["spike_times"], np.split(units["spike_time"], borders), strict=True
    ):
        np.testing.assert_array_equal(own, times)
    assert table["unit_name"].tolist() == ["A1", "A2"]
    assert table["region"].tolist() == ["mPFC", "CA1"]
    assert table["quality"].tolist() == ["good", "mua"] and table["snr"].tolist() == [5, 2.5]
    written = rows_of(run.folder / "units.tsv")
    assert table["kept"].tolist() == [row["kept"] == "yes" for row in written]
    assert table["rate_hz"].tolist() == [float(row["rate_hz"]) for row in written]
    np.testing.assert_allclose(
        np.stack(table["waveform_mean"]), units["waveform"].values * 1e-6, rtol=1e-6
    )
    sizes = np.concatenate(table["spike_amplitudes"].tolist())
    np.testing.assert_array_equal(sizes, units["amplitude"].values)
    assert [len(rows) for rows in table["electrodes"]] == [1, 0]
    assert nwb.units.resolution == pytest.approx(1 / 30_000)


def test_trials_and_epochs_come_back(run, nwb):
    trials, found = pd.read_parquet(run.folder / "trials.parquet"), nwb.trials.to_dataframe()
    assert found["start_time"].tolist() == trials["t_cue"].tolist()
    for name in ("trial", "t_cue", "rule", "cue_side", "choice_side", "source_row"):
        assert found[name].tolist() == trials[name].tolist(), name
    assert found["correct"].tolist() == [True, True, False, True, True, True]
    assert "t_reward" not in found and "rewarded" not in found  # the log has neither
    epochs, cells = pd.read_csv(run.folder / "epochs.tsv", sep="\t"), nwb.epochs.to_dataframe()
    assert cells["start_time"].tolist() == epochs["start_s"].tolist()
    assert cells["stop_time"].tolist() == epochs["stop_s"].tolist()
    for name in ("phase", "context", "anchor", "kept_fraction", "judgement"):
        assert cells[name].tolist() == epochs[name].tolist(), name
    assert set(cells["condition"]) == {"activegroup"} and set(cells["period"]) == {2}
    assert cells["days_since_previous"].tolist() == [7.0] * 4
    assert cells["n_bursts"].iloc[0] == 3 and np.isnan(cells["n_bursts"].iloc[1])
    for table in (nwb.trials, nwb.epochs, nwb.units, nwb.electrodes):
        assert all(column.description for column in table.columns)


def test_doses_contexts_movement_and_scored_behaviour(run, nwb):
    doses = nwb.events["administrations"].to_dataframe()
    assert doses[["timestamp", "drug", "dose_mg_per_kg", "role", "route", "condition"]].to_numpy(
    ).tolist() == [[60.0, "psilocybin", 1.0, "test", "subcutaneous", "activegroup"]]  # fmt: skip
    before = nwb.processing["misc"]["administrations_elsewhere"].to_dataframe()
    assert before[["given", "session", "drug"]].to_numpy().tolist() == [
        ["2026-01-01T09:01:00", FIRST, "saline"]
    ]
    contexts = nwb.intervals["contexts"].to_dataframe()
    assert contexts["start_time"].tolist() == [0, 30, 60, 90]
    assert contexts["context"].tolist() == ["home_cage", "open_field"] * 2
    speed = nwb.processing["behavior"]["BehavioralTimeSeries"]["speed"]
    own = pd.read_parquet(run.folder / "movement.parquet")["speed_cm_s"]
    np.testing.assert_array_equal(speed.data[:], own)
    assert (speed.rate, speed.conversion, speed.unit) == (pytest.approx(10), 0.01, "m/s")
    bouts = nwb.intervals["scored_behaviour"].to_dataframe()
    assert bouts["kind"].tolist() == ["observed", "bout", "bout"]
    assert nwb.events["scored_events"].to_dataframe()["timestamp"].tolist() == [9.0]


def test_our_own_readers_read_it(run):
    """The export is a recording, a sorting and a log like any other."""
    lfp = open_lfp(run.folder / "lfp.nc")
    recording = open_recording(run.path, format="nwb")
    assert recording.channel_ids.tolist() == ["CH1", "CH2"]
    traces = recording.get_traces(return_in_uV=True)
    np.testing.assert_allclose(traces, lfp.values, rtol=1e-6)
    units, found = load_units(run.folder / "units.nc"), read_units(run.path, format="nwb")
    assert list(found.unit_id) == ["A1", "A2"] and list(found.region) == ["mPFC", "CA1"]
    assert list(found.quality) == ["good", "mua"] and list(found.channel) == ["CH1", ""]
    np.testing.assert_array_equal(np.concatenate(found.spike_times), units["spike_time"])
    np.testing.assert_array_equal(np.concatenate(found.amplitude), units["amplitude"])
    np.testing.assert_allclose(found.waveform, units["waveform"], rtol=1e-6)
    assert (found.waveform_units, found.waveform_rate_hz) == ("uV", 30_000.0)
    events = read_events(run.path, format="nwb")
    assert events.loc[events["line"] == "administrations", "t_on"].tolist() == [60.0]
    names = ("trial", "t_cue", "rule", "cue_side", "choice_side", "correct")
    mapping = {"reader": "nwb_trials", "columns": {name: name for name in names}}
    trials = read_behaviour(run.path, format="export", mapping=mapping)
    own = pd.read_parquet(run.folder / "trials.parquet")
    pd.testing.assert_frame_equal(trials[list(names)], own[list(names)])


def test_same_results_same_bytes(run, tmp_path):
    (again,) = export_nwb(
        run.config, sessions=[SECOND], results=run.results, out=tmp_path, facts=WHEN | PEOPLE
    )
    assert again.read_bytes() == run.path.read_bytes()
    content = again.read_bytes()
    assert str(run.results).encode() not in content  # no path of this machine
    assert b"psilocybin" in content and b"activegroup" in content  # which a blind file has not


def test_missing_facts_are_asked_for_at_once(run, tmp_path, capsys):
    arguments = ["export", "nwb", str(run.config), "--results", str(run.results)]
    arguments += ["--out", str(tmp_path / "out"), "--session", SECOND]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert "2 problem(s)" in said and not (tmp_path / "out").exists()
    assert "sessions.tsv: column timezone: found nothing; expected name of the zone" in said
    assert "--set age=..." in said
    assert main([*arguments, "--set", "timezone=Europe/Rom", "--set", "age=12 weeks"]) == 1
    said = capsys.readouterr().out
    assert "--set timezone: found 'Europe/Rom'" in said and "found '12 weeks'" in said
    assert main([*arguments, "--set", "zone=UTC"]) == 1
    assert "found 'zone'; expected one of timezone, age" in capsys.readouterr().out
    assert main([*arguments, "--set", "timezone=UTC", "--set", "date_of_birth=2025-11-01"]) == 0
    assert f"{SECOND}: " in capsys.readouterr().out


def test_columns_of_the_sessions_table_come_first(run, tmp_path):
    lab = Path(run.config).parent
    (tmp_path / "lab").mkdir()
    for name in ("config.yaml", "administrations.tsv", "contexts.tsv", "channels.tsv",
                 "measurements.tsv"):  # fmt: skip
        (tmp_path / "lab" / name).write_text((lab / name).read_text())
    rows = [row | {"age": "P13W", "sex": "female"} for row in rows_of(lab / "sessions.tsv")]
    write_table(tmp_path / "lab" / "sessions.tsv", rows)
    config = yaml.safe_load((tmp_path / "lab" / "config.yaml").read_text())
    config["experiment"]["species"] = "mouse"
    (tmp_path / "lab" / "config.yaml").write_text(yaml.safe_dump(config))
    (path,) = export_nwb(
        tmp_path / "lab" / "config.yaml", results=run.results, out=tmp_path,
        facts=WHEN | PEOPLE, locations={"mPFC": "PL"},
    )  # fmt: skip
    with NWBHDF5IO(str(path), "r") as file:
        nwb = file.read()
        assert (nwb.subject.age, nwb.subject.sex) == ("P13W", "F")
        assert nwb.subject.species == "Mus musculus"
        assert nwb.electrodes["location"].data[:].tolist() == ["PL", "CA1"]
        assert nwb.electrodes["region"].data[:].tolist() == ["mPFC", "CA1"]
    # of mice the inspector wants terms of the Allen atlas: PL is one, mPFC is none
    assert set(remarks(path)) <= {"BEST_PRACTICE_SUGGESTION"}


def test_facts_of_the_config_hold_where_neither_table_nor_command_line_has_them(run, tmp_path):
    """The block of docs/python/nwb.md, word for word."""
    page = (REPOSITORY / "docs" / "python" / "nwb.md").read_text()
    (block,) = [b for b in re.findall(r"```yaml\n(.*?)```", page, re.S) if "time_zone" in b]
    experiment = load_experiment(run.config)
    reporting = ReportingOptions(**yaml.safe_load(block)["reporting"])
    config = experiment.config.model_copy(update={"reporting": reporting})
    experiment = replace(experiment, config=config)
    session = next(one for one in experiment.included if one.name == SECOND)

    def facts(given, **columns):
        own = replace(session, factors={**session.factors, **columns})
        return facts_of(experiment, [own], {"age": "P12W", **given})[SECOND]

    found = facts({})
    assert found.start.tzinfo == ZoneInfo("Europe/Rome")
    assert found.institution == "University of Bologna"
    assert found.lab == "Laboratory of behavioural neuroscience"
    assert found.experimenter == ("Nose, Ada", "Ear, Bo")
    assert facts({"lab": "Other"}).lab == "Other"
    assert facts({"experimenter": "Eye, Cy"}, experimenter="Toe, Di").experimenter == ("Toe, Di",)
    bare = replace(experiment, config=config.model_copy(update={"reporting": ReportingOptions()}))
    with pytest.raises(ExperimentError, match=r"sessions: reporting.time_zone in the config, or"):
        facts_of(bare, [session], {"age": "P12W"})


def test_a_session_with_a_log_without_times_and_units_only(run, tmp_path):
    """No LFP, no movement: steps leave empty files. Such trials are a plain table."""
    write_results(Path(run.config).parent, tmp_path / "results", SECOND)
    folder = tmp_path / "results" / "sessions" / SECOND
    for name in ("lfp.nc", "movement.parquet", "scored.parquet"):
        (folder / name).write_bytes(b"")
    write_json(folder / "sync.json", {"recordings": []})
    trials = pd.read_parquet(folder / "trials.parquet").assign(t_cue=np.nan)
    trials.to_parquet(folder / "trials.parquet")
    (path,) = export_nwb(
        run.config, results=tmp_path / "results", out=tmp_path, facts=WHEN | PEOPLE
    )
    with NWBHDF5IO(str(path), "r") as file:
        nwb = file.read()
        assert nwb.trials is None and nwb.electrodes is None
        table = nwb.processing["behavior"]["trials_without_times"]
        assert table["rule"].data[:].tolist() == trials["rule"].tolist()
        assert "electrodes" not in nwb.units.colnames and len(nwb.units) == 2
        assert nwb.units.resolution == pytest.approx(1 / 30_000)
    assert set(remarks(path)) <= {"BEST_PRACTICE_SUGGESTION"}


def test_what_is_not_finished_is_said(run, tmp_path):
    options = {"results": run.results, "out": tmp_path, "facts": WHEN}
    with pytest.raises(InputError, match=f"session {FIRST}: extract has not run"):
        export_nwb(run.config, sessions=[FIRST], **options)
    with pytest.raises(InputError, match="r2_w0: excluded by the table: file lost"):
        export_nwb(run.config, sessions=["r2_w0"], **options)
    with pytest.raises(InputError, match="found 'r1_w9'"):
        export_nwb(run.config, sessions=["r1_w9"], **options)
    with pytest.raises(InputError, match="expected the results of a finished run"):
        export_nwb(run.config, **options | {"results": tmp_path})
    said: list[str] = []
    written = export_nwb(run.config, say=said.append, **options)
    assert [path.stem for path in written] == [SECOND]
    assert sum("left out, extract has not run" in line for line in said) == 3


def test_a_blind_file_names_no_drug(tmp_path):
    """Codes where the report has codes; drugs, doses, routes and roles are gone."""
    config = write_full(tmp_path / "lab", blind=True)
    write_results(tmp_path / "lab", tmp_path / "results", "r0_w0")
    options = {"results": tmp_path / "results", "out": tmp_path, "facts": WHEN}
    key = tmp_path / "lab" / "blinding.key"
    (path,) = export_nwb(config, **options)
    assert not key.exists()  # only a run makes it; until then nothing is told apart
    with NWBHDF5IO(str(path), "r") as file:
        assert set(file.read().epochs["condition"].data[:]) == {"?"}
    key.write_text(f"made 2026-01-01T00:00:00Z\nkey {'ab' * 32}\n")
    (path,) = export_nwb(config, **options)
    content = path.read_bytes()
    assert not [drug for drug in DRUGS if drug in content]
    with NWBHDF5IO(str(path), "r") as file:
        nwb = file.read()
        (code,) = set(nwb.epochs["condition"].data[:])
        assert code in ("A", "B", "C")
        # two doses: that the first was a pretreatment is not told
        doses = nwb.events["administrations"].to_dataframe()
        assert doses["timestamp"].tolist() == [20.0, 60.0]
        assert list(doses.columns) == ["timestamp", "dosing_context"]
        assert "source_file" not in nwb.trials.colnames
    assert set(remarks(path)) <= {"BEST_PRACTICE_SUGGESTION"}


def test_a_long_lfp_is_never_in_memory_whole():
    """Two hours of 128 channels: 3.7 GB, handed over in pieces of 64 MB at most."""

    class Endless:
        shape, dtype, taken = (7_200_000, 128), np.dtype(np.float32), []

        def __getitem__(self, cut):
            rows, columns = (part.stop - part.start for part in cut)
            self.taken.append(4 * rows * columns)
            return SimpleNamespace(values=np.empty((0, 0), dtype=np.float32))

    lfp = Endless()
    for _ in LfpBlocks(lfp):
        pass
    assert max(lfp.taken) <= 2**26
    assert sum(lfp.taken) == 4 * 7_200_000 * 128


def test_a_trial_lasts_until_the_last_that_is_known_of_it():
    trials = pd.DataFrame(
        {
            "t_cue": [1.0, 10.0, 20.0, 30.0],
            "t_init": [np.nan, 9.5, np.nan, np.nan],
            "t_choice": [np.nan, 12.0, np.nan, np.nan],
            "t_reward": [np.nan, 13.0, np.nan, np.nan],
            "latency_choice": [0.75, 2.0, np.nan, np.nan],
            "correct": pd.array([True, False, None, None], dtype="boolean"),
        }
    )
    table = trials_table(trials, blind=False)
    assert table["start_time"].tolist() == [1.0, 9.5, 20.0, 30.0]
    # the choice by its latency; the reward; an omission lasts until the next; the last: unknown
    assert table["stop_time"].tolist()[:3] == [1.75, 13.0, 30.0]
    assert np.isnan(table["stop_time"][3])
    (correct,) = columns_of(trials[["correct"]], {"correct": "right"})
    assert correct.data.tolist() == [1, 0, -1, -1] and correct.description.startswith(
        "right (1 yes"
    )


def test_intervals_without_length_are_left_out():
    table = pd.DataFrame({"start_time": [5.0, 1.0, 3.0], "stop_time": [6.0, np.nan, 3.0]})
    kept = intervals_table("cells", "cells", table, {})
    assert kept["start_time"].data.tolist() == [1.0, 5.0]
    assert intervals_table("cells", "cells", table.iloc[2:], {}) is None


def test_resolution_is_the_smallest_step_between_spikes():
    assert resolution_s(np.array([1.0, 2.0, 1.25, 2.0 + 1e-12]), [None]) == pytest.approx(0.25)
    assert resolution_s(np.array([1.0, 1.25]), [None, 1000.0]) == 0.001
    assert resolution_s(np.array([1.0]), []) is None


def test_facts_are_those_that_the_page_lists():
    page = (REPOSITORY / "docs" / "python" / "nwb.md").read_text()
    assert not [name for name in FACTS if f"`{name}`" not in page]
    assert parse_facts(["age= P12W ", "lab=A=B"]) == {"age": "P12W", "lab": "A=B"}
    with pytest.raises(InputError, match="expected NAME=VALUE"):
        parse_facts(["age"])
    assert not [name for name in REMARKS if f"`{name}`" not in page]


def test_results_of_other_tables_are_refused(run, tmp_path):
    results = tmp_path / "results"
    write_results(Path(run.config).parent, results, SECOND)
    epochs = results / "sessions" / SECOND / "epochs.tsv"
    epochs.write_text(epochs.read_text().replace("r1.2", "r1.7"))
    with pytest.raises(InputError, match=r"counts from r1\.7, which the table of administrations"):
        export_nwb(run.config, results=results, out=tmp_path, facts=WHEN)
    assert json.loads((results / "cohort" / "run.json").read_text())["code"]
    assert not list(tmp_path.glob("*.nwb"))
