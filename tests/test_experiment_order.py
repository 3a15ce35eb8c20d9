"""The order of the tables' rows says nothing: sessions come by animal, date and name."""

from __future__ import annotations

from dataclasses import replace

from experiments import minimal, write_table
from workflow_runs import REPOSITORY, rows_of

from pipeline.experiment import load_experiment


def test_sessions_come_by_animal_date_and_name(tmp_path):
    """Animals by number where they have one; dates before names."""
    rows = [
        ("b", "r10", "2026-03-01T09:00"),
        ("s10", "r2", "2026-03-08T09:00"),
        ("s9", "r2", "2026-03-08T09:00"),
        ("z", "r2", "2026-03-01T09:00"),
    ]
    sessions = [{"session": s, "animal": a, "start": t} for s, a, t in rows]
    doses = [{"animal": a, "session": s, "time_s": 600, "drug": "saline"} for s, a, _ in rows]
    contexts = [
        {"session": s, "context": "home_cage", "start_s": 0, "stop_s": 3600} for s, _, _ in rows
    ]
    path = minimal(tmp_path, sessions=sessions, administrations=doses, contexts=contexts)
    assert [one.name for one in load_experiment(path).sessions] == ["z", "s9", "s10", "b"]


def without_lines(experiment):
    sessions = [
        replace(one, line=0, contexts=tuple(replace(c, line=0) for c in one.contexts))
        for one in experiment.sessions
    ]
    return sessions, [replace(one, line=0) for one in experiment.administrations]


def test_rows_backwards_are_the_same_experiment(tmp_path):
    path = minimal(
        tmp_path,
        contexts=[
            {"session": s, "context": "home_cage", "start_s": a, "stop_s": a + 900}
            for s in ("s1", "s2")
            for a in (0, 900, 1800)
        ],
    )
    there = load_experiment(path)
    for table in tmp_path.glob("*.tsv"):
        write_table(table, rows_of(table)[::-1])
    back = load_experiment(path)
    assert without_lines(back) == without_lines(there)
    assert list(back.anchors) == list(there.anchors)
    assert back.plan == there.plan


def test_the_samples_table_stands_in_this_order_already():
    config = REPOSITORY / "config" / "config.yaml"
    listed = [row["session"] for row in rows_of(config.with_name("sessions.tsv"))]
    assert [one.name for one in load_experiment(config).sessions] == listed
