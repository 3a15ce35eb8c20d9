"""Which files a session is made of, and as what they enter the rules' params."""

from __future__ import annotations

from experiments import minimal

from pipeline.experiment import load_experiment
from pipeline.steps import inputs


def test_files_that_a_rule_makes_are_as_they_lie_once_they_are_made(tmp_path):
    """Snakemake gives them the time of their making; the planned one would look like a change."""
    recorded = tmp_path / "s1.dat"
    sessions = [
        {"session": "s1", "animal": "r1", "start": "2026-03-01T09:00:00",
         "recording": "s1.dat", "recording_format": "neuroscope"},
        {"session": "s2", "animal": "r1", "start": "2026-03-08T09:00:00"},
    ]  # fmt: skip
    experiment = load_experiment(minimal(tmp_path, sessions=sessions))
    session = experiment.included[0]
    (name,) = inputs.named_paths(session)
    place = inputs.resolve(experiment, name)
    planned = {place: 4}
    assert inputs.files_of(experiment, session, planned) == {
        place: [place, 4, inputs.SAMPLE_MTIME_NS]
    }
    recorded.write_bytes(bytes(4))
    made = recorded.stat()
    assert made.st_mtime_ns != inputs.SAMPLE_MTIME_NS
    assert inputs.files_of(experiment, session, planned) == {place: [place, 4, made.st_mtime_ns]}
