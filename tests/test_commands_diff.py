"""``python -m pipeline diff``: what changed between two runs, in words; status 0, 1 or 2."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.commands.changes import arrow, differs, shown

VERDICT = {
    "outcome": "band_power/theta@mPFC",
    "priority": "primary",
    "condition": "psilocybin",
    "phase": "acute",
    "split": "",
    "split_level": "",
    "step": "1",
    "modifier": "context",
    "verdict": "pill",
    "pattern": "",
    "why": "",
    "drug_estimate": "1.25",
    "smallest_drug": "1.0",
}
CONTRAST = {
    "outcome": "band_power/theta@mPFC",
    "contrast": "simple",
    "condition": "psilocybin",
    "reference_condition": "vehicle",
    "modifier": "context",
    "level": "home_cage",
    "reference_level": "",
    "phase": "acute",
    "split": "",
    "split_level": "",
    "step": "1",
    "estimate": "1.0",
    "se": "0.5",
    "statistic": "2.0",
    "p": "0.04",
    "note": "",
}
SESSION = {
    "session": "s1",
    "animal": "r1",
    "excluded": "no",
    "exclude_reason": "",
    "extract": "ok",
    "measure": "ok",
    "reason": "",
    "kept_fraction": "0.98",
}
MISSING = {
    "outcome": "band_power/theta@mPFC",
    "session": "s1",
    "condition": "vehicle",
    "step": "1",
    "phase": "acute",
    "context": "home_cage",
    "split": "",
    "split_level": "",
    "reason": "20 s, fewer than 30",
}
RECORD = {
    "format": 1,
    "blinded": False,
    "config": {"lfp": {"rate_hz": 1000.0, "bands": {"theta": [6, 10]}}},
    "plan": {"title": "T"},
    "sessions": {"s1": {"animal": "r1", "sex": "F"}},
    "anchors": {"r1.1": {"condition": "psilocybin"}},
    "files": {"s1": [{"file": "s1/a.dat", "bytes": 100}]},
    "observations": {"s1": {"rows": 10, "sha256": "aa"}},
    "measurements": {"rows": 0, "sha256": "00"},
    "code": {"cohort": "c0ffee"},
    "versions": {"numpy": "2.4.6"},
}


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def run_of(folder: Path, *, record: dict | None = RECORD, **tables: list[dict[str, str]]) -> Path:
    """A results folder; tables left out hold one sound row."""
    given = {
        "verdicts": [VERDICT],
        "contrasts": [CONTRAST],
        "completeness": [SESSION],
        "missing_cells": [MISSING],
    }
    cohort = folder / "results" / "cohort"
    cohort.mkdir(parents=True)
    for name, rows in (given | tables).items():
        if rows:
            write(cohort / f"{name}.tsv", rows)
    if record is not None:
        (cohort / "run.json").write_text(json.dumps(record))
    return folder / "results"


@pytest.fixture
def diff(tmp_path, capsys):
    """Compare a plain run with a changed one: exit status and what was printed."""

    def compare(*, before=None, options=(), **changes):
        a = run_of(tmp_path / "a", **(before or {}))
        b = run_of(tmp_path / "b", **changes)
        status = main(["diff", str(a), str(b), *options])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return compare


def test_the_same_run_has_no_differences(diff):
    status, said = diff()
    assert status == 0
    assert said.endswith("No differences.\n")


def test_a_changed_verdict_is_said_in_words(diff):
    changed = VERDICT | {"verdict": "process"}
    assert diff(verdicts=[changed])[1].count(
        "band_power/theta@mPFC, psilocybin, acute, context: pill -> process"
    )


def test_a_changed_verdict_comes_first_of_all(diff):
    other = VERDICT | {"outcome": "a_first_in_the_alphabet", "smallest_drug": "1.0"}
    status, said = diff(
        before={"verdicts": [other, VERDICT]},
        verdicts=[
            other | {"smallest_drug": "2.0"},
            VERDICT | {"verdict": "process", "pattern": "amplified"},
        ],
        record=RECORD | {"versions": {"numpy": "2.5.0"}},
    )
    lines = [line for line in said.splitlines() if line.startswith("  ")]
    assert status == 1
    assert lines[0] == (
        "  ~ band_power/theta@mPFC, psilocybin, acute, context: pill -> process (amplified)"
    )
    assert lines[1] == (
        "  ~ a_first_in_the_alphabet, psilocybin, acute, context: still pill; smallest_drug 1 -> 2"
    )
    assert "1 verdict, 1 of the same verdict" in said


def test_new_and_vanished_verdicts_name_their_split_and_dose(diff):
    gone = VERDICT | {"split": "movement", "split_level": "rest"}
    new = VERDICT | {"step": "2", "verdict": "inconclusive", "why": "interaction open"}
    _, said = diff(before={"verdicts": [VERDICT, gone]}, verdicts=[VERDICT, new])
    assert "- band_power/theta@mPFC, psilocybin, acute, context, movement rest: pill -> no" in said
    assert "+ band_power/theta@mPFC, psilocybin, acute, context, dose 2: no verdict ->" in said
    assert "inconclusive (interaction open)" in said


def test_rows_in_another_order_are_the_same(diff):
    rows = [CONTRAST | {"level": level} for level in ("a", "b", "c")]
    assert diff(before={"contrasts": rows}, contrasts=rows[::-1])[0] == 0


def test_columns_in_another_order_are_the_same(diff):
    turned = dict(reversed(CONTRAST.items()))
    assert diff(contrasts=[turned])[0] == 0


def test_rows_that_share_a_key_are_the_same_in_any_order(diff):
    rows = [CONTRAST | {"estimate": value} for value in ("1", "2", "2")]
    assert diff(before={"contrasts": rows}, contrasts=rows[::-1])[0] == 0


def test_one_of_several_rows_that_share_a_key_may_vanish(diff):
    rows = [CONTRAST | {"estimate": value} for value in ("1", "2")]
    status, said = diff(before={"contrasts": rows}, contrasts=rows[:1])
    assert status == 1
    assert (
        "- band_power/theta@mPFC, psilocybin, acute, context, simple, home_cage: only in A, "
        in (said)
    )


def test_the_largest_change_in_standard_errors_comes_first(diff):
    small = CONTRAST | {"level": "a", "estimate": "100", "se": "100"}
    large = CONTRAST | {"level": "b", "estimate": "1", "se": "0.5"}
    _, said = diff(
        before={"contrasts": [small, large]},
        contrasts=[small | {"estimate": "150"}, large | {"estimate": "3", "p": "0.001"}],
    )
    lines = said.splitlines()
    first = lines.index("Estimates (contrasts.tsv)") + 1
    assert lines[first].endswith("simple, b: estimate 1 -> 3 (4 standard errors); also p")
    assert lines[first + 1].endswith("simple, a: estimate 100 -> 150 (0.5 standard errors)")


def test_an_estimate_that_is_there_in_one_run_only_leads(diff):
    rows = [CONTRAST | {"level": level} for level in ("a", "b")]
    _, said = diff(
        before={"contrasts": rows},
        contrasts=[rows[0] | {"estimate": "9"}, rows[1] | {"estimate": "", "se": ""}],
    )
    lines = said.splitlines()
    first = lines.index("Estimates (contrasts.tsv)") + 1
    assert "simple, b: estimate 1 -> nothing" in lines[first]


@pytest.mark.parametrize(
    ("column", "value", "status"),
    [
        ("estimate", "1.0000000001", 0),  # 1e-10 of the estimate
        ("estimate", "1.001", 1),
        ("p", "0.04000000001", 0),
        ("p", "0.0401", 1),
        ("note", "1 animal missing a cell: r1", 1),
    ],
)
def test_numerical_noise_is_no_difference(diff, column, value, status):
    assert diff(contrasts=[CONTRAST | {column: value}])[0] == status


def test_noise_around_zero_is_judged_by_the_standard_error(diff):
    zero = CONTRAST | {"estimate": "1e-9"}
    assert diff(before={"contrasts": [zero]}, contrasts=[zero | {"estimate": "-1e-9"}])[0] == 0


def test_the_tolerance_can_be_set(diff):
    assert (
        diff(contrasts=[CONTRAST | {"estimate": "1.001"}], options=("--tolerance", "0.01"))[0] == 0
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("1", "1.0", False),
        ("", "1", True),
        ("", "", False),
        ("yes", "no", True),
        ("inf", "Infinity", False),
        ("inf", "-inf", True),
        ("1e-15", "-1e-15", False),  # below what any number here means
        ("1e-6", "2e-6", True),
        ("text", "1", True),
    ],
)
def test_cells_are_compared_as_what_they_are(a, b, expected):
    assert differs(a, b, tolerance=1e-6) is expected
    assert differs(b, a, tolerance=1e-6) is expected


def test_a_difference_is_never_rounded_away():
    assert arrow("1.25", "1.5") == "1.25 -> 1.5"
    assert arrow("1.00001", "1.00002") == "1.00001 -> 1.00002"
    assert arrow("0.1234567890123", "0.1234567890124") == "0.1234567890123 -> 0.1234567890124"
    assert arrow("", "x") == "nothing -> x"
    assert math.isclose(float(arrow("1", "1.0000000001").split()[-1]), 1.0000000001, rel_tol=1e-15)


def test_the_config_is_compared_key_by_key(diff):
    config = {"lfp": {"rate_hz": 500.0, "bands": {"theta": [5, 10]}}, "new": {"key": None}}
    _, said = diff(record=RECORD | {"config": config})
    assert "~ lfp.rate_hz: 1000 -> 500" in said
    assert "~ lfp.bands.theta: [6, 10] -> [5, 10]" in said
    assert "+ new.key: new, nothing" in said


def test_data_are_compared_by_session_file_and_row(diff):
    changed = {
        "sessions": {"s1": {"animal": "r1", "sex": "M"}, "s2": {"animal": "r2"}},
        "anchors": {"r1.1": {"condition": "vehicle"}},
        "files": {
            "s1": [{"file": "s1/a.dat", "bytes": 90}, {"file": "s1/b.dat", "bytes": 1}],
            "s2": [{"file": "s2/a.dat", "bytes": 5}],
        },
        "observations": {"s1": {"rows": 10, "sha256": "bb"}},
    }
    _, said = diff(record=RECORD | changed)
    for line in (
        "+ session s2: added",
        "~ session s1, sex: F -> M",
        "~ anchor r1.1, condition: psilocybin -> vehicle",
        "~ files of session s1, s1/a.dat: 100 bytes -> 90 bytes",
        "+ files of session s1, s1/b.dat: not there -> 1 bytes",
        "+ files of session s2: read in B only (1 file)",
        "~ observations of session s1: 10 in both, values differ",
    ):
        assert line in said


def test_versions_and_code_are_compared_as_words(diff):
    versions = {"numpy": "2.4.60", "scipy": "1.17"}
    _, said = diff(record=RECORD | {"versions": versions, "code": {"cohort": "123e4"}})
    assert "~ our code for the step cohort: c0ffee -> 123e4" in said
    assert "~ numpy: 2.4.6 -> 2.4.60" in said
    assert "~ scipy: nothing -> 1.17" in said


def test_exclusions_say_the_reason(diff):
    out = SESSION | {"excluded": "yes", "exclude_reason": "pump failed", "extract": ""}
    added = SESSION | {"session": "s2", "reason": "measure: no file", "measure": "failed"}
    _, said = diff(completeness=[out, added])
    assert (
        "excluded no -> yes; exclude_reason nothing -> pump failed; extract ok -> nothing" in said
    )
    assert "+ session s2: only in B (measure: no file)" in said


def test_missing_cells_say_why(diff):
    _, said = diff(missing_cells=[MISSING | {"context": "open_field"}])
    where = "band_power/theta@mPFC, s1, vehicle, 1, acute"
    assert f"+ {where}, open_field: missing in B: 20 s, fewer than 30" in said
    assert f"- {where}, home_cage: missing in A: 20 s, fewer than 30" in said


def test_an_older_run_without_record_is_said_and_the_rest_compared(diff):
    status, said = diff(before={"record": None}, verdicts=[VERDICT | {"verdict": "process"}])
    assert status == 1
    assert (
        "! in B only (another version made A?): run.json; config, data and software are not" in said
    )
    assert "pill -> process" in said


def test_what_neither_run_has_is_no_difference(diff):
    status, said = diff(before={"record": None, "missing_cells": []}, record=None, missing_cells=[])
    assert status == 0
    assert "in neither run: run.json;" in said
    assert "in neither run: missing_cells.tsv;" in said


@pytest.mark.parametrize("table", ["verdicts", "contrasts", "completeness", "missing_cells"])
def test_an_absent_table_is_said(diff, table):
    status, said = diff(**{table: []})
    assert status == 1
    assert f"! in A only (another version made B?): {table}.tsv;" in said


def test_absent_columns_are_said_and_the_others_compared(diff):
    old = {key: value for key, value in CONTRAST.items() if key not in ("step", "note")}
    status, said = diff(before={"contrasts": [old]}, contrasts=[CONTRAST | {"estimate": "2"}])
    assert status == 1
    assert "! in B only (another version made A?): contrasts.tsv, columns step, note; not" in said
    assert "estimate 1 -> 2" in said


def test_a_record_of_another_format_is_not_guessed_at(diff):
    status, said = diff(record=RECORD | {"format": 2, "versions": {}})
    assert status == 1
    assert "run.json, format: 1 -> 2: config, data and software are not compared" in said
    assert "numpy" not in said


def test_a_blinded_run_beside_an_open_one_is_said(diff):
    record = RECORD | {"blinded": True, "config": {"lfp": {"rate_hz": 1000.0}}}
    before = RECORD | {"config": {"lfp": {"rate_hz": 1000.0}, "design": {"unit": "animal"}}}
    _, said = diff(before={"record": before}, record=record)
    assert "B is blinded, the other is not" in said
    assert "design.unit" not in said  # left out of a blinded record, not changed


def test_of_two_blinded_runs_the_coded_plans_are_compared(diff):
    blind = RECORD | {"blinded": True}
    _, said = diff(before={"record": blind}, record=blind | {"plan": {"title": "U"}})
    assert "~ plan.title: T -> U" in said


BROKEN = {
    "verdicts.tsv": ("outcome\tcondition\nonly one cell\n", "line 2: found 1 cells; expected 2"),
    "contrasts.tsv": ("", "no header"),
    "completeness.tsv": ("session\tsession\na\tb\n", "distinct column names"),
    "missing_cells.tsv": ("no_key\nx\n", "no column 'outcome'"),
    "run.json": ('{"format": 1', "cannot be read as JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_trouble(tmp_path, capsys, name):
    a, b = run_of(tmp_path / "a"), run_of(tmp_path / "b")
    content, message = BROKEN[name]
    (b / "cohort" / name).write_text(content)
    assert main(["diff", str(a), str(b)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", '{"files": {"s1": [{"file": "x"}]}}', '{"code": 3}'])
def test_a_record_of_another_shape_is_trouble_not_a_traceback(tmp_path, capsys, content):
    a, b = run_of(tmp_path / "a"), run_of(tmp_path / "b")
    (b / "cohort" / "run.json").write_text(content)
    assert main(["diff", str(a), str(b)]) == 2
    assert "run.json" in capsys.readouterr().err


def test_a_folder_without_results_is_trouble(tmp_path, capsys):
    a = run_of(tmp_path / "a")
    assert main(["diff", str(a), str(tmp_path / "nowhere")]) == 2
    assert "expected the folder 'results'" in capsys.readouterr().err


def test_results_may_be_named_by_any_of_their_folders(tmp_path):
    a, b = run_of(tmp_path / "a"), run_of(tmp_path / "b")
    assert main(["diff", str(a.parent), str(b / "cohort")]) == 0


def test_long_sections_are_cut_but_no_changed_verdict_is(diff):
    verdicts = [VERDICT | {"outcome": f"o{index}"} for index in range(40)]
    contrasts = [CONTRAST | {"outcome": f"o{index}"} for index in range(40)]
    _, said = diff(
        before={"verdicts": verdicts, "contrasts": contrasts},
        verdicts=[row | {"verdict": "process"} for row in verdicts],
        contrasts=[row | {"estimate": "2"} for row in contrasts],
    )
    assert said.count("pill -> process") == 40
    assert said.count("estimate 1 -> 2") == 25
    assert "... and 15 more (--all shows them)" in said


def test_the_table_has_a_row_per_cell(tmp_path, diff):
    path = tmp_path / "d.tsv"
    diff(contrasts=[CONTRAST | {"estimate": "2", "p": "0.01"}], options=("--tsv", str(path)))
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [(row["section"], row["column"], row["a"], row["b"]) for row in rows] == [
        ("estimates", "estimate", "1.0", "2"),
        ("estimates", "p", "0.04", "0.01"),
    ]


def test_the_page_escapes_everything_and_works_offline(tmp_path, diff):
    path = tmp_path / "d.html"
    evil = "<script>alert(1)</script>"
    diff(verdicts=[VERDICT | {"why": evil}], options=("--html", str(path)))
    page = path.read_text()
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "1 of the same verdict" in page


def test_text_of_a_table_cannot_drive_the_terminal():
    assert shown("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
