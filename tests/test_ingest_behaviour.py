"""Behaviour logs: what spreadsheets do to them survives, what contradicts itself is refused."""

import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import openpyxl
import pandas as pd
import pytest

from pipeline.errors import ExperimentError, InputError
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.ingest import read_behaviour
from pipeline.ingest.adapters import columns as columns_adapter

DATA = Path(__file__).parent / "data"
COLUMNS = {
    "trial": "Trial",
    "time": "t (s)",
    "rule": "Rule",
    "cue_side": "Light",
    "choice_side": "Choice",
    "correct": "Correct",
}
SIDES = {"L": "left", "R": "right"}
VALUES = {
    "cue_side": SIDES,
    "choice_side": {**SIDES, "": "omission"},
    "correct": {1: True, 0: False},
    "rule": {"Light": "light", "Left": "left"},
}
HEADER = "Trial,t (s),Rule,Light,Choice,Correct"
ROWS = ["1,0.5,Light,L,L,1", "2,10.5,Light,R,R,1", "3,20.25,Left,L,R,0", "4,30,Left,R,,0"]


def mapping(**changes):
    return {"columns": COLUMNS, "values": VALUES, **changes}


def log(folder, *rows, header=HEADER, name="log.csv"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(path, **changes):
    return read_behaviour(path, format="box", mapping=mapping(**changes))


def test_committed_log_becomes_the_trial_table():
    table = read(DATA / "trials.csv")
    assert table["trial"].tolist() == list(range(1, 9))
    assert table["t_cue"].tolist() == [0.5, 10.5, 20.25, 30.0, 41.0, 52.5, 60.0, 71.0]
    assert table[["t_init", "t_choice", "t_reward", "latency_choice"]].isna().all(axis=None)
    assert table["rule"].tolist() == ["light"] * 4 + ["left"] * 4
    assert table["cue_side"].tolist() == [{"L": "left", "R": "right"}[s] for s in "LRLRRLRL"]
    assert table["choice_side"].tolist() == ["left", "right", "right", "", "right"] + ["left"] * 3
    assert table["omission"].tolist() == [False] * 3 + [True] + [False] * 4
    # The log scores the omission as 0: an omission is neither correct nor wrong.
    assert table["correct"].isna().tolist() == table["omission"].tolist()
    assert table["correct"].dropna().tolist() == [True, True, False, False, True, True, True]
    assert table["rewarded"].isna().all()
    assert set(table["source_file"]) == {"trials.csv"}
    assert table["source_row"].tolist() == list(range(2, 10))
    assert str(table["correct"].dtype) == "boolean" and table["omission"].dtype == bool


def test_nwb_trials_give_the_same_table():
    columns = {**COLUMNS, "time": "start_time"}
    nwb = read(DATA / "session.nwb", columns=columns, reader="nwb_trials")
    csv = read(DATA / "trials.csv")
    told = ["source_file", "source_row"]
    pd.testing.assert_frame_equal(nwb.drop(columns=told), csv.drop(columns=told))
    assert nwb["source_row"].tolist() == list(range(1, 9))


def test_table_survives_parquet(tmp_path):
    table = read(DATA / "trials.csv")
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)


SPREADSHEETS = {
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "blank rows at the end": lambda text: (text + ",,,,,\n,,,,,,,\n\n").encode(),
    "blanks around cells": lambda text: text.replace(",", " , ").encode(),
    "empty columns at the end": lambda text: text.replace("\n", ",,\n").encode(),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "quotes": lambda text: text.replace("Light", '"Light"').encode(),
    "no line end": lambda text: text.rstrip("\n").encode(),
}


@pytest.mark.parametrize("habit", SPREADSHEETS)
def test_habits_of_spreadsheets_survive(tmp_path, habit):
    text = (DATA / "trials.csv").read_text()
    (tmp_path / "trials.csv").write_bytes(SPREADSHEETS[habit](text))
    pd.testing.assert_frame_equal(read(tmp_path / "trials.csv"), read(DATA / "trials.csv"))


def workbook(folder, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = folder / "log.xlsx"
    book.save(path)
    return path


def typed_rows():
    """The committed log as a spreadsheet holds it: numbers as numbers, blanks as nothing."""
    frame = pd.read_csv(DATA / "trials.csv", keep_default_na=False)
    rows = [[cell if cell != "" else None for cell in row] for row in frame.values.tolist()]
    return [list(frame.columns), *rows]


def test_excel_gives_the_same_table(tmp_path):
    excel = read(workbook(tmp_path, {"rat1": typed_rows()}))
    csv = read(DATA / "trials.csv")
    pd.testing.assert_frame_equal(
        excel.drop(columns="source_file"), csv.drop(columns="source_file")
    )


def test_excel_with_a_sheet_per_animal(tmp_path):
    other = [[*row[:-1], 1] if row[0] == 3 else row for row in typed_rows()]
    path = workbook(tmp_path, {"rat1": typed_rows(), "rat2": other})
    with pytest.raises(InputError, match=r"found sheets 'rat1', 'rat2'; name one under 'sheet'"):
        read(path)
    with pytest.raises(InputError, match=r"'rta2' \(did you mean 'rat2'\?\)"):
        read(path, sheet="rta2")
    (tmp_path / "many").mkdir()
    many = workbook(tmp_path / "many", {f"day {n}": [["a"]] for n in range(9)})
    with pytest.raises(InputError, match=r"'day 5' and 3 more; the mapping asks for 'x'; name one"):
        read(many, sheet="x")
    table = read_behaviour(
        path, format="box", mapping=mapping(sheet="{animal}"), fields={"animal": "rat2"}
    )
    assert table["correct"].tolist()[2] is True


def test_rows_of_one_animal_and_session(tmp_path):
    """One spreadsheet for all animals: the columns of sessions.tsv choose the rows."""
    rows = [f"r{rat},d{day},{row}" for rat in (1, 2) for day in (1, 2) for row in ROWS]
    path = log(tmp_path, *rows, header=f"Rat,Day,{HEADER}")
    chosen = mapping(rows={"Rat": "{animal}", "Day": "{day}"})
    table = read_behaviour(path, format="box", mapping=chosen, fields={"animal": "r2", "day": "d1"})
    assert table["source_row"].tolist() == [10, 11, 12, 13]
    with pytest.raises(InputError, match=r"no row with Rat = 'r3' \(found: r1, r2\) and Day"):
        read_behaviour(path, format="box", mapping=chosen, fields={"animal": "r3", "day": "d1"})
    with pytest.raises(InputError, match=r"found '\{day\}' in '\{day\}'; expected one of animal"):
        read_behaviour(path, format="box", mapping=chosen, fields={"animal": "r3"})


def test_a_field_is_a_name_and_no_expression(tmp_path):
    path = log(tmp_path, *ROWS)
    with pytest.raises(InputError, match=r"no row with Trial = '\{animal.__class__\}'"):
        read_behaviour(
            path,
            format="box",
            mapping=mapping(rows={"Trial": "{animal.__class__}"}),
            fields={"animal": "r1"},
        )


def test_times_in_milliseconds_with_offsets(tmp_path):
    path = log(tmp_path, "1,1000,1500,L,1", "2,2000,2750,R,0", header="Trial,cue,choice,Side,Hit")
    table = read_behaviour(
        path,
        format="box",
        mapping={
            "columns": {
                "trial": "Trial",
                "t_cue": "cue",
                "t_choice": "choice",
                "choice_side": "Side",
                "correct": "Hit",
            },
            "values": {"choice_side": SIDES},
            "time_unit": "ms",
            "time_offset_s": 100,
        },
        starts_at_s=20.0,
    )
    assert table["t_cue"].tolist() == [121.0, 122.0]
    assert np.allclose(table["t_choice"], [121.5, 122.75])
    assert np.allclose(table["latency_choice"], [0.5, 0.75])


def test_logged_latency_wins_and_has_no_offset(tmp_path):
    path = log(tmp_path, "10,250,1", "20,,0", header="t,rt,hit")
    columns = {"time": "t", "latency_choice": "rt", "correct": "hit"}
    table = read_behaviour(
        path,
        format="box",
        mapping={"columns": columns, "time_unit": "ms", "time_offset_s": 5},
    )
    assert table["latency_choice"].tolist()[0] == 0.25 and table["latency_choice"].isna()[1]
    assert table["trial"].tolist() == [1, 2]


def test_without_clock_times_all_times_are_unknown(tmp_path):
    path = log(tmp_path, "left,1", "right,0", header="side,hit")
    table = read_behaviour(
        path, format="box", mapping={"columns": {"choice_side": "side", "correct": "hit"}}
    )
    assert table.filter(like="t_").isna().all(axis=None)
    assert table["trial"].tolist() == [1, 2] and table["correct"].tolist() == [True, False]


def test_a_task_of_one_rule_needs_no_column_of_rules(tmp_path):
    path = log(tmp_path, "left,1", "right,0", header="side,hit")
    columns = {"choice_side": "side", "correct": "hit"}
    table = read_behaviour(path, format="box", mapping={"columns": columns, "rule": "light"})
    assert table["rule"].tolist() == ["light", "light"]
    table = read_behaviour(path, format="box", mapping={"columns": columns})
    assert table["rule"].tolist() == ["", ""]


def test_columns_with_the_names_of_the_table_need_no_mapping(tmp_path):
    header = "trial,t_choice,rule,choice_side,correct,omission,rewarded,weather"
    path = log(tmp_path, "1,5,light,left,1,0,1,sun", "2,9,light,,0,1,,rain", header=header)
    table = read_behaviour(path, format="columns")
    assert table["omission"].tolist() == [False, True]
    assert table["rewarded"].tolist()[0] is True and table["rewarded"].isna()[1]
    assert "weather" not in table


def test_nwb_without_mapping_takes_its_start_times(tmp_path):
    path = Path(shutil.copy(DATA / "session.nwb", tmp_path))
    with pytest.raises(InputError, match=r"found columns start_time.*expected choice_side or"):
        read_behaviour(path, format="nwb_trials")
    with h5py.File(path, "a") as file:
        table = file["intervals/trials"]
        table.move("Correct", "correct")
        names = [str(name) for name in table.attrs["colnames"]]
        table.attrs["colnames"] = ["correct" if name == "Correct" else name for name in names]
    table = read_behaviour(path, format="nwb_trials")
    assert table["t_cue"].tolist()[:2] == [0.5, 10.5] and table["correct"].tolist()[2] is False


def test_columns_to_keep_come_along_as_text(tmp_path):
    path = log(tmp_path, "left,1,high,3", "right,0,,4", header="side,hit,tone,pellets")
    columns = {"choice_side": "side", "correct": "hit"}
    table = read_behaviour(
        path, format="box", mapping={"columns": columns, "keep": ["tone", "pellets"]}
    )
    assert table["tone"].tolist() == ["high", ""] and table["pellets"].tolist() == ["3", "4"]


def test_codes_are_found_however_they_are_written(tmp_path):
    path = log(tmp_path, "l,1.0,TRUE,1", "R,0,false,2.0", header="side,hit,pellet,rule")
    columns = {"choice_side": "side", "correct": "hit", "rewarded": "pellet", "rule": "rule"}
    values = {"choice_side": SIDES, "rule": {1: "light", 2: "left"}}
    table = read_behaviour(path, format="box", mapping={"columns": columns, "values": values})
    assert table["choice_side"].tolist() == ["left", "right"]
    assert table["correct"].tolist() == [True, False]
    assert table["rewarded"].tolist() == [True, False]
    assert table["rule"].tolist() == ["light", "left"]


def test_settings_of_a_job_give_the_same_table():
    """The workflow hands the mapping over as plain data."""
    plain = BehaviourMapping.model_validate(mapping()).model_dump(mode="json")
    again = read_behaviour(DATA / "trials.csv", format="box", mapping=plain)
    pd.testing.assert_frame_equal(again, read(DATA / "trials.csv"))


# --- refused, each with file, row, column, value found and likely cause


def problems_of(path, **changes):
    with pytest.raises(ExperimentError) as error:
        read(path, **changes)
    return [str(problem) for problem in error.value.problems]


BAD_CELLS = {
    "1;10,5;Light;L;L;1": "row 2, column t (s): found '10,5'; expected a decimal point",
    "1;soon;Light;L;L;1": "row 2, column t (s): found 'soon'; expected a number",
    "1;09:12:30;Light;L;L;1": "found '09:12:30'; expected seconds or milliseconds",
    "1;inf;Light;L;L;1": "found 'inf'; expected a finite number",
    "one;1;Light;L;L;1": "row 2, column Trial: found 'one'; expected a number",
    "1.5;1;Light;L;L;1": "row 2, column Trial: found '1.5'; expected the trial's number",
    ";1;Light;L;L;1": "row 2, column Trial: found ''; expected the trial's number",
    "-1;1;Light;L;L;1": "row 2, column Trial: found '-1'; expected the trial's number",
    "1;1;Odor;L;L;1": "row 2, column Rule: found 'Odor'; expected one of 'Light', 'Left'",
    "1;1;Light;M;L;1": "row 2, column Light: found 'M'; expected one of 'L', 'R'",
    "1;1;Light;L;X;1": "row 2, column Choice: found 'X'; expected one of 'L', 'R', ''",
    "1;1;Light;L;L;yes": "row 2, column Correct: found 'yes'; expected one of '1', '0'",
    "1;1;Light;L;L;": "row 2, column Correct: found a blank; expected true or false",
    "1;1;Light;L;;1": "row 2, column Correct: found true; expected false or blank on an omitted",
}


@pytest.mark.parametrize("row", BAD_CELLS)
def test_cells_that_cannot_be_read(tmp_path, row):
    path = log(tmp_path, row, header=HEADER.replace(",", ";"))
    (problem,) = problems_of(path)
    assert problem.startswith("log.csv: ") and BAD_CELLS[row] in problem


def test_all_problems_come_at_once_and_alike_ones_together(tmp_path):
    rows = ['1,"0,5",Light,L,Q,1', '2,"1,5",Light,R,R,1', '3,"2,5",Odor,L,R,0']
    said = problems_of(log(tmp_path, *rows))
    assert len(said) == 3
    assert "row 2, column t (s) (and 2 more rows): found '0,5', '1,5', '2,5'" in said[0]


def test_missing_columns_get_a_hint(tmp_path):
    path = log(tmp_path, *ROWS, header=HEADER.replace("Choice", "Choices").replace("Rule", "R"))
    said = problems_of(path)
    assert len(said) == 2
    assert "expected a column 'Rule'" in said[0]
    assert "expected a column 'Choice' (did you mean 'Choices'?)" in said[1]


def test_missing_columns_of_filter_and_keep(tmp_path):
    said = problems_of(log(tmp_path, *ROWS), rows={"Rat": "1"}, keep=["Tone"])
    assert len(said) == 2 and "'Rat'" in said[0] and "'Tone'" in said[1]


ORDERS = {
    "trial twice": (["1,1,Light,L,L,1", "1,2,Light,L,L,1"], "found trial 1 after 1"),
    "trials restart": (["2,1,Light,L,L,1", "1,2,Light,L,L,1"], "several sessions in one file"),
    "time backwards": (
        ["1,9,Light,L,L,1", "2,2,Light,L,L,1"],
        "row 3, column t (s): found 2 after 9 in row 2; expected times in order",
    ),
}


@pytest.mark.parametrize("kind", ORDERS)
def test_order(tmp_path, kind):
    rows, expected = ORDERS[kind]
    (problem,) = problems_of(log(tmp_path, *rows))
    assert expected in problem


def test_times_of_a_trial_in_the_wrong_order(tmp_path):
    path = log(tmp_path, "5,4,1", "6,7,1", header="cue,choice,hit")
    columns = {"t_cue": "cue", "t_choice": "choice", "correct": "hit"}
    (problem,) = problems_of(path, columns=columns, values={})
    assert "row 2, column choice: found 4; expected 5 or later, the trial's 'cue'" in problem


def test_negative_latency(tmp_path):
    path = log(tmp_path, "-0.5,1", header="rt,hit")
    columns = {"latency_choice": "rt", "correct": "hit"}
    (problem,) = problems_of(path, columns=columns, values={})
    assert "row 2, column rt: found -0.5; expected 0 or more" in problem


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("left,1,1", "side says answered, missed says omitted"),
        (",0,0", "side says omitted, missed says answered"),
    ],
)
def test_choice_against_omission(tmp_path, row, said):
    path = log(tmp_path, row, header="side,missed,hit")
    columns = {"choice_side": "side", "omission": "missed", "correct": "hit"}
    found = problems_of(path, columns=columns, values={})
    assert f"found {said}; expected both to say the same" in found[0]


def test_correct_that_says_omission_against_a_choice(tmp_path):
    path = log(tmp_path, "left,2", header="side,hit")
    columns = {"choice_side": "side", "correct": "hit"}
    values = {"correct": {1: True, 0: False, 2: "omission"}}
    (problem,) = problems_of(path, columns=columns, values=values)
    assert "side says answered, hit says omitted" in problem


def test_header_problems(tmp_path):
    (twice,) = problems_of(log(tmp_path, *ROWS, header=HEADER.replace("Rule", "Light")))
    assert "column 'Light' twice" in twice
    (wide,) = problems_of(log(tmp_path, *ROWS, "5,40,Left,L,L,1,note"))
    assert "row 6: found 7 cells; expected 6 as in the header" in wide


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column names"),
        (HEADER.encode() + b"\n", "no trials below the header"),
        ("Trial,Größe\n".encode("latin-1"), "CSV UTF-8"),
        (b'Trial,"Rule\n1,2\n', "open quotation mark"),
        ((HEADER + "\n1,0.5,Light,L,L,1\n").encode("utf-16"), "UTF-16"),
        (HEADER.encode() + b"\n1,0.5,Li\0ght,L,L,1\n", "line 2: found a NUL byte"),
        (b"<!DOCTYPE html>\n<table><tr><td>1</td></tr></table>", "web page"),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, said):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"log.csv: .*{said}"):
        read(path)


def test_files_that_are_no_logs(tmp_path):
    with pytest.raises(InputError, match=r"not found; check the 'behaviour' column"):
        read(tmp_path / "gone.csv")
    old = tmp_path / "log.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(InputError, match=r"found '.xls'.*save the old .xls as .xlsx"):
        read(old)
    fake = tmp_path / "log.xlsx"
    fake.write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"cannot be read as an Excel workbook"):
        read(fake)
    with pytest.raises(InputError, match=r"found 'colums' \(did you mean 'columns'\?\)"):
        read_behaviour(DATA / "trials.csv", format="colums")


def test_workbook_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(columns_adapter, "LARGEST_WORKBOOK_BYTES", 3_000_000)
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(4_000_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(InputError, match=r"4 MB unpacked; expected at most 3"):
        read(path)


def test_nwb_without_trials(tmp_path):
    path = Path(shutil.copy(DATA / "session.nwb", tmp_path))
    with h5py.File(path, "a") as file:
        file["intervals"].move("trials", "epochs")
    with pytest.raises(InputError, match=r"no table /intervals/trials \(interval tables: epochs\)"):
        read_behaviour(path, format="nwb_trials")


BAD_MAPPINGS = {
    "unknown trial column": ({"columns": {"corect": "x"}}, "did you mean 'correct'"),
    "nothing to score": ({"columns": {"trial": "x"}}, "choice_side or correct"),
    "unknown key": ({"columns": {"correct": "x"}, "sheets": "a"}, "did you mean 'sheet'"),
    "meaning that does not exist": (
        {"columns": {"correct": "x"}, "values": {"correct": {"1": "maybe"}}},
        "'maybe' is not one of True, False",
    ),
    "codes of a number": (
        {"columns": {"correct": "x", "trial": "t"}, "values": {"trial": {"a": "1"}}},
        "numbers and have no codes",
    ),
    "codes of a column not named": (
        {"columns": {"correct": "x"}, "values": {"rule": {"a": "light"}}},
        "columns does not name rule",
    ),
    "time twice": ({"columns": {"correct": "x", "time": "t", "t_cue": "u"}}, "one of the two"),
    "own column of the table": (
        {"columns": {"correct": "x"}, "keep": ["rule"]},
        "name them under 'columns'",
    ),
    "unit": ({"columns": {"correct": "x"}, "time_unit": "min"}, "'s' or 'ms'"),
    "rule twice": ({"columns": {"correct": "x", "rule": "r"}, "rule": "light"}, "not both"),
    "rule of events": (
        {"reader": "pycontrol", "trials": {"start": ["a"], "choice": {"b": "left"}}, "rule": "c"},
        "under trials: first_rule",
    ),
}


@pytest.mark.parametrize("kind", BAD_MAPPINGS)
def test_mappings_that_make_no_sense(kind):
    data, said = BAD_MAPPINGS[kind]
    with pytest.raises(ValueError, match=said):
        BehaviourMapping.model_validate(data)


def test_every_key_of_the_mapping_is_described():
    assert all(field.description for field in BehaviourMapping.model_fields.values())
