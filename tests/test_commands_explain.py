"""`python -m pipeline explain`: numbers followed by hand from the observations to the verdicts.

The run is written here, value by value; that the command agrees with a whole run of recordings is
in tests/test_workflow_demo.py.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cohorts import observation, plan, question

from pipeline.__main__ import main
from pipeline.commands.explain_cell import baseline_cells, explained_cell
from pipeline.commands.explain_files import sample_range
from pipeline.commands.explain_run import read_run
from pipeline.compare import build_outcomes, compare
from pipeline.experiment.plan import PlanOutcome
from pipeline.registry import metrics

LEVELS = ("home_cage", "set_shifting")
SESSION = "A0_psilocybin"
#: start of the acute and the baseline epochs of a context, seconds of the session
STARTS = {
    ("baseline", "home_cage"): 0.0,
    ("baseline", "set_shifting"): 40.0,
    ("acute", "home_cage"): 100.0,
    ("acute", "set_shifting"): 160.0,
}
#: change after psilocybin in dB, by context, and what each animal adds to it
CHANGE = {"home_cage": 10.0, "set_shifting": 4.0}
OWN = {"home_cage": (0, 1, -1, 2, -2, 0), "set_shifting": (1, 0, -1, 2, -1, -1)}
#: Hz in 50 s: log2(rate + 0.5 / 50) is 0, 1, 2, 3, 0, 1; a seventh unit is not in the baseline
RATES = (0.99, 1.99, 3.99, 7.99, 0.99, 1.99, 31.99)


def power(animal: int, condition: str, phase: str, context: str) -> list[dict]:
    """Theta power of one cell; of the first animal in two intervals whose weighted mean is it."""
    change = 0.0
    if phase == "acute" and condition == "psilocybin":
        change = CHANGE[context] + OWN[context][animal]
    value, start = 10.0 * 10 ** (change / 10), STARTS[phase, context]
    parts = [(1, start, 30.0, value)]
    if animal == 0 and phase == "acute" and condition == "psilocybin" and context == "home_cage":
        parts = [(1, 100.0, 30.0, 90.0), (2, 140.0, 10.0, 130.0)]
    common = {
        "session": f"A{animal}_{condition}",
        "animal": f"A{animal}",
        "anchor": f"A{animal}.{condition}",
        "condition": condition,
        "period": 1 + (animal + (condition == "vehicle")) % 2,
        "phase": phase,
        "context": context,
    }
    return [
        observation(
            **common,
            metric="band_power",
            band="theta",
            interval=interval,
            start_s=begin,
            stop_s=begin + seconds,
            seconds=seconds,
            value=raw,
        )
        for interval, begin, seconds, raw in parts
    ]


def written(folder: Path) -> Path:
    """A run's tables and the files of one session; returns the folder of the results."""
    rows = [
        row
        for animal in range(6)
        for condition in ("vehicle", "psilocybin")
        for phase in ("baseline", "acute")
        for context in LEVELS
        for row in power(animal, condition, phase, context)
    ]
    here = next(row for row in rows if row["session"] == SESSION) | {"seconds": 50.0}
    for phase in ("baseline", "acute"):
        cell = here | {"phase": phase, "context": "home_cage", "interval": 1}
        of_units = {"metric": "firing_rate", "band": "", "value_unit": "Hz", "entity": "unit"}
        rows += [
            cell
            | of_units
            | {
                "unit_id": str(number),
                "value": rate if phase == "acute" else 0.99,
                "n_effective": round(rate * 50),
                "n_effective_unit": "spikes",
            }
            for number, rate in enumerate(RATES)
            if phase == "acute" or number < 6
        ]
    of_animal = {"region": "", "entity": "animal", "seconds": math.nan, "band": "", "interval": 0}
    cell = here | of_animal | {"phase": "acute", "context": "set_shifting"}
    rows.append(
        cell
        | {"metric": "accuracy", "value": 0.75, "value_unit": "fraction", "n_effective": 40.0}
        | {"n_effective_unit": "trials", "start_s": 160.0, "stop_s": 190.0}
    )
    nothing = {"start_s": math.nan, "stop_s": math.nan, "n_effective": math.nan}
    rows.append(cell | {"metric": "spines", "value": 12.0, "value_unit": ""} | nothing)
    design = plan(
        contexts=LEVELS,
        questions=(question(levels=LEVELS),),
        smallest_effect={},
        declared={"spines": PlanOutcome(label="Spine density")},
        minimum_epoch_s=10.0,
    )
    observations = pd.DataFrame(rows)
    cohort = folder / "results" / "cohort"
    cohort.mkdir(parents=True)
    table = build_outcomes(observations, design, metrics()).table
    compared = compare(table, design, metrics())
    observations.to_parquet(cohort / "observations.parquet")
    table.to_parquet(cohort / "outcomes.parquet")
    compared.contrasts.to_csv(cohort / "contrasts.tsv", sep="\t", index=False)
    compared.verdicts.to_csv(cohort / "verdicts.tsv", sep="\t", index=False)
    record = {
        "plan": design.model_dump(mode="json"),
        "files": {SESSION: [{"file": "raw/continuous.dat", "bytes": 4000}]},
    }
    (cohort / "run.json").write_text(json.dumps(record))
    _session(folder / "results" / "sessions" / SESSION)
    return folder / "results"


def _session(folder: Path) -> None:
    folder.mkdir(parents=True)
    recordings = [
        {"file": "first", "rate_hz": 1000.0, "seconds": 120.0, "starts_at_s": 0.0},
        {"file": "second", "rate_hz": 500.0, "seconds": 100.0, "starts_at_s": 120.5},
    ]
    logs = [{"file": "box.csv", "method": "shared pulses", "offset_s": 2.5}]
    (folder / "sync.json").write_text(json.dumps({"recordings": recordings, "logs": logs}))
    xr.Dataset(
        {"lfp": (("time", "channel"), np.zeros((2, 3), np.float32))},
        coords={
            "channel": ["CH1", "CH2", "CH3"],
            "region": ("channel", ["mPFC", "mPFC", "CA1"]),
            "bad": ("channel", np.array([0, 1, 0], np.int8)),
        },
    ).assign(
        lfp=lambda data: data["lfp"].assign_attrs(rate_hz=1000.0, reference="recorded")
    ).to_netcdf(folder / "lfp.nc", engine="h5netcdf")
    epochs = [
        {"phase": "acute", "context": "home_cage", "anchor": "A0.psilocybin", "start_s": 100.0,
         "stop_s": 130.0, "recorded_s": 30.0, "clean_s": 28.0, "amplitude_s": 2.0, "flat_s": 0.0,
         "saturated_s": 0.0, "burst_s": 0.0}
    ]  # fmt: skip
    pd.DataFrame(epochs).to_csv(folder / "epochs.tsv", sep="\t", index=False)
    trials = [
        {"anchor": "A0.psilocybin", "phase": "acute", "context": "set_shifting",
         "source_file": "box.csv", "source_row": row}
        for row in range(12, 52)
    ]  # fmt: skip
    pd.DataFrame(trials).to_csv(folder / "scored_trials.tsv", sep="\t", index=False)
    (folder / "observations.parquet").write_bytes(b"observations")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("explain"))


@pytest.fixture
def said(results, capsys):
    """What the command prints, its lines stripped, with its exit status first."""

    def run(*arguments: str, of: Path = results) -> list[str]:
        status = main(["explain", *arguments, "--results", str(of)])
        printed = capsys.readouterr()
        return [str(status), *(x.strip() for x in (printed.out + printed.err).splitlines())]

    return run


# --- the arithmetic ------------------------------------------------------------------------------


def test_two_intervals_go_to_decibels_and_the_baseline_is_subtracted(said):
    """(30 x 90 + 10 x 130) / 40 = 100 uV^2 is 20 dB; the baseline, 10 uV^2, is 10 dB."""
    lines = said("band_power/theta@mPFC", "--session", SESSION, "--context", "home_cage")
    assert lines[0] == "0"
    for line in (
        "interval 1, 100 to 130 s of the session (30 s used, 100 windows): 90 uV^2",
        "interval 2, 140 to 150 s of the session (10 s used, 100 windows): 130 uV^2",
        "together, weighted by seconds: (30 x 90 + 10 x 130) / 40 = 100 uV^2",
        "on the scale of comparison: 10 log10(100) = 20",
        "value minus baseline, which is compared: 20 - 10 = 10 dB",
        "stored in cohort/outcomes.parquet: value 20, baseline 10: agrees",
    ):
        assert line in lines, line


def test_units_of_value_and_baseline_alone_are_averaged(said):
    """(0 + 1 + 2 + 3 + 0 + 1) / 6; the seventh unit would have brought log2(32) = 5."""
    lines = said("firing_rate@mPFC", "--session", SESSION, "--phase", "acute")
    assert lines[0] == "0"
    assert "unit 1: on the scale of comparison: log2(1.99 + 0.5 / 50) = 1" in lines
    assert "units that are in value and baseline, which alone count: 6" in lines
    assert "mean over 6 units: (0 + 1 + 2 + 3 + ...) / 6 = 1.166667" in lines
    assert "value minus baseline, which is compared: 1.166667 - 0 = 1.166667 log2" in lines


def test_a_share_of_trials_goes_to_its_logit_and_back_to_the_rows_of_the_log(said):
    lines = said("accuracy", "--session", SESSION)
    assert lines[0] == "0"
    value = f"{math.log(30.5 / 10.5):.7g}"
    assert f"on the scale of comparison: ln((30 + 0.5) / (10 + 0.5)) = {value}" in lines
    assert "log box.csv: clock shared pulses, its 0 is at 2.5 s of the session" in lines
    assert "acute, set_shifting: 40 trials, rows 12 to 51 of box.csv" in lines


def test_a_value_of_the_measurements_table_is_named_by_its_row(said):
    lines = said("spines", "--animal", "A0")
    assert lines[0] == "0"
    assert "a value of measurements.tsv: 12" in lines
    row = "animal A0, session A0_psilocybin, context set_shifting, phase acute, outcome spines"
    assert f"{row}, value 12" in lines


def test_a_contrast_is_the_mean_of_the_animals_differences(said):
    """10 dB in the home cage, 4 dB while shifting: -6 dB, and each animal's own departure."""
    lines = said("band_power/theta@mPFC", "--condition", "psilocybin", "--context", "set_shifting")
    assert lines[0] == "0"
    assert "CONTRAST psilocybin - vehicle in set_shifting, acute: stored 4" in lines
    assert "A0: 5 - 0 = 5" in lines and "A2: 3 - 0 = 3" in lines
    both = "CONTRAST (psilocybin - vehicle in set_shifting) - (the same in home_cage), acute"
    assert f"{both}: stored -6" in lines
    assert "A0: 5 - 0 - 10 + 0 = -5" in lines
    assert "A4: 3 - 0 - 8 + 0 = -5" in lines
    assert "mean of the 6 animals' differences = -6" in lines
    assert "computed again: -6, agrees with the stored estimate" in lines


def test_a_stored_number_that_is_wrong_is_found(results, tmp_path, said):
    copy = Path(shutil.copytree(results, tmp_path / "results"))
    table = pd.read_parquet(copy / "cohort" / "outcomes.parquet")
    here = (table["session"] == SESSION) & (table["outcome"] == "band_power/theta@mPFC")
    table.loc[here & (table["phase"] == "acute"), "value"] += 0.001
    table.to_parquet(copy / "cohort" / "outcomes.parquet")
    lines = said("band_power/theta@mPFC", "--session", SESSION, of=copy)
    assert lines[0] == "1"
    assert any("DOES NOT AGREE with 20 (the files were changed?)" in line for line in lines)
    lines = said(
        *("band_power/theta@mPFC", "--condition", "psilocybin", "--context", "home_cage"), of=copy
    )
    assert lines[0] == "1" and any("DOES NOT AGREE with the stored estimate" in x for x in lines)


def test_a_baseline_of_another_visit_is_found_by_its_anchor(results):
    """A session without one of its own, and the visit before, which belongs to its anchor."""
    run = read_run(results, "band_power/theta@mPFC")
    table = run.outcomes.copy()
    before = (table["session"] == SESSION) & (table["phase"] == "baseline")
    table.loc[before, "session"] = "A0_before"
    table.loc[table["session"] == SESSION, "baseline_source"] = "other session"
    observations = run.observations.copy()
    moved = (observations["session"] == SESSION) & (observations["phase"] == "baseline")
    observations.loc[moved, "session"] = "A0_before"
    fields = vars(run) | {"outcomes": table, "observations": observations}
    run = type(run)(**fields)
    cell = table[(table["session"] == SESSION) & (table["context"] == "home_cage")].iloc[0]
    assert list(baseline_cells(run, cell)["session"]) == ["A0_before"]
    lines, agrees = explained_cell(run, cell)
    assert agrees and "baseline (A0_before, baseline, home_cage):" in lines


# --- files and samples ---------------------------------------------------------------------------


def test_files_samples_channels_and_artefacts_are_named(results, said):
    lines = said("band_power/theta@mPFC", "--session", SESSION, "--context", "home_cage")
    kept = results / "sessions" / SESSION / "observations.parquet"
    digest = hashlib.sha256(b"observations").hexdigest()
    assert any(x.startswith(f"{kept} (12 bytes, ") and x.endswith(f"{digest})") for x in lines)
    assert "raw/continuous.dat (4,000 bytes when it was read)" in lines
    first = "recording first: 1000 samples a second, 120 s, its first sample is at 0 s"
    at = next(n for n, x in enumerate(lines) if x.startswith(first))
    # the epoch from 100 s on runs into the second recording, which starts at 120.5 s
    assert lines[at + 2] == "100 to 130 s: samples 100000 to 119999"
    at = next(n for n, x in enumerate(lines) if x.startswith("recording second: 500 samples"))
    assert lines[at + 1] == "100 to 130 s: samples 0 to 4749"
    assert lines[at + 2] == "140 to 150 s: samples 9750 to 14749"
    assert "channels of mPFC: CH1; bad: CH2" in lines
    cut = "acute, home_cage, 100 to 130 s: 30 s recorded, 28 s clean (cut: amplitude 2 s)"
    assert cut in lines


@pytest.mark.parametrize(
    ("start_s", "stop_s", "expected"),
    [
        (0.0, 1.0, (0, 999)),
        (0.0005, 1.0, (1, 999)),
        (0.3, 0.7, (300, 699)),  # 0.3 * 1000 is not 300 in binary
        (9.5, 20.0, (9500, 9999)),
        (10.0, 20.0, None),
        (-5.0, 0.0, None),
    ],
)
def test_samples_lie_in_the_half_open_stretch(start_s, stop_s, expected):
    found = sample_range(start_s, stop_s, starts_at_s=0.0, seconds=10.0, rate_hz=1000.0)
    assert found == expected


# --- what is asked for ---------------------------------------------------------------------------


def test_the_whole_outcome_is_told_without_a_session(said):
    lines = said("band_power/theta@mPFC")
    assert lines[0] == "0"
    assert "measured in uV^2, compared on the scale dB (dB), the baseline is subtracted" in lines
    assert any(x.startswith("difference of differences  psilocybin") for x in lines)
    omnibus = [x for x in lines if x.startswith("omnibus ")]
    assert omnibus and all(" - " not in x or "any - home_cage" in x for x in omnibus)
    assert any(x.startswith("To follow values to their samples: add --session") for x in lines)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("band_power/teta@mPFC",), "(did you mean 'band_power/theta@mPFC'?)"),
        (("power",), "outcomes with this in their name: band_power/theta@mPFC"),
        (("accuracy", "--animal", "a0"), "--animal: found 'a0' (did you mean 'A0'?)"),
        (("accuracy", "--split", "rest"), "--split: found 'rest'"),
        (("band_power/theta@mPFC", "--animal", "A1", "--session", SESSION), "no value of animal"),
        (
            ("band_power/theta@mPFC", "--condition", "vehicle", "--context", "home_cage"),
            "found no contrast of vehicle in home_cage; expected one of psilocybin in home_cage",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(said, arguments, expected):
    lines = said(*arguments)
    assert lines[0] == "2" and expected in " ".join(lines)


def test_a_folder_without_a_run_is_refused(tmp_path, said):
    lines = said("accuracy", of=tmp_path)
    assert lines[0] == "2" and "found no run.json, outcomes.parquet" in lines[1]
