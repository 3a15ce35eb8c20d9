"""Logs of events: the rules that make trials, and tables of events (CSV, Excel, BIDS, NWB)."""

import json

import h5py
import numpy as np
import openpyxl
import pytest

from pipeline.errors import ExperimentError, InputError
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.ingest.behaviour import read, read_behaviour, read_pulses

SIDES = {"left": "left", "right": "right"}


def write(folder, *events, name="log.csv", header="t,what,value"):
    path = folder / name
    path.write_text("\n".join([header, *(",".join(map(str, event)) for event in events)]) + "\n")
    return path


def mapping(**rules):
    rules = {"start": "cue", "choice": SIDES} | rules
    events = {"time": "t", "name": "what", "value": "value"}
    return {"events": events, "trials": {k: v for k, v in rules.items() if v is not None}}


def events(text):
    """``cue 1.5`` per word pair, separated by commas."""
    return [(pair.split()[1], pair.split()[0], "") for pair in text.split(",")]


def trials(folder, text, **rules):
    return read(write(folder, *events(text)), "box", mapping(**rules))


def test_choice_is_the_first_before_the_next_start(tmp_path):
    table = trials(tmp_path, "left 0,cue 1,right 2,left 3,cue 4,cue 6,left 6.5")
    assert table["choice_side"].tolist() == ["right", "", "left"]
    assert table["t_cue"].tolist() == [1, 4, 6]
    assert table["latency_choice"].tolist()[::2] == [1, 0.5]
    assert table["omission"].tolist() == [False, True, False]
    assert table["source_row"].tolist() == [3, 6, 7]


def test_a_stop_ends_the_time_for_a_choice(tmp_path):
    table = trials(tmp_path, "cue 1,iti 2,left 3,cue 4,left 5,iti 6", stop="iti")
    assert table["choice_side"].tolist() == ["", "left"]


@pytest.mark.parametrize(("at", "side"), [("3", "left"), ("3.001", ""), ("3.0000000001", "left")])
def test_a_window_ends_the_time_for_a_choice(tmp_path, at, side):
    table = trials(tmp_path, f"cue 1,left {at},cue 9,left 9.5", window_s=2)
    assert table["choice_side"].tolist() == [side, "left"]


def test_premature_choices_do_not_count(tmp_path):
    text = "cue 1,left 1.2,go 2,right 2.5,cue 4,left 4.5,cue 7,go 8,left 9.5"
    table = trials(tmp_path, text, choice_after="go", window_s=1)
    assert table["choice_side"].tolist() == ["right", "", ""]


def test_outcome_reward_and_omission_follow_the_choice(tmp_path):
    text = "cue 1,left 2,good 2.1,pellet 4,cue 5,right 6,bad 6.1,cue 8,missed 12,"
    text += "cue 13,left 14,good 15"
    table = trials(
        tmp_path,
        text,
        correct={"good": True, "bad": False},
        reward="pellet",
        omission="missed",
    )
    assert table["correct"].tolist()[:2] == [True, False] and table["correct"].isna()[2]
    assert table["rewarded"].tolist() == [True, False, False, False]
    assert table["t_reward"].dropna().tolist() == [4]
    assert table["omission"].tolist() == [False, False, True, False]


def test_no_outcome_can_mean_wrong(tmp_path):
    table = trials(
        tmp_path, "cue 1,left 2,good 3,cue 4,left 5,cue 6,cue 8,left 9", correct={"good": 1, "": 0}
    )
    assert table["correct"].tolist()[:2] == [True, False]
    assert table["correct"].isna().tolist() == [False, False, True, False]


def test_cue_init_and_times(tmp_path):
    text = "go 0,light_r 1,in 2,left 3,go 4,light_l 5,in 6,right 7"
    table = trials(
        tmp_path, text, start="go", cue={"light_l": "left", "light_r": "right"}, init="in"
    )
    assert table["cue_side"].tolist() == ["right", "left"]
    assert table["t_cue"].tolist() == [1, 5] and table["t_init"].tolist() == [2, 6]
    table = trials(tmp_path, text, start="go", cue_time="in")
    assert table["t_cue"].tolist() == [2, 6]


def test_rule_in_force_at_the_choice(tmp_path):
    """The box announces the next rule right after the criterion, inside the last trial of a set."""
    text = "cue 1,left 2,to_side 3,cue 4,left 5,cue 6,to_light 7,left 8"
    table = trials(
        tmp_path, text, rule={"to_side": "left", "to_light": "light"}, first_rule="light"
    )
    assert table["rule"].tolist() == ["light", "left", "light"]


def test_variables_and_their_values(tmp_path):
    rows = [
        (0, "rule", "1"),
        (1, "cue", ""),
        (2, "left", ""),
        (2.1, "rule", "2"),
        (3, "cue", ""),
        (4, "left", ""),
    ]
    meaning = mapping(variables={"rule": "rule"}) | {"values": {"rule": {1: "light", 2: "left"}}}
    table = read(write(tmp_path, *rows), "box", meaning)
    assert table["rule"].tolist() == ["light", "left"]


def test_last_trial_without_an_end_is_left_out_and_reported(tmp_path):
    table = trials(tmp_path, "cue 1,left 2,cue 3,lick 3.5")
    assert len(table) == 1
    (warning,) = table.attrs["warnings"]
    assert warning == ("row 4: the log ends in the middle of its last trial, which is left out")
    # With the time for a choice over, or its end logged, the same trial is an omission.
    assert len(trials(tmp_path, "cue 1,left 2,cue 3,lick 6", window_s=2)) == 2
    assert len(trials(tmp_path, "cue 1,left 2,cue 3,iti 6", stop="iti")) == 2
    # A choice whose outcome is missing is no finished trial either.
    assert len(trials(tmp_path, "cue 1,left 2,ok 2,cue 3,left 4", correct={"ok": True})) == 1


def test_pulses_on_the_own_clock(tmp_path):
    path = write(tmp_path, *events("sync 0.5,cue 1,left 2,sync 2.5,cue 3,left 4,sync 4.5"))
    meaning = mapping() | {"sync_event": "sync", "time_offset_s": 100}
    assert read_pulses(path, format="box", mapping=meaning).tolist() == [0.5, 2.5, 4.5]
    table = read_behaviour(path, format="box", mapping=meaning, starts_at_s=10)
    assert table.attrs["pulses_s"] == [0.5, 2.5, 4.5] and table["t_cue"].tolist() == [111, 113]
    with pytest.raises(InputError, match="names no sync_event"):
        read_pulses(path, format="box", mapping=mapping())


def test_pulses_in_a_column_of_trials(tmp_path):
    path = write(tmp_path, (250, 1), (500, 0), ("", 1), (1750, 1), header="ttl,hit")
    meaning = {"columns": {"correct": "hit"}, "sync_event": "ttl", "time_unit": "ms"}
    assert read_pulses(path, format="box", mapping=meaning).tolist() == [0.25, 0.5, 1.75]
    path = write(tmp_path, (250, 1), (250, 0), header="ttl,hit")
    with pytest.raises(InputError, match=r"row 3: found the pulse 'ttl' at 0.25 s after one"):
        read_pulses(path, format="box", mapping=meaning)


def test_attributes_survive_parquet(tmp_path):
    import pandas as pd

    meaning = mapping() | {"sync_event": "cue"}
    table = read(write(tmp_path, *events("cue 1,left 2,cue 3,lick 4")), "box", meaning)
    table.to_parquet(tmp_path / "t.parquet", engine="pyarrow", index=False)
    assert pd.read_parquet(tmp_path / "t.parquet").attrs == table.attrs
    assert table.attrs["pulses_s"] == [1, 3] and len(table.attrs["warnings"]) == 1


BAD_LOGS = {
    "backwards": ("cue 1,left 3,cue 2", {}, "row 4: found 2 s after 3 s; expected times in order"),
    "no start": (
        "kue 1,left 3",
        {},
        "found events kue, left; expected 'cue' (did you mean 'kue'?)",
    ),
    "no choice": ("cue 1,lft 3", {}, "expected 'left' (did you mean 'lft'?)"),
    "time": ("cue 1,left soon", {}, "row 3, column t: found 'soon'; expected a number"),
    "blank time": ("cue 1,left nan", {}, "row 3, column t: found a blank"),
    "comma": ('cue 1,left "1;5"', {}, "expected a number"),
    "nothing finished": ("left 0,cue 1,lick 3", {}, "found no finished trial"),
    "variable": ("cue 1,left 2", {"variables": {"rule": "r"}}, "found none; expected 'r'"),
    "both": (
        "cue 1,left 2,missed 3",
        {"omission": "missed"},
        "choice_side says answered, omission says omitted",
    ),
    "reward of an omission": (
        "cue 1,pellet 2,cue 3,left 4",
        {"reward": "pellet"},
        "column rewarded: found true; expected false or blank on an omitted trial",
    ),
    "no outcome": (
        "cue 1,left 2,cue 3,left 4,good 5",
        {"correct": {"good": True}},
        "row 2, column correct: found a blank; expected true or false",
    ),
}


@pytest.mark.parametrize("kind", BAD_LOGS)
def test_logs_that_contradict_the_rules(tmp_path, kind):
    text, rules, said = BAD_LOGS[kind]
    with pytest.raises(InputError) as error:
        trials(tmp_path, text, **rules)
    assert said in str(error.value) and "log.csv" in str(error.value)


BAD_RULES = {
    "no start": ({"start": None}, "start"),
    "unknown": ({"chioce": SIDES}, "did you mean 'choice'"),
    "nothing scored": ({"choice": None}, "name 'choice' or 'correct'"),
    "twice": ({"printed": {"choice_side": "C"}}, "choice_side is given twice"),
    "column": ({"variables": {"rules": "r"}}, "did you mean 'rule'"),
    "window": ({"choice": None, "correct": {"a": True}, "window_s": 1}, "window_s limits choices"),
    "negative window": ({"window_s": -1}, "greater than 0"),
    "start is stop": ({"stop": ["cue"]}, "start and stop at once"),
    "word for yes": ({"correct": {"a": "maybe"}}, "boolean"),
}


@pytest.mark.parametrize("kind", BAD_RULES)
def test_rules_that_make_no_sense(kind):
    rules, said = BAD_RULES[kind]
    with pytest.raises(ValueError, match=said):
        BehaviourMapping.model_validate(mapping(**rules))


def test_mapping_of_events_survives_the_settings(tmp_path):
    path = write(tmp_path, *events("cue 1,left 2,cue 3,right 4"))
    plain = BehaviourMapping.model_validate(mapping()).model_dump(mode="json")
    assert read(path, "box", json.loads(json.dumps(plain))).equals(read(path, "box", mapping()))


def test_rows_of_one_animal_in_a_table_of_events(tmp_path):
    rows = [("a", 1, "cue"), ("a", 2, "left"), ("b", 1, "cue"), ("b", 3, "right")]
    path = write(tmp_path, *rows, header="rat,t,what")
    meaning = mapping() | {"events": {"time": "t", "name": "what"}, "rows": {"rat": "{animal}"}}
    table = read_behaviour(path, format="box", mapping=meaning, fields={"animal": "b"})
    assert table["choice_side"].tolist() == ["right"]
    meaning["rows"] = {"rats": "b"}
    with pytest.raises(InputError, match=r"rows: found columns rat.*did you mean 'rat'"):
        read(path, "box", meaning)


# --- Excel


def workbook(folder, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    path = folder / "log.xlsx"
    book.save(path)
    return path


def test_events_in_excel(tmp_path):
    path = workbook(tmp_path, [["t", "what", "value"], [1, "cue", None], [2.5, "left", None]])
    assert read(path, "box", mapping())["latency_choice"].tolist() == [1.5]


def test_formulas_without_a_value_are_refused(tmp_path):
    path = workbook(tmp_path, [["side", "hit"], ["left", "=1+0"]])
    meaning = {"columns": {"choice_side": "side", "correct": "hit"}}
    with pytest.raises(InputError, match=r"row 2, column B: found a formula without a value"):
        read(path, "box", meaning)


def test_workbook_with_a_document_type_is_refused(tmp_path):
    import zipfile

    path = workbook(tmp_path, [["side", "hit"], ["left", 1]])
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                data = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + data
            new.writestr(entry, data)
    with pytest.raises(InputError, match="document type declaration"):
        read(bomb, "box", {"columns": {"correct": "hit"}})


def test_one_cell_at_the_end_of_the_sheet_costs_nothing(tmp_path):
    path = workbook(tmp_path, [["side", "hit"], ["left", 1]])
    book = openpyxl.load_workbook(path)
    book.active["A1048576"] = "right"
    book.active["B1048576"] = 0
    book.save(path)
    table = read(path, "box", {"columns": {"choice_side": "side", "correct": "hit"}})
    assert table["source_row"].tolist() == [2, 1048576]


# --- BIDS


def bids(folder, rows, *, name="sub-1_events.tsv", car=None):
    path = folder / name
    path.write_text("\n".join("\t".join(map(str, row)) for row in rows) + "\n")
    if car is not None:
        path.with_suffix(".json").write_text(json.dumps(car))
    return path


BIDS = [
    ["onset", "duration", "trial_type", "response_time", "correct"],
    [1.5, 0.5, "light", 0.25, 1],
    [4, 0.5, "side", "n/a", "n/a"],
    [9, 0.5, "side", 0.75, 0],
]


def bids_mapping():
    columns = {"t_cue": "onset", "rule": "trial_type", "latency_choice": "response_time"}
    values = {"correct": {1: True, 0: False, "n/a": "omission"}}
    return {"reader": "bids", "columns": columns | {"correct": "correct"}, "values": values}


def test_bids_events_with_one_row_per_trial(tmp_path):
    meaning = bids_mapping()
    meaning["values"]["correct"] = {1: True, 0: False, "": "omission"}
    table = read(bids(tmp_path, BIDS), "bids", meaning)
    assert table["t_cue"].tolist() == [1.5, 4, 9] and table["rule"].tolist()[0] == "light"
    assert table["omission"].tolist() == [False, True, False]
    assert table["latency_choice"].dropna().tolist() == [0.25, 0.75]
    own = read(bids(tmp_path, [BIDS[0], BIDS[1], BIDS[3]]), "bids")
    assert own["t_cue"].tolist() == [1.5, 9] and own["correct"].tolist() == [True, False]


def test_bids_side_car_gives_units_and_levels(tmp_path):
    rows = [BIDS[0], [1.5, 0.5, "light", 250, 1], [9, 0.5, "side", 750, 0]]
    car = {"response_time": {"Units": "ms"}, "trial_type": {"Levels": {"light": "", "side": ""}}}
    meaning = bids_mapping() | {"values": {}}
    table = read(bids(tmp_path, rows, car=car), "bids", meaning)
    assert table["latency_choice"].tolist() == [0.25, 0.75]
    car["trial_type"]["Levels"] = {"light": "", "sidE": ""}
    with pytest.raises(InputError, match=r"row 3, column trial_type: found 'side'.*did you mean"):
        read(bids(tmp_path, rows, car=car), "bids", meaning)
    with pytest.raises(InputError, match=r"events.json: response_time: found Units 'min'"):
        read(bids(tmp_path, rows, car={"response_time": {"Units": "min"}}), "bids", meaning)
    with pytest.raises(InputError, match=r"onset: found Units 'ms'; expected s"):
        read(bids(tmp_path, rows, car={"onset": {"Units": "ms"}}), "bids", meaning)
    (tmp_path / "sub-1_events.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        read(tmp_path / "sub-1_events.tsv", "bids", meaning)


def test_bids_events_that_make_trials(tmp_path):
    rows = [["onset", "duration", "trial_type"], [1, 0, "cue"], [2, 0, "left"], [5, "n/a", "cue"]]
    rows += [[6, 0, "right"]]
    meaning = {"reader": "bids", "trials": {"start": "cue", "choice": SIDES}}
    assert read(bids(tmp_path, rows), "bids", meaning)["t_choice"].tolist() == [2, 6]


def test_bids_beh_and_tables_that_are_not(tmp_path):
    path = bids(tmp_path, [["choice_side", "correct"], ["left", 1]], name="sub-1_beh.tsv")
    assert read(path, "bids")["correct"].tolist() == [True]
    with pytest.raises(InputError, match="expected 'onset'"):
        read(bids(tmp_path, [["onsett", "duration"], [1, 2]]), "bids", bids_mapping())
    with pytest.raises(InputError, match=r"expected _events\.tsv"):
        read(bids(tmp_path, BIDS, name="a_events.csv"), "bids", bids_mapping())


# --- NWB


def nwb(folder, tables):
    """The tables as pynwb writes them: one kind of event each."""
    path = folder / "s.nwb"
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.9.0"
        for name, columns in tables.items():
            group = file.create_group(f"events/{name}")
            group.attrs["neurodata_type"] = "EventsTable"
            group.attrs["colnames"] = list(columns)
            for column, values in columns.items():
                group[column] = values
            group["id"] = np.arange(len(next(iter(columns.values()))))
    return path


def nwb_mapping(**more):
    return {"reader": "nwb_events", "trials": {"start": "cue", "choice": SIDES}, **more}


def test_nwb_tables_of_events(tmp_path):
    tables = {
        "left": {"timestamp": [6.5, 2.0], "duration": [0.1, 0.1]},
        "cue": {"timestamp": [1.0, 4.0, 6.0]},
        "right": {"timestamp": [9.0]},
        "ttl": {"timestamp": [0.5, 8.5]},
    }
    path = nwb(tmp_path, tables)
    table = read(path, "nwb", nwb_mapping(sync_event="ttl"))
    assert table["choice_side"].tolist() == ["left", "", "left"]
    assert table["t_choice"].tolist()[::2] == [2, 6.5]
    assert table.attrs["pulses_s"] == [0.5, 8.5]


def test_nwb_names_in_a_column(tmp_path):
    columns = {"timestamp": [1.0, 2.0, 4.0, 4.5], "kind": ["cue", "left", "cue", "right"]}
    path = nwb(tmp_path, {"box": columns})
    named = {"events": {"time": "timestamp", "name": "kind"}, "table": "events/box"}
    assert read(path, "nwb", nwb_mapping(**named))["t_choice"].tolist() == [2, 4.5]
    with pytest.raises(InputError, match=r"expected 'kinds'.*did you mean 'kind'"):
        named["events"] = {"time": "timestamp", "name": "kinds"}
        read(path, "nwb", nwb_mapping(**named))
    with pytest.raises(InputError, match=r"tables of events /events/box; expected 'events/bex'"):
        read(path, "nwb", nwb_mapping(table="events/bex"))
    path = nwb(tmp_path, {"cue": {"timestamp": [1.0, np.nan]}})
    with pytest.raises(InputError, match=r"/events/cue: row 2: found nan; expected a time"):
        read(path, "nwb", nwb_mapping())


def test_nwb_events_as_pynwb_writes_them(tmp_path):
    """Agreement with the reference implementation: what pynwb wrote is read back."""
    from datetime import UTC, datetime

    pynwb = pytest.importorskip("pynwb")
    event = pytest.importorskip("pynwb.event")
    file = pynwb.NWBFile("d", "i", datetime(2024, 1, 1, tzinfo=UTC))
    for name, times in (("cue", [1.0, 4.0]), ("left", [2.0]), ("right", [5.5])):
        table = event.EventsTable(name=name, description=name)
        for time in times:
            table.add_row(timestamp=time)
        file.add_events_table(table)
    path = tmp_path / "p.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    assert read(path, "nwb", nwb_mapping())["t_choice"].tolist() == [2.0, 5.5]


def test_nwb_without_events(tmp_path):
    with pytest.raises(InputError, match="found no EventsTable"):
        read(nwb(tmp_path, {}), "nwb", nwb_mapping())


def test_session_of_events_takes_no_rows(tmp_path):
    with pytest.raises(InputError, match="expected no 'rows'"):
        read(nwb(tmp_path, {}), "nwb", nwb_mapping(rows={"a": "b"}))


def test_all_problems_of_a_table_at_once(tmp_path):
    path = write(tmp_path, ("x", "cue", ""), (1, "", ""), ("", "left", ""))
    with pytest.raises(ExperimentError) as error:
        read(path, "box", mapping())
    assert len(error.value.problems) == 3


def test_a_sync_event_that_a_trial_table_lacks_is_named(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("cue,side\n1.0,left\n2.0,right\n")
    meaning = {"columns": {"t_cue": "cue", "choice_side": "side"}, "sync_event": "puls"}
    with pytest.raises(InputError, match=r"found none of 'puls' among cue, side"):
        read_pulses(path, format="columns", mapping=meaning)
