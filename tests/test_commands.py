"""``python -m pipeline check``: all problems and exit status 1, or what was understood."""

from __future__ import annotations

import pytest
import yaml
from experiments import minimal

from pipeline.__main__ import main


def test_a_sound_experiment_is_described(tmp_path, capsys):
    assert main(["check", str(minimal(tmp_path))]) == 0
    said = capsys.readouterr().out
    assert "1 animals, 2 sessions" in said
    assert "does the drug act in home_cage?" in said
    assert "acute, home_cage 1 [psilocybin] 900 to 2400 s" in said
    assert said.endswith("No errors found.\n")


def test_a_broken_one_lists_everything_and_fails(tmp_path, capsys):
    path = minimal(tmp_path)
    table = tmp_path / "contexts.tsv"
    table.write_text(table.read_text().replace("home_cage", "cage"))
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("2 problem(s) in the experiment:")
    assert "contexts.tsv: row 2, column context: found 'cage'" in said
    assert "contexts.tsv: row 3, column context: found 'cage'" in said


WRONG = {
    "band_powr/theta@mPFC": "did you mean 'band_power'",
    "band_power/thta@mPFC": "did you mean 'theta'",
    "band_power@mPFC": "a band, such as band_power/delta@...",
    "band_power/theta": "a region, such as band_power/theta@mPFC",
    "band_power/theta@mPFC": "a region of the channel table",
    "trials_to_criterion@mPFC": "has no regions",
    "trials_to_criterion/theta": "has no bands",
    "a@b@c": "an outcome id such as",
    "latency_choice/corect": "did you mean 'correct'",
    "latency_choice": "a kind, such as latency_choice/",
    "switch_cost/light_to_sid": "a kind of switch_cost",
    "trials_to_criterion_by_direction/theta": "a kind of trials_to_criterion_by_direction",
    "coherence/theta@mPFC~CA1": "the regions by name: coherence/theta@CA1~mPFC",
    "coherence/theta@mPFC": "two regions, such as coherence/...@CA1~mPFC",
    "band_power/theta@CA1~mPFC": "one region: band_power is not measured between regions",
}


@pytest.mark.parametrize("outcome", WRONG)
def test_outcomes_that_nothing_can_give_are_named(tmp_path, capsys, outcome):
    path = minimal(tmp_path)
    config = yaml.safe_load(path.read_text())
    config["outcomes"] = {"primary": [outcome]}
    path.write_text(yaml.safe_dump(config))
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().out
    assert f"config.yaml: outcomes.primary: found '{outcome}'" in said
    assert WRONG[outcome] in said


def test_files_that_are_not_there_are_named_by_cell(tmp_path, capsys):
    path = minimal(
        tmp_path,
        sessions=[
            {"session": "s1", "animal": "r1", "start": "2026-03-01T09:00", "recording": "gone"},
            {"session": "s2", "animal": "r1", "start": "2026-03-08T09:00", "exclude": "no file"},
        ],
    )
    assert main(["check", str(path)]) == 1
    assert "sessions.tsv: row 2, column recording: found 'gone'" in capsys.readouterr().out


def test_cells_files_drugs_and_outcomes_are_all_listed_in_one_look(tmp_path, capsys):
    path = minimal(
        tmp_path,
        sessions=[
            {"session": "s1", "animal": "r1", "start": "1.3.2026", "recording": "gone"},
            {"session": "s2", "animal": "r1", "start": "2026-03-08T09:00"},
        ],
        administrations=[
            {"animal": "r1", "session": "s1", "time_s": 600, "drug": "saline"},
            {"animal": "r1", "session": "s2", "time_s": 600, "drug": "psilocibin"},
        ],
    )
    config = yaml.safe_load(path.read_text())
    config["outcomes"] = {"primary": ["trial_to_criterion"]}
    path.write_text(yaml.safe_dump(config))
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("4 problem(s)")
    for part in ("column start", "did you mean 'psilocybin'", "'gone'", "'trials_to_criterion'"):
        assert part in said
