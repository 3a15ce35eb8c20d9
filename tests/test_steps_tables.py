"""Copies of tables for people: nothing lost, nothing runs, the same bytes for the same input."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pytest

from pipeline.compare import read_contrasts
from pipeline.compare.tables import CONTRASTS
from pipeline.report import spreadsheet
from pipeline.report.downloads import download_groups
from pipeline.report.spreadsheet import Sheet, write_spreadsheet
from pipeline.report.table_list import BY_NAME, GROUPS
from pipeline.steps.column_types import TYPES
from pipeline.steps.paths import (
    BEHAVIOUR_TABLES,
    COHORT_TABLES,
    COPIED,
    SHUFFLES,
    SPECTRA_TABLES,
    SPIKE_TABLES,
    TABLE_COPIES,
)
from pipeline.steps.tables import tables
from pipeline.steps.typed import read_typed, write_text

HOSTILE = '=HYPERLINK("http://x")'


def contrasts(priorities):
    """One row per priority; every column holds something of its type."""
    made = {"str": "a", "int64": 3, "Int64": 3, "float64": 0.25, "bool": True}
    rows = [
        {name: made[kind] for name, kind in CONTRASTS.items()} | {"priority": p, "outcome": p}
        for p in priorities
    ]
    return pd.DataFrame(rows)


def write_inputs(folder):
    """Every table of a cohort, most of them empty, as a run without some data has them."""
    outcomes = pd.DataFrame(
        {
            "outcome": ["firing_rate@mPFC", "cv2@CA1", HOSTILE],
            "priority": ["primary", "exploratory", "secondary"],
            "animal": ["007", "008", "NA"],
            "n_prior_doses": pd.array([1, None, 0], dtype="Int64"),
            "value": [1 / 3, 2.0, np.nan],
            "censored": [True, False, False],
        }
    )
    given = {
        "observations": pd.DataFrame({"session": ["s1"], "value": [0.1]}),
        "outcomes": outcomes,
        "contrasts": contrasts(["primary", "exploratory"]),
        "completeness": pd.DataFrame(
            {
                "session": ["007"],
                "reason": ["bad\x07bell"],
                "n_trials": ["416.0"],
                "bad_channels": ["3"],
            }
        ),
        "modulation": pd.DataFrame(
            {"session": ["1"], "unit_id": ["4"], "dose_mg_per_kg": [1.5], "step": [1], "call": [-1]}
        ),
    }
    inputs = {}
    for key, place in COPIED.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        table = given.get(key, pd.DataFrame({"session": []}))
        if path.suffix == ".parquet":
            table.to_parquet(path, index=False)
        elif key == "units":
            path.write_text("")  # a run without units
        else:
            table.to_csv(path, sep="\t", index=False)
        inputs[key] = str(path)
    return SimpleNamespace(**inputs)


def run_tables(folder, to):
    outputs = {key: to / place for key, place in TABLE_COPIES.items()}
    for path in outputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    tables(
        inputs=write_inputs(folder),
        outputs=SimpleNamespace(**{key: str(path) for key, path in outputs.items()}),
        settings={"title": "Test"},
    )
    return outputs


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    return run_tables(tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out"))


def rows_of(path, sheet):
    book = openpyxl.load_workbook(path)
    return [[cell.value for cell in row] for row in book[sheet].iter_rows()]


def test_every_text_table_is_copied_typed_and_declared_for_the_page():
    assert set(TYPES) == set(COPIED) - {"observations", "outcomes"}
    for place in COPIED.values():
        table = BY_NAME[place.rpartition("/")[2].partition(".")[0]]
        assert place == f"results/cohort/{table.name}{table.first}"
    for key, place in TABLE_COPIES.items():
        if key != "spreadsheet":
            table = BY_NAME[place.rpartition("/")[2].partition(".")[0]]
            assert place == f"results/cohort/{table.name}{table.copy}"
    assert set(BEHAVIOUR_TABLES) <= set(COPIED) and set(SPIKE_TABLES) & set(COPIED)
    assert all(len(table.sheet) <= 31 for table in BY_NAME.values())


def test_numbers_are_numbers_and_names_stay_names(copies):
    sessions = pd.read_parquet(copies["completeness"])
    assert sessions.loc[0, "session"] == "007" and sessions.loc[0, "bad_channels"] == "3"
    assert str(sessions["n_trials"].dtype) == "Int64" and sessions.loc[0, "n_trials"] == 416
    units = pd.read_parquet(copies["modulation"]).loc[0]
    assert (units["unit_id"], units["dose_mg_per_kg"], units["call"]) == ("4", 1.5, -1)
    tested = pd.read_parquet(copies["contrasts"])
    assert tested["estimate"].tolist() == [0.25, 0.25] and tested["singular"].dtype == "bool"
    assert pd.read_parquet(copies["units"]).empty


def test_text_copies_hold_every_digit(copies):
    text = pd.read_csv(copies["outcomes"], sep="\t", dtype=str, keep_default_na=False)
    assert text["animal"].tolist() == ["007", "008", "NA"]
    assert float(text.loc[0, "value"]) == 1 / 3
    assert text["n_prior_doses"].tolist() == ["1", "", "0"]
    assert len(pd.read_csv(copies["observations"], sep="\t")) == 1


def test_sheets_hold_declared_outcomes_and_the_first_says_so(copies):
    names = openpyxl.load_workbook(copies["spreadsheet"]).sheetnames
    assert names[0] == "read me"
    declared = [t.sheet for _, group in GROUPS for t in group if t.sheet]
    assert names[1:] == declared
    _, first, second = rows_of(copies["spreadsheet"], "outcomes")
    assert first == ["firing_rate@mPFC", "primary", "007", 1, 1 / 3, True]
    assert second == [HOSTILE, "secondary", "NA", 0, None, False]
    assert [row[3] for row in rows_of(copies["spreadsheet"], "contrasts")] == [
        "priority",
        "primary",
    ]
    said = [" ".join(map(str, row)) for row in rows_of(copies["spreadsheet"], "read me")]
    assert any(line.startswith("outcomes 2 ") and "primary and secondary" in line for line in said)
    for name in ("Observations", "Outcomes: exploratory outcomes", "Scored trials"):
        assert any(line.startswith(name) and "results/cohort/" in line for line in said), name
    assert any(line.startswith("priority ") and "exploratory" in line for line in said)
    assert not any(line.startswith("verdict ") for line in said)  # no such column here


def test_no_cell_runs_and_nothing_breaks_the_file(copies):
    book = openpyxl.load_workbook(copies["spreadsheet"])
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "n", "b", "inlineStr"}
    cell = book["outcomes"]["A3"]
    assert cell.value == HOSTILE and cell.data_type == "s" and cell.quotePrefix
    assert book["outcomes"].freeze_panes == "B2"
    assert book["outcomes"]["A1"].font.bold
    assert rows_of(copies["spreadsheet"], "completeness")[1][1] == "bad\ufffdbell"


def test_the_same_tables_give_the_same_bytes(copies, tmp_path, monkeypatch):
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 86_400)
    again = run_tables(tmp_path / "in", tmp_path / "out")
    for key, path in copies.items():
        assert path.read_bytes() == again[key].read_bytes(), key


def write_book(path, table):
    sheets = [Sheet(name="x", what="a row", table=table)]
    write_spreadsheet(path, sheets, title="t", words=(), columns={}, left_out=())
    return openpyxl.load_workbook(path)


def test_a_table_with_too_many_rows_is_left_out_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheet, "ROWS", 4)
    book = write_book(tmp_path / "a.xlsx", pd.DataFrame({"a": range(3)}))
    assert book.sheetnames == ["read me", "x"]  # with its header it has four
    book = write_book(tmp_path / "b.xlsx", pd.DataFrame({"a": range(4)}))
    assert book.sheetnames == ["read me"]
    said = [[cell.value for cell in row] for row in book["read me"].iter_rows()]
    assert ["x", None, "4 rows; a sheet holds 4"] in said


def test_what_a_cell_cannot_hold_is_said(tmp_path):
    table = pd.DataFrame(
        {
            "text": ["x" * 40_000, "#N/A", "-", "+1", "@a", "a=b"],
            "number": [np.inf, -np.inf, np.nan, 1e-300, 1e300, 0.1 + 0.2],
            "truth": pd.array([True, None, False, True, True, True], dtype="boolean"),
        }
    )
    rows = list(write_book(tmp_path / "a.xlsx", table)["x"].iter_rows(min_row=2, values_only=True))
    assert len(rows[0][0]) == spreadsheet.CHARACTERS and "cut here" in rows[0][0][-80:]
    assert [row[0] for row in rows[1:]] == ["#N/A", "-", "+1", "@a", "a=b"]
    assert [row[1] for row in rows[:5]] == ["inf", "-inf", None, 1e-300, 1e300]
    assert rows[5][1] == pytest.approx(0.1 + 0.2, rel=1e-15)
    assert [row[2] for row in rows] == [True, None, False, True, True, True]


def test_downloads_state_sizes_of_what_is_there_and_extents_of_what_was_read(tmp_path):
    page = tmp_path / "report"
    (tmp_path / "cohort").mkdir()
    page.mkdir()
    (tmp_path / "cohort/verdicts.tsv").write_bytes(b"x" * 1500)
    (tmp_path / "cohort/verdicts.parquet").write_bytes(b"x" * 10)
    verdicts = pd.DataFrame({"a": range(1200), "b": 1})
    groups = dict(
        download_groups({"verdicts": verdicts, "trials": verdicts.iloc[:0], "clusters": None}, page)
    )
    assert list(groups) == ["Verdicts and contrasts", "Values", "Sessions"]
    line = groups["Verdicts and contrasts"][0]
    assert line.extent == "1,200 × 2" and line.sheet == "verdicts"
    assert (line.text.href, line.text.size) == ("../cohort/verdicts.tsv", "2 kB")
    # written beside the report: what lies there may be of the run before
    assert (line.parquet.href, line.parquet.size) == ("../cohort/verdicts.parquet", "")
    assert [one.label for one in groups["Verdicts and contrasts"]] == ["Verdicts", "Contrasts"]
    given = {"time_courses": verdicts}
    names = [one.label for one in dict(download_groups(given, page))["Values"]]
    assert names[-2:] == ["Time courses", "Time courses of the animals"]


def test_every_table_of_a_run_is_in_the_list():
    """A table that a rule of the cohort gains must be offered too."""
    groups = (COHORT_TABLES, SPECTRA_TABLES, BEHAVIOUR_TABLES, SPIKE_TABLES, {"": SHUFFLES})
    files = {Path(place).name for group in groups for place in group.values()}
    listed = {f"{table.name}{table.first}" for table in BY_NAME.values()}
    assert files - {"run.json"} == listed


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_text_is_read_back_as_it_was_written_and_has_the_same_bytes(tmp_path, name):
    table = pd.DataFrame(
        {
            "animal": ["007", "NA", ""],
            "n": pd.array([1, None, 3], dtype="Int64"),
            "share": [1 / 3, np.nan, 1e-300],
        }
    )
    for folder in ("one", "two"):
        write_text(table, tmp_path / folder / name)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    back = read_typed(tmp_path / "one" / name, {"n": "Int64", "share": "float64"})
    pd.testing.assert_frame_equal(back, table, check_exact=True)
    write_text(table, tmp_path / name, float_format="%.3g")
    assert read_typed(tmp_path / name, {})["share"].tolist() == ["0.333", "", "1e-300"]


def test_the_comparison_reads_its_tables_as_the_steps_do(tmp_path):
    """Blanks, "NA" and a column that is not declared; one file, both readers."""
    table = contrasts(["primary", "exploratory"]).assign(note=["NA", ""], of_a_lab=["01", ""])
    table["se"] = [np.nan, 0.1]
    path = tmp_path / "cohort" / "contrasts.tsv"
    write_text(table, path)
    theirs, ours = read_contrasts(tmp_path), read_typed(path, CONTRASTS)
    pd.testing.assert_frame_equal(theirs, ours, check_exact=True)
    assert theirs["note"].tolist() == ["NA", ""] and theirs["of_a_lab"].tolist() == ["01", ""]
    assert np.isnan(theirs["se"][0])
