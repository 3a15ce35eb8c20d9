"""A forced swim test with nothing but scored videos: from the tables to the observations."""

import pandas as pd
import pytest
from experiments import minimal

from pipeline.steps.extract import extract
from pipeline.steps.measure import measure
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import EXTRACTED, MEASURED
from pipeline.steps.settings import extract_settings, measure_settings

SCORED = {
    "reader": "scored",
    "rows": {"Subject": "{animal}"},
    "scored": {
        "behaviours": {"Immobile": "immobility", "Climbing": "climbing"},
        "duration": "Media duration (s)",
    },
}


def test_a_column_of_the_lab_names_the_sheet(tmp_path):
    sessions = [
        {"session": name, "animal": "r1", "start": f"2026-03-{day:02d}T09:00:00", "page": page,
         "behaviour": "box.xlsx", "behaviour_format": "box"}
        for name, day, page in (("s1", 1, "R1 01.03."), ("s2", 8, "R1 08.03."))
    ]  # fmt: skip
    box = {"sheet": "{page}", "rows": {"Rat": "{animal}"}, "columns": {"choice_side": "Choice"}}
    task = {"sides": ["left", "right"], "rules": {"left": "choose left"}}
    task["criterion"] = {"consecutive": 10}
    config = {"behaviour": {"formats": {"box": box}}, "flexibility": {"task": task}}
    experiment = load_checked(minimal(tmp_path, sessions=sessions, config=config))
    for session, page in zip(experiment.included, ("R1 01.03.", "R1 08.03."), strict=True):
        (log,) = extract_settings(experiment, session, {})["behaviours"]
        assert log["mapping"]["sheet"] == page
        assert log["mapping"]["rows"] == {"Rat": "{animal}"}  # the reader's to fill in


def test_scored_videos_come_through_both_steps(tmp_path):
    header = "Subject,Media duration (s),Behavior,Start (s),Stop (s)\n"
    rows = "r1,2400,Immobile,100,340\nr1,2400,Immobile,1000,1300\nr2,2400,Immobile,0,2400\n"
    (tmp_path / "fst.csv").write_text(header + rows)
    sessions = [
        {"session": name, "animal": "r1", "start": f"2026-03-{day:02d}T09:00:00",
         "behaviour": "fst.csv", "behaviour_format": "fst"}
        for name, day in (("s1", 1), ("s2", 8))
    ]  # fmt: skip
    config = {
        "behaviour": {"formats": {"fst": SCORED}},
        "outcomes": {"primary": ["time_in_state/immobility"]},
    }
    experiment = load_checked(minimal(tmp_path, sessions=sessions, config=config))
    session = experiment.included[0]
    paths = {key: tmp_path / key for key in EXTRACTED if key != "status"}
    outcome = extract(settings=extract_settings(experiment, session, {}), outputs=paths)
    assert outcome.facts["n_bouts"] == 2
    outputs = {key: tmp_path / f"{key}.out" for key in MEASURED if key != "status"}
    measure(settings=measure_settings(experiment, session), outputs=outputs, inputs=paths)
    table = pd.read_parquet(outputs["observations"])
    values = table.set_index(["metric", "phase", "band"])["value"]
    assert values["time_in_state", "baseline", "immobility"] == pytest.approx(240 / 480)
    assert values["time_in_state", "acute", "immobility"] == pytest.approx(300 / 1500)
    assert values["time_in_state", "acute", "climbing"] == 0
