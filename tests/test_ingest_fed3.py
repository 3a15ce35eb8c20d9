"""FED3 logs: pokes at the active port, pellets, reversals, and what a spreadsheet does to them."""

import csv

import pytest

from pipeline.errors import InputError
from pipeline.ingest.behaviour import read, read_behaviour, read_pulses

HEADER = (
    "MM:DD:YYYY hh:mm:ss,Library_Version,Session_type,Device_Number,Battery_Voltage,Motor_Turns,FR,"
    "Event,Active_Poke,Left_Poke_Count,Right_Poke_Count,Pellet_Count,Block_Pellet_Count,"
    "Retrieval_Time,Poke_Time"
)


def rows(*events, start="1/2/2024"):
    """Rows of (time of day, event, active poke), with the counters that the device would keep."""
    counts = {"Left": 0, "Right": 0, "Pellet": 0}
    lines = []
    for clock, event, active in events:
        counts[event] = counts.get(event, 0) + 1
        n = f"{counts['Left']},{counts['Right']},{counts['Pellet']}"
        lines.append(f"{start} {clock},1.16.1,Rev,3,4.0,1,1,{event},{active},{n},0,nan,0.1")
    return lines


def write(folder, *lines, name="FED003_010224_00.CSV", header=HEADER):
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


EVENTS = (
    ("10:00:00", "Left", "Left"),
    ("10:00:05", "Pellet", "Left"),
    ("10:00:07", "Right", "Left"),
    ("10:00:07", "RightinTimeout", "Left"),
    ("10:01:00", "Left", "Left"),
    ("10:01:01", "LeftDuringDispense", "Left"),
    ("10:01:09", "Pellet", "Left"),
    ("10:02:00", "Left", "Right"),
    ("10:02:00", "Right", "Right"),
    ("10:02:03", "Pellet", "Right"),
)


def test_pokes_become_trials(tmp_path):
    table = read(write(tmp_path, *rows(*EVENTS)), "fed3")
    assert table["t_choice"].tolist() == [0, 7, 60, 120, 120]
    assert table["choice_side"].tolist() == ["left", "right", "left", "left", "right"]
    assert table["rule"].tolist() == ["left", "left", "left", "right", "right"]
    assert table["correct"].tolist() == [True, False, True, False, True]
    assert table["rewarded"].tolist() == [True, False, True, False, True]
    assert table["t_reward"].dropna().tolist() == [5, 69, 123]
    assert not table["omission"].any() and table["t_cue"].isna().all()
    assert table["source_row"].tolist() == [2, 4, 6, 9, 10]
    assert table.attrs["warnings"] == [
        "2 pokes that could earn nothing (pellet in the well, being dispensed, time-out) are no "
        "trials"
    ]


def test_mapping_renames_rules_and_keeps_columns(tmp_path):
    mapping = {
        "reader": "fed3",
        "values": {"rule": {"Left": "A", "Right": "B"}},
        "keep": ["Device_Number"],
        "task": "reversal",
    }
    path = write(tmp_path, *rows(*EVENTS))
    table = read_behaviour(path, format="feeder", mapping=mapping, starts_at_s=100)
    assert table["rule"].tolist() == ["A", "A", "A", "B", "B"]
    assert table["choice_side"].iloc[0] == "left" and table["t_choice"].iloc[0] == 100
    assert set(table["Device_Number"]) == {"3"} and set(table["task"]) == {"reversal"}


def test_midnight_and_a_pellet_without_poke(tmp_path):
    late = rows(("23:59:58", "Pellet", "Left"), ("23:59:59", "Left", "Left"))
    late += [rows(("0:00:03", "Right", "Left"), start="1/3/2024")[0].replace("0,1,0,0", "1,1,1,0")]
    table = read(write(tmp_path, *late), "fed3")
    assert table["t_choice"].tolist() == [1, 5]
    assert "1 pellets without a poke, first in row 2" in table.attrs["warnings"][0]


LINES = rows(*EVENTS)
BAD = {
    "saved by a spreadsheet": ([LINES[0].replace("10:00:00", "10:00")], "a spreadsheet changed"),
    "day first": ([LINES[0].replace("1/2/2024", "24/2/2024")], "row 2, column MM:DD"),
    "ISO": ([LINES[0].replace("1/2/2024", "2024-01-02")], "expected month/day/year"),
    "backwards": ([*LINES, LINES[0]], "row 12, column MM:DD:YYYY hh:mm:ss: found 2024-01-02 10:00"),
    "unknown event": ([LINES[0].replace(",Left,Left", ",Lefft,Left")], "(did you mean 'Left'?)"),
    "no active poke": ([LINES[0].replace(",Left,Left", ",Left,nan")], "column Active_Poke"),
    "count falls": ([*LINES[:3], LINES[2].replace("1,1,1,0", "1,1,0,0")], "0 after 1"),
    "no count": ([LINES[0].replace("1,0,0,0", "1,x,0,0")], "found 'x'; expected a count"),
    "cut": ([LINES[0][:60]], "found too few cells"),
    "nothing": ([], "no events below the header"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_contradicts_itself_is_refused(tmp_path, kind):
    lines, said = BAD[kind]
    with pytest.raises(InputError) as error:
        read(write(tmp_path, *lines), "fed3")
    assert said in str(error.value)


def test_other_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected Event.*is this a FED3 log"):
        read(write(tmp_path, "1,2", header="MM:DD,b"), "fed3")
    with pytest.raises(InputError, match=r"UTF-16"):
        path = tmp_path / "u.csv"
        path.write_bytes(HEADER.encode("utf-16"))
        read(path, "fed3")


def test_whole_seconds_are_no_sync(tmp_path):
    mapping = {"reader": "fed3", "sync_event": "Pellet"}
    with pytest.raises(InputError, match="times in whole seconds"):
        read_pulses(write(tmp_path, *LINES), format="fed3", mapping=mapping)


FILES = {
    "reversal_task/FED001_042421_01.CSV": (945, 536, 13, 342330.0),
    "reversal_task/FED003_040221_00.CSV": (1031, 510, 12, 332015.0),
    "reversal_task/FED005_040221_03.CSV": (1213, 492, 12, 334337.0),
    "reversal_task_punished/FED002_082922_01.csv": (845, 630, 15, 338882.0),
}


@pytest.mark.real
@pytest.mark.parametrize("name", FILES)
def test_real_logs(real_data, name):
    """Numbers of pokes, pellets and reversals, counted in the text and kept by the device."""
    pokes, pellets, reversals, last_s = FILES[name]
    path = real_data / "fed3_reversal" / name
    table = read(path, "fed3")
    assert len(table) == pokes
    assert (table["rule"] != table["rule"].shift()).sum() - 1 == reversals
    # In this program every poke at the active port earns a pellet; the device counted them too.
    assert table["correct"].sum() == table["rewarded"].sum() == pellets
    assert (table["correct"] == table["rewarded"]).all()
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert int(lines[-1]["Pellet_Count"]) == pellets
    if "punished" not in name:
        assert int(lines[-1]["Left_Poke_Count"]) == (table["choice_side"] == "left").sum()
        assert "warnings" not in table.attrs
    else:
        idle = 82 + 51 + 12 + 10 + 7 + 2
        assert f"{idle} pokes that could earn nothing" in table.attrs["warnings"][0]
    assert max(table["t_choice"].iloc[-1], table["t_reward"].max()) == last_s
    # Reversals come after 40 pellets: at the first poke under the new rule, each block has 40.
    blocks = (table["rule"] != table["rule"].shift()).cumsum()
    earned = table.groupby(blocks)["rewarded"].sum()
    assert (earned.iloc[:-1] == 40).all() or "punished" in name
