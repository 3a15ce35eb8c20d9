"""MED-PC files: five layouts, lengths from counters, and what they contradict."""

import numpy as np
import pytest

from pipeline.errors import ExperimentError, InputError
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.ingest.adapters.medpc import pick_session, read_sessions
from pipeline.ingest.adapters.medpc_arrays import read_medpc_events
from pipeline.ingest.behaviour import read, read_behaviour, read_pulses


def session_text(letters, *, subject="R1", date="07/12/23", columns=5, comment=""):
    """One session as MED-PC writes it: scalars first, arrays with five values a line."""
    lines = [
        f"Start Date: {date}",
        f"End Date: {date}",
        f"Subject: {subject}",
        "Experiment: 0",
        "Group: 0",
        "Box: 5",
        "Start Time: 11:40:18",
        "End Time: 12:56:45",
        "MSN: Shift_1",
    ]
    scalars = {k: v for k, v in letters.items() if not isinstance(v, list)}
    lines += [f"{k}:{v if isinstance(v, str) else f'{v:.3f}':>12}" for k, v in scalars.items()]
    for letter, values in letters.items():
        if not isinstance(values, list):
            continue
        lines.append(f"{letter}:")
        for start in range(0, len(values), columns):
            row = [v if isinstance(v, str) else f"{v:.3f}" for v in values[start : start + columns]]
            lines.append(f"{start:6d}:" + "".join(f"{v:>13}" for v in row))
    return "\n".join([*lines, *([f"\\{comment}"] if comment else []), ""])


def write(folder, *sessions, name="!2023-07-12_11h40m.Subject R1", newline="\r\n"):
    path = folder / name
    text = "\n".join(["File: C:\\MED-PC\\Data\\x", "", "", *sessions])
    path.write_bytes(text.replace("\n", newline).encode("latin-1"))
    return path


def mapping(events=(), *, trials=None, codes=None, ticks=None, **more):
    medpc = {"events": list(events)} | ({"ticks_per_s": ticks} if ticks else {})
    rules = trials or {"start": "start", "choice": {"left": "left", "right": "right"}}
    rest = {"trials": rules, "codes": codes or {}}
    return {"reader": "medpc", "medpc": medpc, **rest, **more}


CODES = {1: "start", 2: "left", 3: "right", 4: "sync"}
# The truth of every layout below, in s and codes: trial 1 left, trial 2 omitted, trial 3 right.
TRUTH = [(1.5, 1), (2.25, 2), (10.5, 1), (20.5, 1), (20.75, 3), (30.0, 1), (31.0, 2)]


def padded(values, dim):
    return values + [0.0] * (dim - len(values))


def layouts():
    """The same events in each layout that labs use: letters of the file, and their mapping."""
    n = len(TRUTH)
    ticks = [round(t * 100) for t, _ in TRUTH]
    of = {c: [t for t, code in TRUTH if code == c] for c in (1, 2, 3)}
    paired = {"D": padded([float(t) for t in ticks], 20), "E": padded([c for _, c in TRUTH], 20)}
    packed = [f"{t}.{c:03d}" for t, (_, c) in zip(ticks, TRUTH, strict=True)]
    prefixed = padded([c * 10_000 + t for t, c in TRUTH], 12)
    tuples = [value for t, c in TRUTH for value in (t, 7, c)]
    times = {"A": padded(of[1], 8), "B": padded(of[2], 8), "C": padded(of[3], 8)}
    counted = {"G": len(of[1]), "H": len(of[2]), "I": len(of[3])}
    seconds = [round(t * 1000) for t, _ in TRUTH]
    gaps = [float(b - a) for a, b in zip([0, *seconds], seconds, strict=False)]
    return {
        "times": (
            counted | times,
            mapping(
                [
                    {"layout": "times", "array": a, "event": e, "length": n}
                    for a, e, n in (("A", "start", "G"), ("B", "left", "H"), ("C", "right", "I"))
                ]
            ),
        ),
        "paired": (
            {"Y": n, **paired},
            mapping(
                [{"layout": "paired", "array": "D", "codes_array": "E", "length": "Y"}],
                codes=CODES,
                ticks=100,
            ),
        ),
        "packed": (
            {"Y": n, "A": [*packed, "0.000", "0.000"]},
            mapping([{"layout": "packed", "array": "A", "length": "Y"}], codes=CODES, ticks=100),
        ),
        "prefixed": (
            {"Y": n - 1, "A": prefixed},
            mapping(
                [{"layout": "prefixed", "array": "A", "length": "Y+1"}],
                codes={code * 10_000: name for code, name in CODES.items()},
            ),
        ),
        "entries": (
            {"Y": n, "A": padded([99.0, *tuples], 40)},
            mapping(
                [
                    {
                        "layout": "entries",
                        "array": "A",
                        "fields": ["time", "lever", "event"],
                        "code": ["lever", "event"],
                        "length": "Y",
                        "counts": "entries",
                        "first": 1,
                    }
                ],
                codes={f"7/{code}": name for code, name in CODES.items()},
            ),
        ),
        "relative": (
            {"A": [3.0, float(n)], "C": padded(gaps, 10), "D": padded([c for _, c in TRUTH], 10)},
            mapping(
                [
                    {
                        "layout": "paired",
                        "array": "C",
                        "codes_array": "D",
                        "length": "A(1)",
                        "relative": True,
                    }
                ],
                codes=CODES,
                time_unit="ms",
            ),
        ),
    }


@pytest.mark.parametrize("kind", layouts())
@pytest.mark.parametrize("columns", [5, 1, 3])
def test_every_layout_gives_the_same_trials(tmp_path, kind, columns):
    letters, meaning = layouts()[kind]
    table = read(write(tmp_path, session_text(letters, columns=columns)), "box", meaning)
    assert table["t_cue"].tolist() == [1.5, 10.5, 20.5, 30.0]
    assert table["choice_side"].tolist() == ["left", "", "right", "left"]
    assert table["omission"].tolist() == [False, True, False, False]
    assert np.allclose(table["t_choice"], [2.25, np.nan, 20.75, 31.0], equal_nan=True)
    assert np.allclose(table["latency_choice"], [0.75, np.nan, 0.25, 1.0], equal_nan=True)
    assert "warnings" not in table.attrs


def blocks(*rules, **more):
    return {"reader": "medpc", "medpc": {"blocks": list(rules)}, **more}


def test_outcome_vectors_per_block_keep_their_trailing_zeros(tmp_path):
    """Layout 5: one vector per block, element 0 unused, zeros are answers."""
    letters = {
        "K": 4,
        "L": 3,
        "A": padded([9.0, 1, 0, 1, 0], 11),
        "B": padded([9.0, 1, 2, 1, 2], 11),
        "C": padded([9.0, 0, 0, 0], 11),
        "D": padded([9.0, 2, 2, 0], 11),
    }
    first = {"first": 1}
    meaning = blocks(
        {"arrays": {"hit": "A", "side": "B"}, "length": "K", "constants": {"r": "1"}, **first},
        {"arrays": {"hit": "C", "side": "D"}, "length": "L", "constants": {"r": "2"}, **first},
        columns={"correct": "hit", "choice_side": "side", "rule": "r"},
        values={
            "choice_side": {1: "left", 2: "right", 0: "omission"},
            "rule": {1: "light", 2: "left"},
        },
    )
    table = read(write(tmp_path, session_text(letters)), "box", meaning)
    assert table["rule"].tolist() == ["light"] * 4 + ["left"] * 3
    assert table["choice_side"].tolist() == ["left", "right"] * 2 + ["right"] * 2 + [""]
    assert table["correct"].tolist()[:6] == [True, False, True, False, False, False]
    assert table["omission"].tolist() == [False] * 6 + [True]


def test_entries_per_trial_in_ticks(tmp_path):
    letters = {"T": 6, "A": padded([100.0, 150, 1, 300, 450, 2], 30)}
    meaning = blocks(
        {"array": "A", "fields": ["cue", "press", "side"], "length": "T"},
        columns={"t_cue": "cue", "t_choice": "press", "choice_side": "side"},
        values={"choice_side": {1: "left", 2: "right"}},
    )
    meaning["medpc"]["ticks_per_s"] = 100
    table = read(write(tmp_path, session_text(letters)), "box", meaning)
    assert table["t_cue"].tolist() == [1.0, 3.0] and table["t_choice"].tolist() == [1.5, 4.5]
    assert table["choice_side"].tolist() == ["left", "right"]


def test_several_sessions_in_a_file(tmp_path):
    letters, meaning = layouts()["paired"]
    later = letters | {"D": [t + 100 * (t > 0) for t in letters["D"]]}
    path = write(
        tmp_path,
        session_text(letters, subject="R1", comment="weighed 310 g, Größe"),
        session_text(later, subject="R2"),
        session_text(letters, subject="R2", date="07/13/23"),
    )
    sessions = read_sessions(path)
    assert [s.header["Subject"] for s in sessions] == ["R1", "R2", "R2"]
    assert sessions[0].comments == ["weighed 310 g, Größe"]
    with pytest.raises(InputError, match=r"found 3 of 3 sessions .*Subject: R1.*choose it with"):
        read(path, "box", meaning)
    rows = {"Subject": "{animal}"}
    with pytest.raises(InputError, match=r"found 2 of 3 sessions with Subject = 'R2'"):
        read_behaviour(
            path, format="box", mapping=meaning | {"rows": rows}, fields={"animal": "R2"}
        )
    rows["Start Date"] = "07/12/23"
    table = read_behaviour(
        path, format="box", mapping=meaning | {"rows": rows}, fields={"animal": "R2"}
    )
    assert table["t_cue"].tolist() == [2.5, 11.5, 21.5, 31.0]
    with pytest.raises(InputError, match=r"'Subjet' \(did you mean 'Subject'\?\)"):
        pick_session(path, {"Subjet": "R1"})


def test_windows_line_ends_do_not_matter(tmp_path):
    letters, meaning = layouts()["packed"]
    one = read(write(tmp_path, session_text(letters), name="a"), "box", meaning)
    two = read(write(tmp_path, session_text(letters), name="b", newline="\n"), "box", meaning)
    assert one.drop(columns="source_file").equals(two.drop(columns="source_file"))
    assert one["source_row"].tolist() == [15, 15, 15, 16]


def test_sync_pulses_of_their_own_array(tmp_path):
    letters = {"K": 3, "L": 4, "A": padded([1.0, 0, 1], 5), "S": padded([0.5, 1.5, 3, 4], 9)}
    meaning = blocks({"arrays": {"hit": "A"}, "length": "K"}, columns={"correct": "hit"})
    meaning["medpc"]["events"] = [{"layout": "times", "array": "S", "event": "sync", "length": "L"}]
    meaning["sync_event"] = "sync"
    path = write(tmp_path, session_text(letters))
    pulses = read_pulses(path, format="box", mapping=meaning)
    assert pulses.tolist() == [0.5, 1.5, 3.0, 4.0]
    table = read_behaviour(path, format="box", mapping=meaning | {"time_offset_s": 50})
    assert table.attrs["pulses_s"] == [0.5, 1.5, 3.0, 4.0]
    assert table["correct"].tolist() == [True, False, True]
    with pytest.raises(InputError, match=r"none of 'synk' \(did you mean 'sync'\?\)"):
        read_pulses(path, format="box", mapping=meaning | {"sync_event": "synk"})


# --- counters and arrays


def one_array(**rule):
    return mapping(
        [{"layout": "times", "array": "A", "event": "start", "length": "Y", **rule}],
        trials={"start": "start", "correct": {"start": True}},
    )


COUNTERS = {
    "full": ({"Y": 7, "A": [1.0, 2, 3, 4, 5]}, "5 elements in A and 7 in its counter Y; the array"),
    "enormous": ({"Y": "999999999999.000", "A": [1.0]}, "expected a whole number of elements"),
    "exponent": ({"Y": "1e999", "A": [1.0]}, "expected a whole number of elements"),
    "negative": ({"Y": -1, "A": [1.0]}, "found -1.000 in Y; expected a whole number"),
    "broken": ({"Y": 1.5, "A": [1.0]}, "found 1.500 in Y; expected a whole number"),
    "too small": (
        {"Y": 2, "A": [1.0, 2, 3, 0, 0]},
        "line 15: found 3.000 in element 2 of A; expected zeros from element 2 on",
    ),
    "not there": ({"Z": 2, "A": [1.0, 2]}, "found no scalar Y (scalars: Z)"),
    "no array": ({"Y": 1, "B": [1.0]}, "found nothing under A (arrays: B); expected the array A"),
    "scalar": ({"Y": 1, "A": 4}, "found a scalar under A"),
    "backwards": ({"Y": 3, "A": [1.0, 3, 2]}, "found 2 s after 3 s in A; expected times in order"),
    "negative time": ({"Y": 2, "A": [1.0, -3]}, "found -3.000 as a time in A"),
}


@pytest.mark.parametrize("kind", COUNTERS)
def test_counters_that_the_array_contradicts(tmp_path, kind):
    letters, said = COUNTERS[kind]
    with pytest.raises(InputError) as error:
        read(write(tmp_path, session_text(letters)), "box", one_array())
    assert said in str(error.value) and "Subject R1" in str(error.value)


def test_full_array_is_kept_when_the_lab_says_so_and_reported(tmp_path):
    path = write(tmp_path, session_text({"Y": 7, "A": [1.0, 2, 3, 4, 5]}))
    table = read(path, "box", one_array(capped="keep"))
    assert table["t_cue"].tolist() == [1, 2, 3, 4, 5]
    (warning,) = table.attrs["warnings"]
    assert "found 5 elements in A and 7 in its counter Y: the array was full" in warning


def test_a_zero_that_the_counter_includes_is_an_event(tmp_path):
    path = write(tmp_path, session_text({"Y": 3, "A": [0.0, 1, 2, 0, 0]}))
    assert read(path, "box", one_array())["t_cue"].tolist() == [0, 1, 2]


def test_sealed_array_ends_at_its_mark(tmp_path):
    path = write(tmp_path, session_text({"A": [1.0, 2, -987.987, 0, 0]}))
    assert read(path, "box", one_array(length="all"))["t_cue"].tolist() == [1, 2]


def test_codes_and_times_of_unequal_number(tmp_path):
    letters = {"A": [1.0, 2, 3], "B": [1.0, 1]}
    meaning = mapping(
        [{"layout": "paired", "array": "A", "codes_array": "B", "length": "all"}], codes=CODES
    )
    with pytest.raises(InputError, match=r"found 2 codes in B for 3 times in A"):
        read(write(tmp_path, session_text(letters)), "box", meaning)


def test_packed_codes_are_read_from_the_text(tmp_path):
    """8575.004 has no exact binary fraction; and DISKFORMAT with two decimals cuts the code."""
    letters = {"Y": 2, "A": ["8575.001", "8590.002"]}
    rule = {"layout": "packed", "array": "A", "length": "Y"}
    meaning = mapping([rule], codes=CODES, ticks=500)
    table = read(write(tmp_path, session_text(letters)), "box", meaning)
    assert table["t_cue"].tolist() == [17.15] and table["t_choice"].tolist() == [17.18]
    letters["A"] = ["8575.00", "8590.02"]
    with pytest.raises(InputError, match=r"'8575.00' in A; expected 3 digits of code"):
        read(write(tmp_path, session_text(letters)), "box", meaning)


def test_arrays_of_a_block_of_unequal_number(tmp_path):
    letters = {"A": [1.0, 0, 1], "B": [1.0, 2]}
    rule = {"arrays": {"hit": "A", "side": "B"}, "length": "all"}
    meaning = blocks(rule, columns={"correct": "hit", "choice_side": "side"})
    with pytest.raises(InputError, match=r"found 3 in A, 2 in B; expected as many"):
        read(write(tmp_path, session_text(letters)), "box", meaning)


# --- damaged and foreign files

GOOD = session_text({"Y": 7, "A": [1.0, 2, 3, 4, 5, 6, 7]})
DAMAGE = {
    "row lost": (
        GOOD.replace("     0:        1.000        2.000", "     0:        2.000"),
        "row th",
    ),
    "row doubled": (
        GOOD.replace("     5:", "     0:        1.000\n     5:"),
        "expected the row that starts at 5",
    ),
    "cut in a number": (GOOD.rstrip()[:-2], "expected 3 decimals as in the rows above"),
    "cut in the only number": (
        session_text({"Y": 1, "A": [1.0]}).rstrip()[:-2],
        "expected 3 decimals as elsewhere",
    ),
    "cut after the letter": (GOOD[: GOOD.index("     0:")], "array A without numbers"),
    "cut in the header": (GOOD[: GOOD.index("MSN")], "an incomplete header"),
    "cut after the header": (GOOD[: GOOD.index("Y:")], "no data"),
    "decimal commas": (GOOD.replace("1.000        2.000", "1,000        2,000"), "decimal commas"),
    "ran together": (GOOD.replace("1.000        2.000", "1.0002.000"), "DISKFORMAT is too narrow"),
    "overflow": (GOOD.replace("       2.000", "************"), "expected numbers"),
    "letter twice": (GOOD + "Y:       1.000\n", "expected each letter once"),
    "not a number": (GOOD.replace("2.000", "  nan"), "expected numbers"),
    "row without letter": (GOOD.replace("A:\n", ""), "expected a letter alone on its line"),
    "noise": (GOOD + "????\n", "found '????'; expected a letter"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files_are_refused_with_their_line(tmp_path, kind):
    text, said = DAMAGE[kind]
    with pytest.raises(ExperimentError) as error:
        read(write(tmp_path, text), "box", one_array())
    assert said in str(error.value) and "line " in str(error.value)


FOREIGN = {
    "unannotated": (b"7\r\n12\r\n2023\r\n1.000\r\n2.000\r\n", "without annotations"),
    "program": (b"\\ MPC\nDIM A = 100\nS.S.1,\n", "expected a MED-PC data file"),
    "empty": (b"\n\n", "empty file"),
    "UTF-16": ("Start Date: 1".encode("utf-16"), "UTF-16"),
    "HTML": (b"<html><body>Start Date: 1</body></html>", "web page"),
    "NUL": (b"Start Date: 07/12/23\nSubj\0ect: a\n", "line 2: found a NUL byte"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_files_are_refused(tmp_path, kind):
    data, said = FOREIGN[kind]
    path = tmp_path / "log.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read(path, "box", one_array())


BAD_MAPPINGS = {
    "no letter": ({"array": "AB"}, "no letter of MED-PC"),
    "no counter": ({"length": "twelve"}, "expected the counter of the array"),
    "no event": ({"event": ""}, "needs 'event'"),
    "no codes": ({"layout": "paired"}, "needs 'codes_array'"),
    "entries without time": (
        {"layout": "entries", "fields": ["t", "code"], "code": ["code"]},
        "must name 'time'",
    ),
    "entries counted elsewhere": ({"counts": "entries"}, "is for the layout entries"),
    "unknown key": ({"lenght": "Y"}, "did you mean 'length'"),
}


@pytest.mark.parametrize("kind", BAD_MAPPINGS)
def test_mappings_that_make_no_sense(kind):
    changes, said = BAD_MAPPINGS[kind]
    with pytest.raises(ValueError, match=said):
        BehaviourMapping.model_validate(one_array(**changes))


def test_a_cut_file_is_refused_or_whole(tmp_path):
    """Every length of one file: the counters of the layout with most arrays tell what is lost."""
    letters, meaning = layouts()["times"]
    path = write(tmp_path, session_text(letters))
    whole = read(path, "box", meaning)
    data = path.read_bytes()
    read_ones = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            assert read(path, "box", meaning).equals(whole)
            read_ones += 1
        except InputError:
            continue
    assert 0 < read_ones < 120  # of the zeros after the last array's used part


def test_sections_that_do_not_belong_together():
    for data, said in (
        ({"reader": "medpc", "columns": {"correct": "A"}}, "'medpc' and reader: medpc go together"),
        (one_array() | {"trials": None}, "needs 'trials'"),
        (one_array() | {"columns": {"correct": "A"}}, "'columns' is for one row per trial"),
        (
            {"columns": {"correct": "A"}, "trials": {"start": "a", "correct": {"b": True}}},
            "this log has one row per trial",
        ),
        ({"reader": "fed3", "time_unit": "ms"}, "state their own unit"),
    ):
        with pytest.raises(ValueError, match=said):
            BehaviourMapping.model_validate(data)


# --- real logs, against counts taken from their text


@pytest.mark.real
def test_real_packed_log_of_a_switching_task(real_data):
    """2,036 events in an array of 9,501; the program counted entries and trials itself."""
    path = real_data / "medpc" / "laubach" / "ExampleFile1"
    session = pick_session(path, {})
    assert session.comments == ["9/17 20% sucrose"]
    assert len(session.arrays["A"].values) == 9501
    meaning = BehaviourMapping.model_validate(
        mapping(
            [{"layout": "packed", "array": "A", "length": "Y"}],
            codes={1: "lick", 2: "left", 4: "right", 29: "reward"},
            ticks=500,
            trials={
                "start": ["left", "right"],
                "choice": {"left": "left", "right": "right"},
                "correct": {"reward": True, "": False},
                "reward": "reward",
            },
        )
    )
    log = read_medpc_events(path, meaning)
    names = [event.name for event in log.events]
    assert len(names) == 2036 == int(float(session.scalars["Y"]))
    assert names.count("lick") == 1447 == int(float(session.scalars["G"]))
    assert names.count("left") == 56 == int(float(session.scalars["F"]))
    assert names.count("right") == 69 == int(float(session.scalars["E"]))
    assert log.events[2].time_s == 17.15 and log.events[-1].time_s == 1412987 / 500
    table = read(path, "box", meaning)
    assert len(table) == 125 == int(float(session.scalars["T"]))
    assert table["choice_side"].value_counts().to_dict() == {"right": 69, "left": 56}
    assert table["correct"].sum() == 106
    assert table["t_choice"].iloc[0] == 17.15 and table["t_reward"].iloc[0] == 8590 / 500


@pytest.mark.real
def test_real_paired_log(real_data):
    """Times in D, codes in E, both counted by G; the last code is the end of the session."""
    path = real_data / "medpc" / "conde" / "example_rat_multipellet"
    rule = {"layout": "paired", "array": "D", "codes_array": "E", "length": "G"}
    meaning = BehaviourMapping.model_validate(
        mapping([rule], codes={100: "end"}, ticks=100, sync_event="16")
    )
    log = read_medpc_events(path, meaning)
    assert len(log.events) == 2064
    assert log.events[0].time_s == 0 and log.events[0].name == "1"
    assert (log.events[-1].time_s, log.events[-1].name) == (3720.35, "end")
    text = path.read_text().split("\nE:")[1].split("\nI:")[0]
    codes = [v for line in text.splitlines()[1:] for v in line.split(":")[1].split()]
    assert sum(e.name == "16" for e in log.events) == codes.count("16.000") > 1000


@pytest.mark.real
def test_real_outcome_vector(real_data):
    """100 outcomes in an array of 201: 24 of them are 4; the counter J says 100."""
    path = real_data / "medpc" / "conde" / "example_rat_multipellet"
    rule = {"arrays": {"outcome": "I"}, "length": "J"}
    text = path.read_text().split("\nI:")[1].split("\nL:")[0]
    values = [v for line in text.splitlines()[1:] for v in line.split(":")[1].split()]
    meaning = blocks(
        rule,
        columns={"correct": "outcome"},
        values={"correct": {1: True, 4: False, 0: "omission"}},
    )
    table = read(path, "box", meaning)
    assert len(table) == 100 and len(values) == 201
    assert table["correct"].sum() == values.count("1.000")
    assert (~table["correct"].dropna()).sum() == values.count("4.000")
    assert table["omission"].sum() == values[:100].count("0.000")


def test_a_choice_whose_code_the_mapping_forgot_is_refused_not_an_omission(tmp_path):
    letters, meaning = layouts()["paired"]
    without = {code: name for code, name in CODES.items() if name != "right"}
    meaning = {**meaning, "codes": without}
    with pytest.raises(InputError, match=r"expected 'right'.*which the rules name"):
        read(write(tmp_path, session_text(letters)), "box", meaning)


def test_codes_that_the_mapping_does_not_name_are_counted(tmp_path):
    letters, meaning = layouts()["paired"]
    letters = letters | {"E": [9 if code == 2 else code for code in letters["E"]]}
    table = read(write(tmp_path, session_text(letters)), "box", meaning)
    said = table.attrs["warnings"][0]
    assert said == "2 events with codes that the mapping does not name: 9"
