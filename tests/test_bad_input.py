"""Each way to break an experiment is refused by name, writes no result, and stops nobody else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bad_input_experiment import EXPERIMENT_CASES, written
from bad_input_files import RECORDING_CASES, SESSION_CASES
from bad_input_sessions import experiment
from troubleshooting import has_entry

from pipeline.errors import ExperimentError
from pipeline.experiment.plain_files import is_formula
from pipeline.steps.extract import extract
from pipeline.steps.guard import guarded, read_status
from pipeline.steps.measure import measure
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import EXTRACTED, MEASURED
from pipeline.steps.settings import extract_settings, measure_settings


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("case", EXPERIMENT_CASES)
def test_experiments(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, case)
    before = files_of(tmp_path)
    with pytest.raises(ExperimentError) as error:
        load_checked(path)
    said = [str(problem) for problem in error.value.problems]
    parts = EXPERIMENT_CASES[case][1]
    assert any(all(part in one for part in parts) for one in said), said
    assert [one for one in said if not has_entry(one)] == []  # of docs/troubleshooting.md
    assert files_of(tmp_path) == before


def run(experiment, name: str, folder: Path) -> dict[str, Path]:
    """Extract a session as the workflow does; the outputs, and what the guard says."""
    (session,) = (s for s in experiment.sessions if s.name == name)
    outputs = {key: folder / Path(path).name for key, path in EXTRACTED.items()}
    settings = extract_settings(experiment, session, {})
    guarded(
        "extract",
        extract,
        settings=settings,
        outputs={key: str(path) for key, path in outputs.items()},
        log=str(folder / "log.txt"),
    )
    return outputs


@pytest.mark.parametrize("case", SESSION_CASES)
def test_sessions(tmp_path, monkeypatch, case):
    make, parts = SESSION_CASES[case]
    monkeypatch.chdir(tmp_path)
    checked = load_checked(experiment(tmp_path, make))
    before = files_of(tmp_path)
    broken = run(checked, "broken", tmp_path / "results" / "broken")
    status = read_status(broken.pop("status"))
    assert status["state"] == "failed"
    # words of our own, not those of Python
    assert not re.match(r"\w+(Error|Exception): ", status["reason"]), status["reason"]
    assert all(part in status["reason"] for part in parts), status["reason"]
    assert has_entry(status["reason"]), f"docs/troubleshooting.md: no entry: {status['reason']}"
    assert not any(path.read_bytes() for path in broken.values())
    sound = run(checked, "sound", tmp_path / "results" / "sound")
    assert read_status(sound["status"])["state"] == "ok"
    new = files_of(tmp_path) - before
    assert all(file.startswith("results") for file in new), new  # no trace of a pickle


def test_what_follows_a_broken_session_is_skipped_and_the_sound_one_measured(tmp_path):
    """Job 2 runs nothing for the broken session; the reason is passed on as it is."""
    checked = load_checked(experiment(tmp_path, RECORDING_CASES["gain of zero"][0]))
    states = {}
    for session in checked.sessions:
        folder = tmp_path / "results" / session.name
        inputs = run(checked, session.name, folder)
        outputs = {key: str(folder / Path(path).name) for key, path in MEASURED.items()}
        upstream = inputs.pop("status")
        guarded(
            "measure",
            measure,
            settings=measure_settings(checked, session),
            outputs=outputs,
            log=str(folder / "log.txt"),
            upstream=str(upstream),
            inputs=inputs,
        )
        states[session.name] = read_status(Path(outputs["status"]))
        size = Path(outputs["observations"]).stat().st_size
        assert (size > 0) == (session.name == "sound")
    assert states["broken"]["state"] == "skipped" and "raw.dat" in states["broken"]["reason"]
    assert states["sound"]["state"] == "ok"


@pytest.mark.parametrize("label", ["+/+", "-/-", "-5", "(+)-MK-801", "a=b", "<b>", "5-HT2A"])
def test_labels_of_labs_are_no_formulas(label):
    """Genotypes, doses, enantiomers; HTML is escaped where it is shown (test_report_*)."""
    assert not is_formula(label)


def test_there_are_at_least_eighty_ways():
    assert len(EXPERIMENT_CASES) + len(SESSION_CASES) >= 80
