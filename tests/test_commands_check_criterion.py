"""The criterion of the config against the runs after which the box changed its rules."""

import pandas as pd
import pytest

from pipeline.commands.check_criterion import other_criterion, runs_before_changes
from pipeline.experiment.task import Task

WORDS = {"+": "correct", "-": "error", "o": "omission", "u": "unscored"}


def scored(*sets):
    """Trials of sets written as texts: + correct, - error, o omission, u unscored."""
    rows = [
        {"set_index": 0 if mark == "u" else number, "outcome": WORDS[mark]}
        for number, text in enumerate(sets, 1)
        for mark in text
    ]
    return pd.DataFrame(rows)


def task(consecutive=10, **more):
    rules = {"light": "follow cue", "left": "choose left"}
    return Task(rules=rules, criterion={"consecutive": consecutive}, **more)


def test_runs_of_hand_worked_sets():
    trials = scored("uu+-+++", "+++", "-", "++o+", "+++++")
    assert runs_before_changes(trials, omissions_break=False) == [3, 3, 0, 3]
    assert runs_before_changes(trials, omissions_break=True) == [3, 3, 0, 1]
    assert runs_before_changes(trials.iloc[:0], omissions_break=False) == []


@pytest.mark.parametrize("wanted", [4, 10])  # the box's 6 is more, and less, than the config's
def test_a_box_with_another_criterion_is_told(wanted):
    trials = scored("-++++++", "++++++", "+-++++++", "--", "-+o+++++", "+")  # the 4th: the dose
    found, expected = other_criterion(trials, task(wanted))
    assert found == "4 of 5 changes of rule just after 6 correct choices in a row"
    assert expected.startswith(f"{wanted}, the criterion of the task (flexibility.task.criterion)")


@pytest.mark.parametrize(
    ("sets", "settings"),
    [
        (("-++++++", "++++++", "+-++++++", "+"), {"consecutive": 6}),  # as declared
        (("-++++++", "++++++", "-"), {}),  # two changes only
        (("-+++++", "+-++++", "---+++", "++-+++", "+"), {}),  # blocks of six trials
        (("+-", "-+-", "--", "+"), {}),  # no runs
        (("-++++++", "++++++", "+-++++++", "+"), {"criterion": {"m": 7, "of": 8}}),
    ],
)
def test_nothing_is_said_without_evidence(sets, settings):
    declared = {"criterion": {"consecutive": settings.get("consecutive", 10)}} | settings
    declared.pop("consecutive", None)
    rules = {"light": "follow cue", "left": "choose left"}
    assert other_criterion(scored(*sets), Task(rules=rules, **declared)) is None
