"""Quality and completeness: cells, marks, sums and losses against cases worked by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from report_example import METRICS
from report_example import plan as report_plan

from pipeline.report.design_tables import completeness_view
from pipeline.report.names import Names
from pipeline.report.quality import quality_view
from pipeline.report.quality_losses import ARTEFACT, LAB, PIPELINE, reasons_of

COLUMNS = ("outcome", "split", "session", "context", "value", "seconds")
NO_OUTCOMES = pd.DataFrame({name: [] for name in COLUMNS})


def table(n=6, **changed):
    """``n`` alike sessions of two rats; ``changed`` is session number -> columns."""
    rows = []
    for k in range(n):
        rows.append(
            {
                "session": f"s{k}", "animal": f"rat{1 + k % 2}", "excluded": "no",
                "exclude_reason": "", "recording": "yes", "extract": "ok", "measure": "ok",
                "reason": "", "warnings": "", "duration_s": "3600.0", "kept_fraction": "0.95",
                "sync": "pulses", "sync_residual_max_ms": "0.5", "n_channels": "8",
                "bad_channels": "", "bad_channel_reasons": "", "artefact_s": "amplitude: 10.0",
                "n_units_kept": "9", "n_units_sorted": "10", "n_trials": "400",
            } | changed.get(f"s{k}", {})
        )  # fmt: skip
    return pd.DataFrame(rows)


def view(rows, outcomes=NO_OUTCOMES, **plan):
    names = Names(plan=report_plan(**plan), metrics=METRICS)
    return quality_view(rows, completeness_view(rows), outcomes, names)


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def cell(found, session, column):
    rows = {row.session: row for animal in found.animals for row in animal.rows}
    return rows[session].cells[found.columns.index(column)]


def test_the_sum_counts_sessions_hours_residuals_and_units():
    rows = table(
        s1={"extract": "failed", "measure": "skipped", "reason": "extract: no file"},
        s2={"excluded": "yes", "exclude_reason": "pump failed"},
        s3={"kept_fraction": "0.5", "sync_residual_max_ms": "0.25, 2.5", "n_units_kept": "4"},
    )
    said = plain(" ".join(view(rows).summary))
    assert said == (
        "4 of 6 sessions were read and analysed, of 2 rats; 1 failed and 1 excluded. "
        "3.4 h of 4.0 recorded were kept (83.8 %; least 50.0 %, s3). "  # (3 * .95 + .5) / 4
        "Worst sync residual: 2.5 ms (s3), of 4 sessions aligned by pulses. "
        "31 of 40 sorted units were kept."
    )


def test_sessions_stand_with_their_animal_and_lost_ones_say_why():
    found = view(table(s1={"excluded": "yes", "exclude_reason": "pump failed"}))
    assert [animal.animal for animal in found.animals] == ["rat1", "rat2"]
    assert [row.session for row in found.animals[1].rows] == ["s1", "s3", "s5"]
    lost = found.animals[1].rows[0]
    assert (lost.state, lost.reason, lost.cells) == ("excluded", "pump failed", ())
    assert plain(found.animals[1].summary) == "3 sessions, 114.0 min kept, 18 of 20 units"


def test_outliers_are_marked_on_the_worse_side_only():
    """All alike but one each: s0 keeps less, s1 more; s2 is late, s3 early; s4 is 3 points off."""
    rows = table(
        12, s0={"kept_fraction": "0.7"}, s1={"kept_fraction": "1.0"},
        s2={"sync_residual_max_ms": "4"}, s3={"sync_residual_max_ms": "0"},
        s4={"kept_fraction": "0.92"},
    )  # fmt: skip
    found = view(rows)
    kept = {k: cell(found, f"s{k}", "kept time").mark for k in range(12)}
    late = {k: cell(found, f"s{k}", "sync residual").mark for k in range(12)}
    assert {k for k, mark in kept.items() if mark} == {0} and kept[0] == "low"
    assert {k for k, mark in late.items() if mark} == {2} and late[2] == "high"
    assert "in 2 sessions" in plain(found.marked)
    assert view(table()).marked == ""


def test_bars_are_shares():
    found = view(table(s0={"sync_residual_max_ms": "2"}))
    assert cell(found, "s0", "sync residual").bar == 1
    assert cell(found, "s1", "sync residual").bar == 0.25
    assert cell(found, "s1", "kept time").bar == 0.95
    assert cell(found, "s1", "units kept").bar == 0.9
    assert plain(cell(found, "s1", "kept time").more) == "57.0 min"


@pytest.mark.parametrize(
    ("sync", "words"),
    [("declared", "offset declared"), ("same file", "same file"), ("", "no log")],
)
def test_without_a_residual_it_says_why(sync, words):
    rows = table(s0={"sync": sync, "sync_residual_max_ms": ""})
    assert cell(view(rows), "s0", "sync residual").more == words


def test_without_any_residual_the_sum_says_how_clocks_were_joined():
    rows = table(s0={"sync": "same file"}).assign(sync_residual_max_ms="")
    rows.loc[1:, "sync"] = "declared"
    assert "none has a residual: same file in 1 session and offset declared in 5 sessions." in (
        plain(" ".join(view(rows).summary))
    )


def test_bad_channels_name_who_called_them_bad():
    rows = table(
        s0={"bad_channels": "CH1, CH11, CH2", "bad_channel_reasons":
            "CH1: channel table; CH11: flat: constant; at most 5 %; CH2: channel table"},
        s1={"bad_channels": "CH3", "loose_channels": "CH3: large: in 40 % of acute"},
    )  # fmt: skip
    found = view(rows)
    assert cell(found, "s0", "bad channels").words == "3 of 8"
    assert cell(found, "s0", "bad channels").more == "declared: CH1, CH2; found: CH11"
    told = {(loss.by, loss.why): plain(loss.how_much) for loss in found.losses
            if loss.what == "Channels"}  # fmt: skip
    assert told == {
        (LAB, "declared bad"): "2 channels: s0 (CH1, CH2)",
        (PIPELINE, "flat"): "1 channel: s0 (CH11)",
        (PIPELINE, "large"): "1 channel: s1 (CH3)",
    }


def test_reasons_may_hold_colons_and_semicolons():
    cell = "A: flat: 3 uV; at most 5; AB: noisy: 9 dB"
    assert reasons_of(cell, ["A", "AB"]) == {"A": "flat: 3 uV; at most 5", "AB": "noisy: 9 dB"}
    assert reasons_of("", ["A"]) == {} == reasons_of("A: x", [])


def test_losses_say_who_and_how_much():
    rows = table(
        s0={"excluded": "yes", "exclude_reason": "pump failed"},
        s1={"measure": "failed", "reason": "measure: no unit"},
        s2={"artefact_s": "amplitude: 26.0; burst: 18.0; flat: 0.0"},
    )
    told = {(loss.what, loss.by, loss.why): plain(loss.how_much) for loss in view(rows).losses}
    assert told["Session", LAB, "pump failed"] == "s0"
    assert told["Session", PIPELINE, "measure: no unit"] == "s1"
    # s2 to s5: 26 + 3 x 10 s of 4 h
    assert told["Time", ARTEFACT, "amplitude"] == (
        "56 s (0.4 % of the recorded time) in 4 sessions; most 26 s, s2"
    )
    assert told["Time", ARTEFACT, "burst"].startswith("18 s") and len(told) == 5
    units = next(value for (what, _, _), value in told.items() if what == "Units")
    assert units.startswith("4 units in 4 sessions")


def test_kept_minutes_of_each_context_over_all_phases():
    """home: 60 s at 1 and 120 s at 0.5; the field once, in one session; strata do not count."""
    outcomes = pd.DataFrame(
        [
            ("kept_fraction", "", "s0", "home_cage", 1.0, 60.0),
            ("kept_fraction", "", "s0", "home_cage", 0.5, 120.0),
            ("kept_fraction", "movement", "s0", "home_cage", 0.1, 600.0),
            ("kept_fraction", "", "s1", "open_field", 1.0, 90.0),
            ("band_power/theta@x", "", "s1", "open_field", 7.0, 90.0),
        ],
        columns=list(COLUMNS),
    )
    found = view(table(), outcomes)
    column = "minutes in home cage · open field"
    assert cell(found, "s0", column).words == "2.0 · –"
    assert cell(found, "s1", column).words == "– · 1.5"
    assert cell(found, "s2", column).words == "–"


def test_an_experiment_without_recordings_has_what_it_has():
    rows = table()[["session", "animal", "excluded", "exclude_reason", "extract", "measure",
                    "reason", "warnings", "n_trials"]]  # fmt: skip
    found = view(rows)
    assert found.columns == ("trials",) and found.losses == ()
    assert found.summary == (
        "6 of 6\N{NO-BREAK SPACE}sessions were read and analysed, of 2\N{NO-BREAK SPACE}rats; "
        "none failed, none was excluded.",
    )
