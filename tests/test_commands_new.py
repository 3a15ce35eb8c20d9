"""``python -m pipeline new``: legal, complete, never over the lab's work; recordings proposed."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml

from pipeline.__main__ import main
from pipeline.commands.new_beside import Beside, own_sorting
from pipeline.commands.new_config import ALTERNATIVES, EXAMPLES, GIVEN, config_text
from pipeline.commands.new_find import find_recordings
from pipeline.commands.new_propose import session_names
from pipeline.errors import InputError
from pipeline.experiment.config import Config
from pipeline.experiment.load import load_config
from pipeline.experiment.tables import SCHEMAS
from pipeline.simulate.writers import (
    write_blackrock,
    write_brainvision,
    write_edf,
    write_neuralynx,
    write_neuroscope,
    write_nwb,
    write_openephys,
    write_phy,
    write_spikeglx,
    write_tdt,
)

RATE = 1000
NAMES = ["CH1", "CH2"]
TABLES = ("sessions", "administrations", "contexts", "channels")


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def write_rows(path, rows):
    header = path.read_text().splitlines()[0]
    lines = ["\t".join(str(row.get(name) or "") for name in header.split("\t")) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")


# ------------------------------------------------------------------------------------ the config


def test_the_new_config_is_legal_and_has_every_default(tmp_path):
    assert main(["new", str(tmp_path / "lab")]) == 0
    config = load_config(tmp_path / "lab" / "config.yaml")
    assert config.design.reference_condition == "vehicle"
    required = {"experiment", "tables", "design"}
    alone = Config.model_validate(
        {name: config.model_dump(include={name})[name] for name in required}
    )
    for section in set(Config.model_fields) - required:
        assert getattr(config, section) == getattr(alone, section), section


def test_every_key_stands_there_once_below_its_description():
    text = config_text()
    written = yaml.safe_load(text)
    assert list(written) == list(Config.model_fields)
    for section, field in Config.model_fields.items():
        assert list(written[section]) == list(field.annotation.model_fields), section
    lines = text.splitlines()
    keys = [n for n, line in enumerate(lines) if line.startswith("  ") and line[2].isalpha()]
    for number in keys:
        assert lines[number - 1].lstrip().startswith("#"), lines[number]
    assert max(map(len, lines)) <= 100


def test_every_example_is_legal_and_needed(tmp_path):
    raw = yaml.safe_load(config_text())
    for key, value in EXAMPLES.items():
        section, name = key.split(".")
        assert not raw[section][name], f"{key} has a value and needs no example"
        raw[section][name] = value
    main(["new", str(tmp_path / "lab")])
    path = tmp_path / "lab" / "config.yaml"
    path.write_text(yaml.safe_dump(raw))
    config = load_config(path)
    assert config.flexibility.task.name and config.movement.zones["social"].rectangle
    nothing = {
        f"{section}.{name}"
        for section, fields in yaml.safe_load(config_text()).items()
        for name, value in fields.items()
        if value in (None, [], {})
    }
    assert nothing == set(EXAMPLES)
    assert set(GIVEN) & set(EXAMPLES) == set()


def test_what_else_a_key_takes_is_legal_and_shown():
    text = config_text()
    raw = yaml.safe_load(text)
    for key, value in ALTERNATIVES.items():
        section, name = key.split(".")
        assert raw[section][name], f"{key} has no value: its example belongs to EXAMPLES"
        (shown,) = [line for line in text.splitlines() if line.startswith(f"  # Example: {name}:")]
        assert yaml.safe_load(shown.removeprefix("  # Example: ")) == {name: value}
        raw[section][name] = value
    raw["flexibility"]["task"] = None
    assert Config.model_validate(raw).spikes.sorting.run == "spykingcircus2"


def test_the_tables_have_their_headers_and_the_check_says_what_lacks(tmp_path, capsys):
    main(["new", str(tmp_path)])
    for name in TABLES:
        text = (tmp_path / f"{name}.tsv").read_text()
        assert text == "\t".join(SCHEMAS[name]) + "\n"
    capsys.readouterr()
    assert main(["check", str(tmp_path / "config.yaml")]) == 1
    assert "no session that is not excluded" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["config.yaml", "contexts.tsv", "tasks/light_side.yaml"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, capsys, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("the lab's")
    assert main(["new", str(tmp_path)]) == 1
    assert f"found {name}; expected a folder without them" in capsys.readouterr().out
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / name]
    assert (tmp_path / name).read_text() == "the lab's"


def test_twice_is_refused(tmp_path, capsys):
    assert main(["new", str(tmp_path / "lab")]) == 0
    assert main(["new", str(tmp_path / "lab")]) == 1
    (tmp_path / "file").write_text("")
    assert main(["new", str(tmp_path / "file")]) == 1
    assert "found a file; expected a folder" in capsys.readouterr().out


# ------------------------------------------------------------------------------------ recordings


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """A folder as labs have them: several rigs, nested folders, notes and videos beside."""
    top = tmp_path_factory.mktemp("rig")
    signals = np.random.default_rng(0).normal(0, 50, (20_000, 2)).astype(np.float32)
    pulses = [(1, 1000 * n, 1000 * n + 50) for n in range(1, 8)]
    pulses += [(3, 500 + 4000 * n, 700 + 4000 * n) for n in range(3)]
    pulses.sort(key=lambda pulse: pulse[1])
    given = {"rate_hz": RATE, "channels": NAMES}
    write_openephys(top / "rat1" / "2026-01-01_10-00-00", signals, pulses=pulses, **given)
    write_openephys(top / "rat1" / "2026-01-08", signals[:12_000], **given)
    write_spikeglx(top / "rat2", "run1", signals, **given)
    write_neuralynx(top / "rat3 (left)", signals, **given)
    (top / "rat4").mkdir()
    write_edf(top / "rat4" / "day 1.edf", signals, **given)
    write_nwb(
        top / "rat5.nwb", signals_uv=signals, regions=["mPFC", "CA1"], identifier="x",
        session_start=datetime(2026, 1, 1, tzinfo=UTC), subject_id="rat5", **given,
    )  # fmt: skip
    (top / "rat6").mkdir()
    (top / "rat6" / "raw.dat").write_bytes(np.zeros((5000, 3), "<i2").tobytes())
    car = {"rate_hz": 500, "channels": ["a", "b", "c"], "dtype": "int16", "gain_uv": 1,
           "offset_uv": 0}  # fmt: skip
    (top / "rat6" / "raw.dat.json").write_text(json.dumps(car))
    (top / "notes.txt").write_text("notes")
    (top / "rat1" / "video.mp4").write_bytes(b"0" * 100)
    (top / ".hidden").mkdir()
    write_openephys(top / ".hidden" / "x", signals, **given)
    return top


EXPECTED = {
    "rat1_2026-01-01_10-00-00": ("openephys", 20.0, 2),
    "rat1_2026-01-08": ("openephys", 12.0, 2),
    "rat2": ("spikeglx", 20.0, 2),
    "rat3_left": ("neuralynx", 20.0, 2),
    "rat4_day_1": ("edf", 20.0, 2),
    "rat5": ("nwb", 20.0, 2),
    "rat6_raw": ("binary", 10.0, 3),
}


def test_recordings_of_several_rigs_are_proposed(rig, tmp_path, capsys):
    lab = tmp_path / "lab"
    assert main(["new", str(lab), "--from", str(rig)]) == 0
    said = capsys.readouterr().out
    found = {row["session"]: row for row in rows_of(lab / "recordings_found.tsv")}
    assert {
        name: (row["format"], round(float(row["seconds"]), 2), int(row["channels"]))
        for name, row in found.items()
    } == EXPECTED
    assert found["rat1_2026-01-01_10-00-00"]["ttl_lines"] == "line 1: 7, line 3: 3"
    assert "TTL: line 1: 7, line 3: 3" in said and "20.0 s, 2 channels at 1000 Hz" in said
    assert all(row["problem"] == "" for row in found.values())
    sessions = rows_of(lab / "sessions.tsv")
    assert [row["session"] for row in sessions] == list(EXPECTED)
    for row in sessions:
        assert (lab / row["recording"]).exists() and row["cohort"] == ""
        assert row["animal"] == ("rat5" if row["session"] == "rat5" else "")  # NWB names it
    assert all(row["drug"] == "" for row in rows_of(lab / "administrations.tsv"))
    contexts = rows_of(lab / "contexts.tsv")
    assert all(row["context"] == "" and row["start_s"] == "0" for row in contexts)
    assert {row["stop_s"] for row in contexts} == {"20.000", "12.000", "10.000"}


def test_what_is_left_to_fill_in_is_all_that_the_check_asks_for(rig, tmp_path, capsys):
    lab = tmp_path / "lab"
    main(["new", str(lab), "--from", str(rig / "rat1"), "--no-events"])
    assert main(["check", str(lab / "config.yaml")]) == 1
    said = capsys.readouterr().out
    for place in (
        "sessions.tsv: row 2, column animal",
        "contexts.tsv: row 3, column context",
        "administrations.tsv: row 2, column drug",
        "channels.tsv: row 2, column region",
    ):
        assert f"{place}: found a blank" in said  # fmt: skip
    for name, cells in (
        ("sessions", {"animal": "rat1"}),
        ("administrations", {"animal": "rat1", "time_s": "6", "drug": "saline"}),
        ("contexts", {"context": "home_cage"}),
        ("channels", {"region": "mPFC"}),
    ):
        path = lab / f"{name}.tsv"
        write_rows(path, [row | cells for row in rows_of(path)])
    text = (lab / "config.yaml").read_text()
    text = text.replace("[-1800, -120]", "[-6, -1]").replace("[300, 3600]", "[1, 14]")
    text = text.replace("handling_s: [-120, 300]", "handling_s: [-1, 1]")
    (lab / "config.yaml").write_text(text.replace("minimum_epoch_s: 30", "minimum_epoch_s: 2"))
    status = main(["check", str(lab / "config.yaml")])
    said = capsys.readouterr().out
    assert status == 0, said
    assert "recording 2026-01-08 (2 channels at 1000 Hz) 0.0 to 12.0 s" in said


def test_channels_are_proposed_once_where_all_sessions_have_the_same(rig, tmp_path):
    main(["new", str(tmp_path / "a"), "--from", str(rig / "rat1"), "--no-events"])
    assert [(r["session"], r["channel"]) for r in rows_of(tmp_path / "a" / "channels.tsv")] == [
        ("", "CH1"), ("", "CH2")
    ]  # fmt: skip
    main(["new", str(tmp_path / "b"), "--from", str(rig), "--no-events"])
    rows = rows_of(tmp_path / "b" / "channels.tsv")
    assert len(rows) == 6 * 2 + 3 and all(row["session"] for row in rows)


def test_several_recordings_in_one_folder_are_named_apart(tmp_path):
    signals = np.random.default_rng(0).normal(0, 50, (3000, 2)).astype(np.float32)
    given = {"rate_hz": RATE, "channels": NAMES}
    write_openephys(tmp_path / "oe", signals, **given)
    one = tmp_path / "oe/Record Node 101/experiment1/recording1"
    one.rename(one.with_name("recording2"))
    write_openephys(tmp_path / "oe2", signals, **given)
    other = tmp_path / "oe2/Record Node 101/experiment1/recording1"
    other.rename(one)
    write_spikeglx(tmp_path / "glx/a_g0/a_g0_imec0", "a", signals, **given)
    for name in ("x", "y"):
        write_spikeglx(tmp_path / "two", name, signals, **given)
    (tmp_path / "br").mkdir()
    for name in ("a", "b"):
        write_blackrock(tmp_path / "br" / name, signals, **given)
    paths = [item.path.relative_to(tmp_path).as_posix() for item in find_recordings(tmp_path)]
    assert [path for path in paths if path.startswith("oe")] == [
        "oe/Record Node 101/experiment1/recording1",
        "oe/Record Node 101/experiment1/recording2",
    ]
    assert len([path for path in paths if path.startswith("br/")]) == 2
    assert [path for path in paths if path.startswith("glx")] == ["glx/a_g0"]
    assert [path for path in paths if path.startswith("two")] == [
        "two/x_g0_t0.imec0.lf.bin",
        "two/y_g0_t0.imec0.lf.bin",
    ]


def test_formats_of_several_files_are_named_once(tmp_path):
    signals = np.random.default_rng(0).normal(0, 50, (6400, 2)).astype(np.float32)
    for folder in ("ns", "bv"):
        (tmp_path / folder).mkdir()
    write_tdt(tmp_path / "tdt" / "block", signals, rate_hz=RATE)
    write_neuroscope(tmp_path / "ns" / "rec", lfp_uv=signals, groups=[[0, 1]])
    write_brainvision(tmp_path / "bv" / "day.vhdr", signals, rate_hz=RATE, channels=NAMES)
    found = [(i.path.relative_to(tmp_path).as_posix(), i.format, i.problem)
             for i in find_recordings(tmp_path)]  # fmt: skip
    assert found == [
        ("bv/day.vhdr", "brainvision", ""),
        ("ns/rec.xml", "neuroscope", ""),
        ("tdt/block", "tdt", ""),
    ]


def test_damaged_and_hostile_files_are_listed_with_the_reason(rig, tmp_path, capsys):
    folder = tmp_path / "rig"
    (folder / "=cmd|' /C calc'!A0").mkdir(parents=True)
    (folder / "=cmd|' /C calc'!A0" / "x.edf").write_bytes(b"0" * 10)
    (folder / "tab\there").mkdir()
    write_edf(folder / "tab\there" / "y.edf", np.zeros((3000, 2), np.float32), rate_hz=RATE,
              channels=NAMES)  # fmt: skip
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    lab = tmp_path / "lab"
    assert main(["new", str(lab), "--from", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.count("not opened:") == 2
    rows = rows_of(lab / "recordings_found.tsv")
    assert len(rows) == 2 and all(row["problem"] for row in rows)
    assert "rename it" in " ".join(row["problem"] for row in rows)
    names = [row["session"] for row in rows]
    assert all(name.replace("_", "").replace("-", "").isalnum() for name in names)
    assert len(rows_of(lab / "sessions.tsv")) == 1


def test_folders_without_recordings(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["new", str(tmp_path / "lab"), "--from", str(tmp_path / "empty")]) == 1
    assert "found no recording of a known format" in capsys.readouterr().out
    assert not (tmp_path / "lab").exists()
    with pytest.raises(InputError, match="no such folder"):
        find_recordings(tmp_path / "gone")


def test_names_of_sessions_are_safe_and_unique(tmp_path):
    paths = [tmp_path / name for name in ("a b", "a_b", "A B", "../x", "Ü", "rat/rat")]
    assert session_names(paths, base=tmp_path) == ["a_b", "a_b_2", "A_B_3", "x", "session", "rat"]


# ------------------------------------------------------------------------------- what lies beside


def test_sortings_logs_and_tracks_are_told_and_sortings_proposed_where_they_are_alone(
    tmp_path, capsys
):
    raw = tmp_path / "raw"
    signals = np.random.default_rng(0).normal(0, 50, (2000, 2)).astype(np.float32)
    trains = [np.array([0.5, 1.0])]
    for name in ("one", "two"):
        write_neuralynx(raw / name, signals, rate_hz=RATE, channels=NAMES)
        write_phy(raw / name / "phy", spike_times_s=trains, rate_hz=RATE)
    write_phy(raw / "two" / "phy again", spike_times_s=trains, rate_hz=RATE)
    (raw / "box.txt").write_text("Start Date: 1/1/26\nMSN: x\n")
    (raw / "track.csv").write_text("scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1,1\n")
    (raw / "notes.txt").write_text("rat one was sleepy")
    lab = tmp_path / "lab"
    assert main(["new", str(lab), "--from", str(raw)]) == 0
    said = capsys.readouterr().out
    assert "for the column behaviour: 1 medpc (listed in files_found.tsv)" in said
    sessions = {row["session"]: row for row in rows_of(lab / "sessions.tsv")}
    assert sessions["one"]["sorting"] == "../raw/one/phy"
    assert sessions["two"]["sorting"] == ""  # which of the two, only the lab knows
    found = {
        (row["column"], row["file"], row["format"]) for row in rows_of(lab / "files_found.tsv")
    }
    assert found == {
        ("sorting", "../raw/one/phy", "phy"),
        ("sorting", "../raw/two/phy", "phy"),
        ("sorting", "../raw/two/phy again", "phy"),
        ("behaviour", "../raw/box.txt", "medpc"),
        ("movement", "../raw/track.csv", "deeplabcut"),
    }


def test_a_sorting_that_lies_apart_is_proposed_by_its_name_if_that_is_the_only_one(tmp_path):
    def sorting(*parts):
        return Beside(tmp_path.joinpath(*parts), "sorting", "phy")

    names = ("R11_d1", "R12_d1", "again", "x/same", "y/same")
    recordings = [tmp_path / "raw" / name for name in names]
    for path in recordings:
        path.mkdir(parents=True)
    found = [
        sorting("sorted", "R11_d1"),
        sorting("sorted", "again"),
        sorting("older", "again"),
        sorting("sorted", "same"),
    ]
    own = [own_sorting(path, found, recordings) for path in recordings]
    # no R12_d1; two sortings named again; two recordings named same
    assert own == [found[0], None, None, None, None]
    inside = sorting("raw", "R11_d1", "phy")
    assert own_sorting(recordings[0], [*found, inside], recordings) == inside


def test_without_recordings_sessions_are_proposed_from_logs(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a", "b"):
        (raw / f"{name}.csv").write_text("Trial,Choice\n1,L\n")
    (raw / "fed.CSV").write_text("Active_Poke,Pellet_Count\n")
    (raw / "no text.csv").write_bytes(b"a,b\n\0")
    lab = tmp_path / "lab"
    assert main(["new", str(lab), "--from", str(raw)]) == 0
    rows = rows_of(lab / "sessions.tsv")
    assert [row["behaviour"] for row in rows] == ["../raw/a.csv", "../raw/b.csv", "../raw/fed.CSV"]
    assert [row["session"] for row in rows_of(lab / "administrations.tsv")] == ["a", "b", "fed"]
    assert not rows_of(lab / "channels.tsv") and not (lab / "recordings_found.tsv").exists()


def test_an_experiment_of_logs_checks_once_its_tables_are_filled_in(tmp_path, capsys):
    """Nothing in the proposed config stands in the way: no baseline, one phase, one context."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a", "b"):
        (raw / f"{name}.csv").write_text("Time,Rule,Choice,Hit\n5,left,L,1\n60,left,R,0\n")
    lab = tmp_path / "lab"
    assert main(["new", str(lab), "--from", str(raw)]) == 0
    cells = {"animal": "r1", "behaviour_format": "box", "context": "set_shifting"}
    for table in ("sessions", "administrations", "contexts"):
        path = lab / f"{table}.tsv"
        rows = rows_of(path)
        for row, drug, day in zip(rows, ("saline", "psilocybin"), (1, 8), strict=True):
            own = cells | {"drug": drug, "start": f"2026-03-{day:02d}T09:00"}
            own |= {"dose_mg_per_kg": "1"} if drug == "psilocybin" else {}
            row.update({name: value for name, value in own.items() if name in row})
        write_rows(path, rows)
    config = yaml.safe_load((lab / "config.yaml").read_text())
    mapping = {
        "columns": {"t_cue": "Time", "rule": "Rule", "choice_side": "Choice", "correct": "Hit"},
        "values": {"choice_side": {"L": "left", "R": "right"}, "correct": {"1": True, "0": False}},
    }
    config["behaviour"]["formats"] = {"box": mapping}
    config["flexibility"]["task"] = {
        "rules": {"left": "choose left"},
        "criterion": {"consecutive": 5},
    }
    config["flexibility"]["task"]["sides"] = ["left", "right"]
    (lab / "config.yaml").write_text(yaml.safe_dump(config))
    capsys.readouterr()
    status = main(["check", str(lab / "config.yaml")])
    said = capsys.readouterr().out
    assert status == 0, said
    assert "behaviour a.csv (2 trials)" in said
