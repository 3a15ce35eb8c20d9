"""pyControl sessions of both versions, and what a crash leaves of them."""

import pytest

from pipeline.errors import ExperimentError, InputError
from pipeline.ingest.behaviour import read, read_behaviour, read_pulses

V1 = """\
I Experiment name  : reversal
I Task name : shift/side
I Subject ID : m1
I Start date : 2018/11/06 10:08:23

S {"init": 1, "choice_state": 2, "reward": 3, "timeout": 4, "iti": 5}

E {"poke_c": 6, "poke_l": 7, "poke_r": 8, "sync": 9}

D 0 1
V 0 rule light
D 500 9
D 1000 6
D 1000 2
D 1250 7
D 1250 3
P 1251 T#:1 C#:7 O:1
D 3000 5
V 3001 rule side
D 4000 1
D 4500 6
D 4500 9
D 4500 2
D 9500 5
P 9501 T#:2 C#:7 O:0
D 10000 1
D 10100 6
D 10100 2
D 10800 8
D 10800 4
P 10801 T#:3 C#:8 O:0
D 12000 5
V -1 rule side
"""

V2_HEAD = "time\ttype\tsubtype\tcontent\n"
V2 = (
    V2_HEAD
    + "0.000\tinfo\tsubject_id\tm1\n"
    + "0.000\tinfo\tstart_time\t2023-10-30T21:49:42.123\n"
    + '0.000\tvariable\trun_start\t{"rule": "light", "n": 3}\n'
    + "0.000\tstate\t\tinit\n"
    + "0.500\tevent\tsync\tsync\n"
    + "1.000\tevent\tinput\tpoke_c\n"
    + "1.000\tstate\t\tchoice_state\n"
    + "1.250\tevent\tinput\tpoke_l\n"
    + "1.250\tstate\t\treward\n"
    + '1.251\tprint\ttask\tT#:1 C#:7 O:1 "quoted\n'
    + "3.000\tstate\t\titi\n"
    + '3.001\tvariable\tuser_set\t{"rule": "side"}\n'
    + "4.000\tstate\t\tinit\n"
    + "4.500\tevent\tinput\tpoke_c\n"
    + "4.500\tevent\tsync\tsync\n"
    + "4.500\tstate\t\tchoice_state\n"
    + "9.500\tstate\t\titi\n"
    + "9.501\tprint\ttask\tT#:2 C#:7 O:0\n"
    + "10.000\tstate\t\tinit\n"
    + "10.100\tevent\tinput\tpoke_c\n"
    + "10.100\tstate\t\tchoice_state\n"
    + "10.800\tevent\tinput\tpoke_r\n"
    + "10.800\tstate\t\ttimeout\n"
    + "10.801\tprint\ttask\tT#:3 C#:8 O:0\n"
    + "12.000\tstate\t\titi\n"
    + "12.500\tinfo\tend_time\t2023-10-30T21:50:00.000\n"
)

MAPPING = {
    "reader": "pycontrol",
    "trials": {
        "start": "init",
        "stop": "iti",
        "init": "poke_c",
        "cue_time": "choice_state",
        "choice_after": "choice_state",
        "choice": {"poke_l": "left", "poke_r": "right"},
        "correct": {"reward": True, "timeout": False},
        "reward": "reward",
        "variables": {"rule": "rule"},
        "printed": {"trial": "T#:"},
    },
    "sync_event": "sync",
}


def write(folder, text, name):
    path = folder / name
    path.write_text(text)
    return path


VERSIONS = {"m1-2018-11-06-100823.txt": V1, "m1-2023-10-30-214942.tsv": V2}


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_both_versions_give_the_same_trials(tmp_path, name, newline):
    path = tmp_path / name
    path.write_bytes(VERSIONS[name].replace("\n", newline).encode())
    table = read(path, "box", MAPPING)
    assert table["trial"].tolist() == [1, 2, 3]
    assert table["t_init"].tolist() == [1.0, 4.5, 10.1]
    assert table["t_cue"].tolist() == [1.0, 4.5, 10.1]
    assert table["choice_side"].tolist() == ["left", "", "right"]
    assert table["t_choice"].dropna().tolist() == [1.25, 10.8]
    assert table["correct"].dropna().tolist() == [True, False]
    assert table["rewarded"].tolist() == [True, False, False]
    assert table["rule"].tolist() == ["light", "side", "side"]
    assert table.attrs["pulses_s"] == [0.5, 4.5]
    assert "warnings" not in table.attrs
    assert read_pulses(path, format="box", mapping=MAPPING).tolist() == [0.5, 4.5]


def test_information_must_be_the_animals_own(tmp_path):
    path = write(tmp_path, V2, "a.tsv")
    meaning = MAPPING | {"rows": {"subject_id": "{animal}"}}
    assert len(read_behaviour(path, format="b", mapping=meaning, fields={"animal": "m1"})) == 3
    with pytest.raises(InputError, match=r"found subject_id 'm1'; expected 'm2'"):
        read_behaviour(path, format="b", mapping=meaning, fields={"animal": "m2"})
    with pytest.raises(InputError, match=r"found no 'subject' \(did you mean 'subject_id'\?\)"):
        read(path, "b", MAPPING | {"rows": {"subject": "m1"}})
    old = MAPPING | {"rows": {"Experiment name": "reversal"}}
    assert len(read(write(tmp_path, V1, "a.txt"), "b", old)) == 3


def test_a_crash_is_reported(tmp_path):
    cut = V2[: V2.index("10.800\tevent")] + "10.300\terror\t\tdivision by zero\n"
    table = read(write(tmp_path, cut, "a.tsv"), "box", MAPPING)
    assert table["trial"].tolist() == [1, 2]
    said = table.attrs["warnings"]
    assert "the task reported: division by zero" in said[0] and "no end_time" in said[1]
    assert "ends in the middle of its last trial" in said[2]
    old = V1[: V1.index("D 10800")] + "! Traceback:\n  File main.py\n! ZeroDivisionError\n"
    said = read(write(tmp_path, old, "a.txt"), "box", MAPPING).attrs["warnings"]
    assert "line 29: the task reported: Traceback:" in said[0]


def test_printed_text_with_line_breaks(tmp_path):
    text = V1.replace("P 1251 T#:1 C#:7 O:1\n", "P 1251 T#:1\nC#:7\n\n")
    assert read(write(tmp_path, text, "a.txt"), "box", MAPPING)["trial"].tolist() == [1, 2, 3]


BAD_V1 = {
    "unknown id": (
        ("D 1250 7", "D 1250 77"),
        "line 15: found 'D 1250 77'; expected one of the ids",
    ),
    "cut": (("D 10800 8", "D 10"), "line 29: found 'D 10'; expected I, S, E"),
    "backwards": (("D 4000 1", "D 2000 1"), "found 2 s after 3.001 s; expected times in order"),
    "names": (('S {"init": 1,', "S {'init': 1,"), "expected names with their ids"),
    "id twice": (('"poke_c": 6', '"poke_c": 5'), "expected each id once"),
    "noise": (("D 0 1", "?? 0 1"), "found '?? 0 1'"),
    "renamed event": (('"poke_l"', '"poke_left"'), "expected 'poke_l' (did you mean 'poke_r'?)"),
}


@pytest.mark.parametrize("kind", BAD_V1)
def test_damaged_version_1(tmp_path, kind):
    (old, new), said = BAD_V1[kind]
    with pytest.raises(ExperimentError) as error:
        read(write(tmp_path, V1.replace(old, new), "a.txt"), "box", MAPPING)
    assert said in str(error.value)


BAD_V2 = {
    "short": (
        ("1.250\tstate\t\treward", "1.250\tstate"),
        "line 10: found '1.250\tstate'; expected",
    ),
    "type": (("1.250\tstate", "1.250\tstat"), "type: info, state, event"),
    "time": (("1.250\tstate", "nan\tstate"), "expected seconds, 0 or more"),
    "comma": (("1.250\tstate", "1,250\tstate"), "expected seconds, 0 or more"),
    "negative": (("1.250\tstate", "-1.250\tstate"), "expected seconds, 0 or more"),
    "variable": (('{"rule": "side"}', "rule=side"), 'expected variables: {"name": value}'),
    "no name": (("4.000\tstate\t\tinit", "4.000\tstate\t\t"), "expected the name of the state"),
    "backwards": (("4.000\tstate", "2.000\tstate"), "line 14: found 2 s after 3.001 s"),
}


@pytest.mark.parametrize("kind", BAD_V2)
def test_damaged_version_2(tmp_path, kind):
    (old, new), said = BAD_V2[kind]
    with pytest.raises(ExperimentError) as error:
        read(write(tmp_path, V2.replace(old, new), "a.tsv"), "box", MAPPING)
    assert said in str(error.value)


def test_other_files(tmp_path):
    with pytest.raises(InputError, match="expected a pyControl session"):
        read(write(tmp_path, "a,b\n1,2\n", "a.txt"), "box", MAPPING)
    with pytest.raises(InputError, match="expected a pyControl session"):
        read(write(tmp_path, "", "a.txt"), "box", MAPPING)
    with pytest.raises(InputError, match="no S and E lines"):
        read(write(tmp_path, "I Subject ID : m1\n", "a.txt"), "box", MAPPING)
    with pytest.raises(InputError, match="UTF-16"):
        path = tmp_path / "a.tsv"
        path.write_bytes(V2.encode("utf-16"))
        read(path, "box", MAPPING)
    with pytest.raises(ValueError, match="have names, no codes"):
        read(path, "box", MAPPING | {"codes": {1: "a"}})


@pytest.mark.parametrize("name", VERSIONS)
def test_half_a_last_line_is_no_event(tmp_path, name):
    """``D 10800 8`` cut from ``D 10800 81``, ``time`` from ``timeout``: another event."""
    text = VERSIONS[name]
    mark = "D 10800 8" if name.endswith("txt") else "10.800\tevent\tinput\tpoke_r"
    cut = text[: text.index(mark) + len(mark)]
    table = read(write(tmp_path, cut, name), "box", MAPPING)
    assert table["trial"].tolist() == [1, 2]
    assert "the file ends inside it; it is left out" in table.attrs["warnings"][0]
