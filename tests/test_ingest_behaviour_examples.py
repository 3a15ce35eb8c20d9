"""The mappings that ship under config/behaviour read what they are for."""

from pathlib import Path

import pytest
import yaml
from test_ingest_bpod import session as bpod_session
from test_ingest_bpod import version_5
from test_ingest_fed3 import EVENTS, rows
from test_ingest_fed3 import write as write_fed3
from test_ingest_medpc import padded, session_text
from test_ingest_medpc import write as write_medpc
from test_ingest_pycontrol import V2

from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.ingest.behaviour import read_behaviour, read_pulses
from pipeline.ingest.scored import read_scored

FOLDER = Path(__file__).parent.parent / "config" / "behaviour"
FIELDS = {"animal": "m1", "session": "s1"}


def example(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def read(path, name):
    return read_behaviour(path, format=name, mapping=example(name), fields=FIELDS)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_mapping_with_a_word_of_explanation(path):
    assert path.read_text().startswith("# ")
    BehaviourMapping.model_validate(yaml.safe_load(path.read_text()))


def test_every_reader_has_an_example():
    readers = {example(path.stem)["reader"] for path in FOLDER.glob("*.yaml")}
    field = BehaviourMapping.model_json_schema()["properties"]["reader"]
    assert readers == set(field["enum"])


def test_medpc_set_shifting(tmp_path):
    events = [(50, 90), (100, 1), (250, 11), (300, 20), (320, 40), (1000, 2), (2000, 40)]
    events += [(2100, 32), (3000, 2), (3050, 11), (3060, 40), (4000, 90)]
    letters = {
        "G": len(events),
        "D": padded([float(time) for time, _ in events], 30),
        "E": padded([float(code) for _, code in events], 30),
    }
    path = write_medpc(tmp_path, session_text(letters, subject="m1"))
    table = read(path, "medpc_set_shifting")
    assert table["cue_side"].tolist() == ["left", "right", "right"]
    assert table["choice_side"].tolist() == ["left", "", "left"]
    assert table["correct"].dropna().tolist() == [True, False]
    assert table["rule"].tolist() == ["light", "light", "left"]
    pulses = read_pulses(path, format="x", mapping=example("medpc_set_shifting"), fields=FIELDS)
    assert pulses.tolist() == [0.5, 40.0]


def test_the_set_shifting_mapping_announces_every_rule_of_the_task_beside_it():
    task = yaml.safe_load((FOLDER.parent / "tasks/light_side.yaml").read_text(encoding="utf-8"))
    mapping = yaml.safe_load((FOLDER / "medpc_set_shifting.yaml").read_text(encoding="utf-8"))
    rule = mapping["trials"]["rule"]
    assert set(rule.values()) == set(task["rules"])
    assert set(rule) <= set(mapping["codes"].values())


def test_medpc_outcome_vectors(tmp_path):
    letters = {"K": 2, "L": 2} | {name: padded([0.0, 1, 0], 6) for name in "AC"}
    letters |= {"B": padded([0.0, 1, 0], 6), "D": padded([0.0, 2, 2], 6)}
    text = session_text(letters, subject="m1").replace("Experiment: 0", "Experiment: s1")
    path = write_medpc(tmp_path, text, session_text({"K": 1}, subject="m1"))
    table = read(path, "medpc_outcome_vectors")
    assert table["choice_side"].tolist() == ["left", "", "right", "right"]
    assert table["rule"].tolist() == ["light", "light", "left", "left"]


@pytest.mark.real
def test_medpc_packed(real_data):
    table = read(real_data / "medpc/laubach/ExampleFile1", "medpc_packed")
    assert len(table) == 125 and table["correct"].sum() == 106


def test_pycontrol(tmp_path):
    path = tmp_path / "m1.tsv"
    path.write_text(V2)
    assert read(path, "pycontrol")["rule"].tolist() == ["light", "left", "left"]


def test_bpod(tmp_path):
    table = read(version_5(tmp_path / "s.mat", bpod_session()), "bpod")
    assert table["choice_side"].tolist() == ["left", "", "right"]


def test_fed3(tmp_path):
    table = read(write_fed3(tmp_path, *rows(*EVENTS)), "fed3")
    assert set(table["task"]) == {"reversal"} and len(table) == 5


def test_event_table(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time,code\n1000,10\n1500,21\n1600,30\n9000,10\n30000,22\n40000,10\n40500,22\n")
    table = read(path, "event_table")
    assert table["choice_side"].tolist() == ["left", "", "right"]
    assert table["t_choice"].dropna().tolist() == [1.5, 40.5]


def test_boris_exports(tmp_path):
    header = "Observation id,Subject,Behavior,Behavior type,Time\n"
    path = tmp_path / "b.csv"
    path.write_text(header + "s1,m1,Immobile,START,5\ns1,m1,Immobile,STOP,9\n")
    table = read_scored(path, mapping=example("boris_state_events"), fields=FIELDS)
    assert set(table["behaviour"]) == {"immobility", "swimming", "climbing"}
    header = "Observation id,Subject,Media duration (s),Behavior,Start (s),Stop (s)\n"
    path.write_text(header + "s1,m1,300,Grooming,5,9\n")
    table = read_scored(path, mapping=example("boris_aggregated"), fields=FIELDS)
    assert set(table["stop_s"]) == {300.0, 9.0}
