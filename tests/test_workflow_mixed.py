"""Four recording formats and four log formats in one experiment: one truth comes out of each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mixed_experiment import (
    CELLS,
    CHANGE_DB,
    DRIFT_PPM,
    LOG_ZERO_S,
    NOISE_UV,
    RATE_HZ,
    REGIONS,
    RESUMED_S,
    SESSIONS,
    STOPPED_S,
    Session,
    amplitude_uv,
    trials_of,
    write_mixed,
)
from scipy.stats import chi2
from workflow_runs import rows_of, run_snakemake

from pipeline.__main__ import main
from pipeline.registry import metrics as registry

SOUND = [session for session in SESSIONS if not session.broken]
(BROKEN,) = [session for session in SESSIONS if session.broken]
#: what fails it, wherever it is told
CUT = f"{BROKEN.name}.nwb: cannot be read as NWB. Likely cause: the file is truncated"
#: segments of 4 s, half bandwidth 1 Hz: 7 tapers. The correction for the median of noise
#: (chi-square, 14 degrees of freedom) makes a steady sine appear stronger by this factor, 0.21 dB.
OVERCORRECTED = 14 / chi2.median(14)


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """The config of the experiment."""
    return write_mixed(tmp_path_factory.mktemp("mixed") / "lab")


def test_check_names_the_broken_session_only(lab, capsys):
    assert main(["check", str(lab)]) == 1
    said = capsys.readouterr().out
    assert "1 problem(s) in the experiment" in said
    numbered = re.findall(r"^ +\d+\. (.*)$", said, re.MULTILINE)
    assert len(numbered) == 1
    assert CUT in numbered[0]
    assert "recordings.tsv" in numbered[0]
    for session in SOUND:
        count = len(trials_of(session.condition))
        assert re.search(rf"behaviour {session.name}_log\.\w+ \({count} trials\)", said)
    assert not (lab.parent / "results").exists()


def test_check_says_that_a_part_starts_later_than_noted(tmp_path, capsys):
    config = write_mixed(tmp_path / "lab")
    table = config.parent / "recordings.tsv"
    text = table.read_text()
    assert text.count("42.0") == 1 or text.count("\t42\t") == 1
    table.write_text(text.replace("42.0", "43.0").replace("\t42\t", "\t43\t"))
    main(["check", str(config)])
    assert "agree in 2 pieces, with jumps of +1000" in capsys.readouterr().out


# --- the run -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(lab, tmp_path_factory) -> tuple[Path, str]:
    """Results of the workflow, and what it printed; a session that fails makes it end with 1."""
    folder = tmp_path_factory.mktemp("run")
    process = run_snakemake(lab, folder)
    assert process.returncode == 1, process.stderr[-3000:]
    return folder / "results", process.stderr


@pytest.fixture(scope="module")
def results(run) -> Path:
    return run[0]


@pytest.fixture(scope="module")
def observations(results) -> pd.DataFrame:
    """Values without any split, by what tells them apart."""
    table = pd.read_parquet(results / "cohort" / "observations.parquet")
    table = table[table["split"] == ""]
    keys = ["session", "metric", "band", "region", "phase", "context"]
    assert not table.duplicated(keys).any()
    return table.set_index(keys).sort_index()


workflow = pytest.mark.workflow
#: what is said of epochs of 20 to 25 s
SHORT_EPOCHS = re.compile(
    r"\w+, \w+: \d+ s of clean time in whole windows: short, below 60 s"
    r"|[\w\- ]+: no value in .*? needed"
    r"|no aperiodic fit of [^;]*"
)
#: measured in seconds of the log's clock
TIMED = ("latency_choice", "latency_init", "latency_collection", "switch_cost_latency",
         "time_to_criterion", "latency_by_stage")  # fmt: skip
each_sound = pytest.mark.parametrize("session", SOUND, ids=lambda s: f"{s.recording}-{s.log}")


def test_the_experiment_is_as_mixed_as_it_says():
    assert {s.recording for s in SOUND} == {"spikeglx", "openephys", "nwb", "edf"}
    assert {s.log for s in SOUND} == {"medpc", "pycontrol", "bpod", "csv"}
    assert sum(s.synced for s in SOUND) == 2
    assert sum(s.parts for s in SOUND) == 1


@workflow
def test_the_broken_session_is_named_and_the_others_go_on(run):
    results, said = run
    assert "1 session(s) failed and are not in the comparison" in said
    assert CUT in said
    rows = {row["session"]: row for row in rows_of(results / "cohort" / "completeness.tsv")}
    assert len(rows) == len(SESSIONS)
    for session in SOUND:
        row = rows[session.name]
        assert (row["extract"], row["measure"], row["reason"]) == ("ok", "ok", "")
        # Epochs of this small experiment are short, which is warned of, and nothing else is.
        assert SHORT_EPOCHS.sub("", row["warnings"]).strip("; ") == "", row["warnings"]
        assert float(row["n_trials"]) == len(trials_of(session.condition))
        assert row["sync"] == ("pulses" if session.synced else "declared")
    assert (rows[BROKEN.name]["extract"], rows[BROKEN.name]["measure"]) == ("failed", "skipped")
    assert CUT in rows[BROKEN.name]["reason"]


@workflow
def test_the_reason_stands_at_the_top_of_the_report(results):
    page = (results / "report" / "index.html").read_text()
    attention, answer = page.index('id="attention"'), page.index('id="answer"')
    top = page[attention:answer]
    assert f"1 of {len(SESSIONS)} sessions failed" in top
    assert f"<dt>{BROKEN.name}</dt>" in top
    assert CUT in top
    failures, _, _ = top.partition("Warnings.")
    assert not any(f"<dt>{session.name}</dt>" in failures for session in SOUND)
    assert len(list((results / "sessions").glob("*/session.html"))) == len(SESSIONS)


# --- signals -------------------------------------------------------------------------------------


def planted_db(session: Session, region: str, phase: str, context: str) -> float:
    """Power of the sine and of the noise below it, 6 to 10 Hz, dB of microvolts squared."""
    start, _ = CELLS[phase, context]
    amplitude = float(amplitude_uv(session.condition, region, np.array([start]))[0])
    noise = 2 * NOISE_UV**2 / RATE_HZ * 4
    return 10 * np.log10(amplitude**2 / 2 * OVERCORRECTED + noise)


@workflow
@each_sound
def test_band_power_is_that_which_was_planted(observations, session):
    power = 10 * np.log10(observations.loc[session.name].loc["band_power"]["value"])
    for (phase, context), region in ((cell, r) for cell in CELLS for r in REGIONS):
        truth = planted_db(session, region, phase, context)
        found = power.loc["theta", region, phase, context]
        assert found == pytest.approx(truth, abs=0.2), (phase, context, region)
        # white noise from 65 to 98 Hz, where the mask of 50 Hz mains' harmonic begins: 150 degrees
        # of freedom per taper and ten seconds, 0.3 dB of scatter over a cell
        density = 10 * np.log10(2 * NOISE_UV**2 / RATE_HZ * 35)
        assert power.loc["high_gamma", region, phase, context] == pytest.approx(density, abs=0.6)


@workflow
@pytest.mark.parametrize("condition", ["vehicle", "psilocybin"])
def test_formats_agree_among_themselves(observations, condition):
    """Nothing but rounding to 0.2 to 0.8 microvolts and the pause tells the files apart.

    Rounding to 0.76 (SpikeGLX) adds 0.22 microvolts to 20 of noise: a standard deviation of
    0.016 dB in delta, the band that scatters most. A gain wrong by 1 % would be 0.09 dB.
    """
    group = [s for s in SOUND if s.condition == condition]
    power = {
        s.name: 10 * np.log10(observations.loc[s.name].loc["band_power"]["value"]) for s in group
    }
    reference = power[next(s for s in group if not s.parts).name]
    for session in group:
        found = power[session.name]
        assert list(found.index) == list(reference.index)
        paused = np.zeros(len(found), bool)
        if session.parts:
            cells = zip(
                found.index.get_level_values("phase"),
                found.index.get_level_values("context"),
                strict=True,
            )
            paused = np.array(
                [CELLS[c][0] < RESUMED_S and CELLS[c][1] > STOPPED_S for c in cells], bool
            )
            assert 0 < paused.sum() < len(paused)
        difference = np.abs(found - reference).to_numpy()
        assert difference[~paused].max() < 0.05, session
        # one second of twenty less, so other segments of the same noise; few hertz scatter most
        strong = found.index.get_level_values("band") == "theta"
        assert not (paused & strong).any() or difference[paused & strong].max() < 0.1, session


# --- trials --------------------------------------------------------------------------------------


@workflow
@each_sound
def test_trials_are_those_that_were_planted(results, session):
    table = pd.read_parquet(results / "sessions" / session.name / "trials.parquet")
    truth = trials_of(session.condition)
    assert table["trial"].tolist() == [t.number for t in truth]
    assert table["rule"].tolist() == [t.rule for t in truth]
    assert table["cue_side"].tolist() == [t.cue for t in truth]
    assert table["choice_side"].tolist() == [t.side for t in truth]
    assert table["omission"].tolist() == [t.side == "" for t in truth]
    made = np.array([t.choice_s is not None for t in truth])
    assert table["correct"][made].tolist() == [t.correct for t in truth if t.side]
    # logs round to 1 ms; without its pulses a log of this drift would be wrong by 17 ms at the end
    limit = 1.5e-3 if session.synced else 1e-3
    assert np.abs(table["t_cue"] - [t.cue_s for t in truth]).max() < limit
    chosen = [t.choice_s for t in truth if t.choice_s is not None]
    assert np.abs(table["t_choice"][made] - chosen).max() < limit
    assert table["t_choice"][~made].isna().all()


@workflow
@each_sound
def test_accuracy_per_cell_is_that_of_the_planted_choices(observations, session):
    found = observations.loc[session.name].loc["accuracy"]["value"]
    for (phase, context), (start, stop) in CELLS.items():
        inside = [t for t in trials_of(session.condition) if start <= t.cue_s < stop and t.side]
        truth = sum(t.correct for t in inside) / len(inside)
        assert found.loc["", "", phase, context] == pytest.approx(truth)


@workflow
@pytest.mark.parametrize("condition", ["vehicle", "psilocybin"])
def test_every_log_format_gives_every_metric_of_behaviour_alike(observations, condition):
    names = [s.name for s in SOUND if s.condition == condition]
    metrics = observations.index.get_level_values("metric")
    # when the reward was taken stands in some of the formats only
    of_trials = [
        name
        for name, metric in registry().items()
        if "trials" in metric.needs and name != "latency_collection"
    ]
    behaviour = observations[metrics.isin(of_trials)]["value"]
    timed = behaviour.index.get_level_values("metric").isin(TIMED)
    first = behaviour.loc[names[0]]
    assert {"accuracy", "omissions", "trials_to_criterion"} <= set(first.index.unique("metric"))
    for name in names[1:]:
        pd.testing.assert_series_equal(behaviour[~timed].loc[name], behaviour[~timed].loc[names[0]])
        # clocks of the logs: ticks of 2 ms (MED-PC), milliseconds (pyControl, Bpod)
        pd.testing.assert_series_equal(
            behaviour[timed].loc[name], behaviour[timed].loc[names[0]], rtol=0, atol=0.003
        )


# --- clocks --------------------------------------------------------------------------------------


@workflow
@each_sound
def test_clocks_of_the_logs(results, session):
    sync = json.loads((results / "sessions" / session.name / "sync.json").read_text())
    (log,) = sync["logs"]
    assert sync["gaps_s"] == ([[STOPPED_S, RESUMED_S]] if session.parts else [])
    assert len(sync["recordings"]) == (2 if session.parts else 1)
    if not session.synced:
        assert log["method"] == "declared"
        return
    count = len(trials_of(session.condition))
    assert log["method"] == "pulses"
    assert (log["n_behaviour"], log["n_recording"], log["n_matched"]) == (count,) * 3
    assert log["n_unmatched_behaviour"] == log["n_unmatched_recording"] == 0
    # 1 ms of rounding on 27 pulses over 80 s leaves the rate known to 2 ppm (standard error)
    assert log["drift_ppm"] == pytest.approx(DRIFT_PPM, abs=8)
    (piece,) = log["pieces"]
    assert piece["intercept"] == pytest.approx(LOG_ZERO_S["pulses"], abs=1e-3)
    assert 0 < log["residual_median_ms"] <= log["residual_max_ms"] < 1.1
    assert sync["pulses"]["line"] == "6"


# --- the comparison ------------------------------------------------------------------------------


@workflow
def test_the_planted_interaction_is_estimated_across_formats(results):
    verdicts = pd.read_csv(results / "cohort" / "verdicts.tsv", sep="\t")
    whole = verdicts["split"].isna()
    chosen = verdicts[(verdicts["outcome"] == "band_power/theta@mPFC") & whole]
    (found,) = chosen.to_dict("records")
    assert found["interaction_estimate"] == pytest.approx(CHANGE_DB, abs=0.1)
    assert found["interaction_ci_low"] - 0.1 < CHANGE_DB < found["interaction_ci_high"] + 0.1
