"""``python -m pipeline check``: one broken thing at a time, and the line that names it."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import minimal, write_table
from mini import write_mini

from pipeline.__main__ import main
from pipeline.commands.check import examine_all, shortened
from pipeline.commands.check_design import design_problems
from pipeline.commands.check_files import open_session
from pipeline.errors import Problem
from pipeline.experiment import examine
from pipeline.simulate.writers import write_openephys, write_phy

SESSION = "r0_w0"
#: a choice every 5 s, every second one to the rewarded right side
LOG = "Trial,Time_s,Rule,Choice,Correct\n" + "".join(
    f"{n},{5 * n},Right,{'LR'[n % 2]},{n % 2}\n" for n in range(1, 23)
)
TASK = Path(__file__).resolve().parents[1] / "config/tasks/reversal.yaml"


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def edit_rows(path, change):
    rows = rows_of(path)
    for row in rows:
        change(row)
    write_table(path, rows)


def edit_config(path, change):
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The mini experiment with sorting, movement and logs in all four sessions."""
    folder = tmp_path_factory.mktemp("check") / "lab"
    write_mini(folder)
    rng = np.random.default_rng(2)
    sessions = rows_of(folder / "sessions.tsv")
    for row in sessions:
        name = row["session"]
        trains = [np.sort(rng.uniform(0, 119, 300)) for _ in range(3)]
        write_phy(
            folder / f"{name}_phy", spike_times_s=trains, rate_hz=30_000.0,
            region=["mPFC"] * 3, quality=["good"] * 3,
        )  # fmt: skip
        times = np.arange(0, 120, 0.1)
        pd.DataFrame({"time_s": times, "speed_cm_s": rng.uniform(0, 30, len(times))}).to_csv(
            folder / f"{name}_speed.csv", index=False
        )
        (folder / f"{name}_log.csv").write_text(LOG)
        row.update(
            sorting=f"{name}_phy", movement=f"{name}_speed.csv", behaviour=f"{name}_log.csv",
            behaviour_format="box",
        )  # fmt: skip
    write_table(folder / "sessions.tsv", sessions)
    edit_config(folder / "config.yaml", _with_logs)
    return folder


def _with_logs(config):
    config["flexibility"] = {"task": str(TASK)}
    config["recording"] = {"line_noise_hz": 50}
    config["behaviour"] = {
        "formats": {
            "box": {
                "columns": {
                    "t_cue": "Time_s",
                    "rule": "Rule",
                    "choice_side": "Choice",
                    "correct": "Correct",
                },
                "values": {"choice_side": {"L": "left", "R": "right"}},
            }
        }
    }


@pytest.fixture
def lab(made, tmp_path):
    """A copy of it that a test may break."""
    return shutil.copytree(made, tmp_path / "lab")


def said_of(folder, capsys, *, status):
    assert main(["check", str(folder / "config.yaml")]) == status
    return capsys.readouterr().out


def data_of(folder):
    return folder / SESSION / "Record Node 101/experiment1/recording1/continuous"


# --------------------------------------------------------------------------- what is understood


def test_a_sound_experiment_is_shown_as_it_was_understood(lab, capsys):
    before = {p: p.stat().st_mtime_ns for p in sorted(lab.rglob("*"))}
    said = said_of(lab, capsys, status=0)
    assert before == {p: p.stat().st_mtime_ns for p in sorted(lab.rglob("*"))}
    assert "2 animals, 4 sessions (0 excluded)" in said
    header = next(n for n, line in enumerate(said.splitlines()) if "animals (sessions)" in line)
    assert said.splitlines()[header].split()[2:] == ["home_cage", "open_field"]
    assert "acute         vehicle                          2 (2)         2 (2)" in said
    assert "recording r0_w0 (2 channels at 1000 Hz) 0.0 to 120.0 s" in said
    assert "behaviour r0_w0_log.csv (22 trials) 5.0 to 110.0 s" in said
    assert "movement r0_w0_speed.csv (1200 samples, 100 % known) 0.0 to 119.9 s" in said
    assert f"|{' ' * 30}^{' ' * 29}| administrations at 60 s" in said
    assert f"|{'=' * 60}| recording" in said
    assert said.endswith("No errors found.\n")
    assert "vehicle 2, psilocybin 2; 5 or more in every cell" in said  # the one thing to say
    assert "context order: open_field 1 min and home_cage 0 min" in said
    assert said.count("warning:") == 2


def test_problems_as_data(lab, capsys):
    (data_of(lab) / next(data_of(lab).iterdir()).name / "continuous.dat").unlink()
    assert main(["check", str(lab / "config.yaml"), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["n_errors"] == 1 and data["problems"][0]["severity"] == "error"
    assert data["problems"][0]["place"] == "row 2, column recording"
    assert "continuous.dat: not found" in data["problems"][0]["expected"]
    kinds = [(file["session"], file["kind"]) for file in data["files"]]
    assert (SESSION, "recording") not in kinds and ("r1_w0", "recording") in kinds
    assert len(kinds) == 4 * 4 - 1


def test_many_warnings_of_a_kind_are_counted():
    warnings = [Problem("t", f"row {n}", "", f"at most {n} s", "warning") for n in range(9)]
    lines = shortened([*warnings, Problem("t", "", "", "else", "warning")])
    assert len(lines) == 5 and lines[3] == "t: ... and 6 more like it (--json)"


# --------------------------------------------------------------------------- files and times


def stream_of(lab):
    return next(data_of(lab).iterdir())


def truncate(file, share=0.5):
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def context(folder, **cells):
    edit_rows(folder / "contexts.tsv", lambda r: r.update(cells) if r["session"] == SESSION else 0)


def session_row(folder, **cells):
    edit_rows(folder / "sessions.tsv", lambda r: r.update(cells) if r["session"] == SESSION else 0)


def dose(folder, **cells):
    path = folder / "administrations.tsv"
    edit_rows(path, lambda r: r.update(cells) if r["session"] == SESSION else 0)


def late_context(folder):
    rows = rows_of(folder / "contexts.tsv")
    last = [row for row in rows if row["session"] == SESSION][-1]
    last.update(start_s="9000", stop_s="9100")
    write_table(folder / "contexts.tsv", rows)


def minutes_for_seconds(folder):
    def change(row):
        if row["session"] == SESSION:
            row.update({key: str(float(row[key]) / 60) for key in ("start_s", "stop_s")})

    edit_rows(folder / "contexts.tsv", change)


def spikes_of(folder, seconds):
    for file in (folder / f"{SESSION}_phy").iterdir():
        file.unlink()
    write_phy(
        folder / f"{SESSION}_phy", spike_times_s=[np.linspace(0, seconds, 50)], rate_hz=30_000.0,
        region=["mPFC"], quality=["good"],
    )  # fmt: skip


def shorter(folder):
    shutil.rmtree(folder / SESSION)
    write_openephys(
        folder / SESSION, np.ones((40_000, 2), np.float32), rate_hz=1000.0, channels=["CH1", "CH2"]
    )


def without_channels(config):
    config["tables"].pop("channels")
    config["outcomes"]["primary"] = ["band_power/theta@all"]


def other_rate(folder):
    shutil.rmtree(folder / SESSION)
    write_openephys(
        folder / SESSION, np.ones((24_000, 2), np.float32), rate_hz=200.0, channels=["CH1", "CH2"]
    )


def log_of(folder, text):
    (folder / f"{SESSION}_log.csv").write_text(text)


ERRORS = {
    "samples cut off": (lambda f: truncate(stream_of(f) / "continuous.dat"),
                        ("sessions.tsv: row 2, column recording", "truncated")),
    "no sample numbers": (lambda f: [p.unlink() for p in stream_of(f).glob("*.npy")],
                          ("not found; copy the whole folder",)),
    "no recording in the folder": (lambda f: session_row(f, recording="r0_w0_phy"),
                                   ("row 2, column recording", "r0_w0_phy")),
    "a channel that is not there": (
        lambda f: edit_rows(f / "channels.tsv", lambda r: r.update(channel=r["channel"] + "0")),
        ("channels.tsv: session r0_w0", "the channel table names CH10, CH20",
         "the recording has CH1, CH2")),
    "a context after the end": (late_context, ("contexts.tsv: row 5, session r0_w0",
                                               "open_field from 9000 s",
                                               "before 120.0 s, where the session's last file")),
    "a log of something else": (lambda f: log_of(f, "a,b\n1,2\n"),
                                ("row 2, column behaviour", "r0_w0_log.csv")),
    "a log with an unknown code": (lambda f: log_of(f, LOG.replace("L", "left?")),
                                   ("row 2, column behaviour", "left?")),
    "a log without trials": (lambda f: log_of(f, LOG.splitlines()[0] + "\n"),
                             ("row 2, column behaviour", "r0_w0_log.csv")),
    "a pickled log": (lambda f: (f / f"{SESSION}_log.csv").write_bytes(b"\x80\x04\x95\xff\x00"),
                      ("row 2, column behaviour",)),
    "spikes cut off": (lambda f: truncate(f / f"{SESSION}_phy/spike_times.npy"),
                       ("row 2, column sorting", "spike_times.npy: cannot be read")),
    "clusters of another sorting": (
        lambda f: np.save(f / f"{SESSION}_phy/spike_clusters.npy", np.zeros(7, int)),
        ("found 7 spikes; expected 900",)),
    "pickled spikes": (
        lambda f: np.save(f / f"{SESSION}_phy/spike_times.npy", np.array([{}], dtype=object)),
        ("spike_times.npy: cannot be read",)),
    "no params": (lambda f: (f / f"{SESSION}_phy/params.py").unlink(), ("params.py: not found",)),
    "speeds without speed": (
        lambda f: (f / f"{SESSION}_speed.csv").write_text("time_s,v\n0,1\n1,2\n"),
        ("row 2, column movement", "expected 'speed_cm_s'")),
    "a file that is gone": (lambda f: (f / f"{SESSION}_speed.csv").unlink(),
                            ("row 2, column movement", "there is none")),
}  # fmt: skip

WARNINGS = {
    "contexts in minutes": (minutes_for_seconds, ("contexts that cover 2 s",
                                                  "minutes for seconds")),
    "a dose in the wrong unit": (lambda f: dose(f, time_s="60000"),
                                 ("column time_s: found 60000; a time from 0 to 120.0 s",)),
    "a dose before a session that is one phase": (
        lambda f: (dose(f, time_s="-1800"), edit_config(
            f / "config.yaml", lambda c: c["design"].update(phases={"test": "session"}))),
        ("column time_s: found -1800; a blank for a dose before a session",)),
    "the sorting of another recording": (lambda f: spikes_of(f, 500),
                                         ("the last spike at 500.0 s",
                                          "within the 120.0 s that were recorded")),
    "a video of another frame rate": (
        lambda f: (f / f"{SESSION}_speed.csv").write_text("time_s,speed_cm_s\n0,1\n144,2\n"),
        ("r0_w0_speed.csv from 0.0 to 144.0 s; about the 120.0 s", "frame_rate_hz")),
    "a log on another clock": (
        lambda f: log_of(f, LOG.splitlines(True)[0] + "1,5005,Right,R,1\n"),
        ("trials from 5005.0 to 5005.0 s", "starts_at_s")),
    "a log without times beside phases in seconds": (
        lambda f: edit_config(
            f / "config.yaml",
            lambda c: c["behaviour"]["formats"]["box"]["columns"].pop("t_cue")),
        ("r0_w0_log.csv: trials without times", "none of these trials is compared")),
    "one recording twice": (lambda f: session_row(f, recording="r1_w1"),
                            ("session r0_w0 (row 2) names it too",)),
    "stopped early": (shorter, ("40 s recorded; about 120 s as in the other sessions",)),
    "another rate": (other_rate, ("200 Hz in 1 sessions, 1000 Hz in 3 sessions",
                                  "at least 360 Hz for the bands up to 180 Hz")),
    "a short cell": (lambda f: dose(f, time_s="88"), ("s of home_cage in", "a missing cell")),
    "no channel table": (lambda f: edit_config(f / "config.yaml", without_channels),
                         ("all channels count as one region",)),
    "no mains": (lambda f: edit_config(f / "config.yaml", lambda c: c.pop("recording")),
                 ("recording.line_noise_hz", "50 or 60")),
    "no primary outcome": (lambda f: edit_config(f / "config.yaml", lambda c: c.pop("outcomes")),
                           ("outcomes.primary: found no primary outcome",)),
    "no smallest effect": (
        lambda f: edit_config(f / "config.yaml", lambda c: c["outcomes"].pop("smallest_effect")),
        ("nothing for band_power/theta@mPFC", "there is no 'no drug effect'")),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_named_and_the_other_sessions_looked_at(lab, capsys, name):
    change, expected = ERRORS[name]
    change(lab)
    said = said_of(lab, capsys, status=1)
    assert "problem(s) in the experiment:" in said and "No errors found" not in said
    assert "warning: " not in said.rpartition("problem(s) in the experiment:")[2]  # errors last
    for text in expected:
        assert text in said, said[-3000:]
    assert "Traceback" not in said
    if name != "a file that is gone":
        assert "recording r1_w1 (2 channels at 1000 Hz)" in said


@pytest.mark.parametrize("name", WARNINGS)
def test_traps_are_warned_of(lab, capsys, name):
    change, expected = WARNINGS[name]
    change(lab)
    said = said_of(lab, capsys, status=0)
    for text in expected:
        assert text in said, said[-3000:]


def test_all_problems_are_listed_at_once(lab, capsys):
    truncate(stream_of(lab) / "continuous.dat")
    log_of(lab, "a,b\n1,2\n")
    late_context(lab)
    (lab / "r1_w0_speed.csv").write_text("time_s,speed_cm_s\n1,1\n0,2\n")
    said = said_of(lab, capsys, status=1)
    for text in ("column recording", "column behaviour", "row 4, column movement", "from 9000 s"):
        assert text in said


# ------------------------------------------------------------------------------ time and memory


def test_a_session_of_gigabytes_takes_less_than_a_second(lab):
    """A recording of 10 h, 64 channels at 30 kHz (138 GB, sparse) and a movement file of 20 MB."""
    raw = lab / "raw.dat"
    with raw.open("wb") as stream:
        stream.truncate(64 * 2 * 30_000 * 36_000)
    names = [f"CH{n}" for n in range(1, 65)]
    car = {"rate_hz": 30_000, "channels": names, "dtype": "int16", "gain_uv": 0.2, "offset_uv": 0}
    (lab / "raw.dat.json").write_text(json.dumps(car))
    times = np.arange(0, 36_000, 0.04)
    pd.DataFrame({"time_s": times, "speed_cm_s": 1.25}).round(3).to_csv(
        lab / "long.csv", index=False
    )
    session_row(lab, recording="raw.dat", recording_format="binary", movement="long.csv")
    experiment, _ = examine(lab / "config.yaml")
    session = experiment.included[0]
    open_session(experiment, experiment.included[1])  # imports, once per process
    began = time.perf_counter()
    found = open_session(experiment, session)
    assert time.perf_counter() - began < 1.0
    assert found.problems == []
    spans = {extent.kind: (extent.start_s, extent.stop_s) for extent in found.extents}
    assert spans["recording"] == (0.0, 36_000.0)
    assert spans["movement"] == pytest.approx((0.0, 35_999.96))


# --------------------------------------------------------------------------------------- sync


def with_pulses(lab, *, line="1", blurred_s=0.0, log_pulses=True):
    """A pulse with every trial; the log's own clock is 300 s ahead of the recording's."""
    rng = np.random.default_rng(5)
    edges = np.round(np.cumsum(rng.uniform(1500, 4500, 36))).astype(int)
    edges = edges[edges < 118_000]
    pulses = [(1, int(edge), int(edge) + 20) for edge in edges]
    signals = rng.normal(0, 50, (120_000, 2)).astype(np.float32)
    for name in ("r0_w0", "r0_w1", "r1_w0", "r1_w1"):
        shutil.rmtree(lab / name)
        write_openephys(lab / name, signals, rate_hz=1000.0, channels=["CH1", "CH2"], pulses=pulses)
        seen = edges / 1000 + 300 + rng.uniform(-blurred_s, blurred_s, len(edges))
        lines = ["Trial,Time_s,Rule,Choice,Correct,Pulse"]
        lines += [
            f"{n},{second:.4f},Right,{'LR'[n % 2]},{n % 2},{f'{second:.4f}' if log_pulses else ''}"
            for n, second in enumerate(seen)
        ]
        (lab / f"{name}_log.csv").write_text("\n".join(lines) + "\n")

    def change(config):
        config["sync"] = {"line": line}
        config["behaviour"]["formats"]["box"]["sync_event"] = "Pulse"

    edit_config(lab / "config.yaml", change)


def test_a_log_on_its_own_clock_is_shown_on_the_recordings(lab, capsys):
    with_pulses(lab)
    said = said_of(lab, capsys, status=0)
    line = next(line for line in said.splitlines() if "behaviour r0_w0_log.csv" in line)
    first, last = (float(line.split()[place]) for place in (-4, -2))
    assert 1.5 <= first <= 4.5 and 100 < last < 118


SYNC = {
    "another line": ({"line": "3"}, "expected pulses on line 3 (the cable is on another line"),
    "a log without pulses": ({"log_pulses": False}, "row 2, column behaviour"),
    "pulses that fit nowhere": ({"blurred_s": 2.0}, "r0_w0_log.csv"),
}


@pytest.mark.parametrize("name", SYNC)
def test_sync_that_cannot_work(lab, capsys, name):
    options, expected = SYNC[name]
    with_pulses(lab, **options)
    said = said_of(lab, capsys, status=1)
    assert expected in said and "problem(s) in the experiment" in said


# ------------------------------------------------------------------------------------- design


def cohort(folder, plan, *, contexts=("home_cage",), questions=None, extra=None, config=None):
    """Sessions from (animal, week, drug) with columns of their own; no files at all."""
    sessions, doses, rows = [], [], []
    for index, (animal, week, drug, *more) in enumerate(plan):
        name = f"s{index}"
        sessions.append(
            {"session": name, "animal": animal, "start": f"2026-01-{1 + 7 * week:02d}T09:00"}
            | (more[0] if more else {})
        )
        doses.append({"animal": animal, "session": name, "time_s": 600, "drug": drug})
        for part, where in enumerate(contexts):
            rows.append({"session": name, "context": where, "start_s": 1200 * part,
                         "stop_s": 1200 * (part + 1)})  # fmt: skip
    design = {
        "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
        "reference_condition": "vehicle",
        "contexts": list(contexts),
        "phases": {"acute": [300, 9000]},
    }
    if questions:
        design["questions"] = questions
    design |= extra or {}
    return minimal(
        folder, config={"design": design, **(config or {})}, sessions=sessions,
        administrations=doses, contexts=rows,
    )  # fmt: skip


def warned(path):
    experiment, problems = examine(path)
    assert not [p for p in problems if p.severity == "error"]
    return [f"{p.severity}: {p}" for p in design_problems(experiment)]


def crossover(animals=6, *, first=lambda a: a % 2):
    """Each animal has vehicle and psilocybin; ``first`` says which comes first."""
    drugs = ("saline", "psilocybin")
    return [
        (f"r{a}", week, drugs[(first(a) + week) % 2]) for a in range(animals) for week in (0, 1)
    ]


def test_a_counterbalanced_crossover_has_nothing_to_say_of_order(tmp_path):
    said = warned(cohort(tmp_path, crossover()))
    assert not any("always" in line or "cannot be told apart" in line for line in said)


def test_drug_confounded_with_order(tmp_path):
    said = warned(cohort(tmp_path, crossover(first=lambda a: 0)))
    assert any("vehicle always before psilocybin (6 animals)" in line for line in said)
    said = warned(cohort(tmp_path / "b", crossover(first=lambda a: 1)))
    assert any("psilocybin always before vehicle (6 animals)" in line for line in said)


@pytest.mark.parametrize("column", ["cohort", "sex"])
def test_drug_confounded_with_groups_of_animals(tmp_path, column):
    def parallel(level):
        drugs = ("saline", "psilocybin")
        return [(f"r{a}", 0, drugs[a % 2], {column: level(a)}) for a in range(12)]

    said = warned(cohort(tmp_path / "a", parallel(lambda a: "AB"[a % 2])))
    assert any(f"{column} B with it, {column} A with vehicle" in line for line in said)
    said = warned(cohort(tmp_path / "b", parallel(lambda a: "AB"[a // 6])))
    assert not any("with it" in line for line in said)


def test_no_vehicle_is_an_error(tmp_path, capsys):
    path = cohort(tmp_path, [(f"r{a}", 0, "psilocybin") for a in range(6)])
    assert main(["check", str(path)]) == 1
    assert "no administration that is 'vehicle'; one at least" in capsys.readouterr().out


def test_a_condition_that_nobody_had_and_too_few_animals(tmp_path):
    said = warned(cohort(tmp_path, [(f"r{a}", 0, "saline") for a in range(3)]))
    assert any("design.conditions.psilocybin: found no administration of it" in s for s in said)
    assert any("animals per condition: vehicle 3; 5 or more" in s for s in said)
    said = warned(minimal(tmp_path / "one"))
    assert any("found one animal; several" in line for line in said)


def test_empty_cells_of_a_question(tmp_path):
    plan = crossover()
    plan = [(*row, {"stage": "dosing" if row[1] else "preparation"}) for row in plan]
    plan = [row if row[2] == "saline" or row[3]["stage"] == "dosing" else (row[0], 0, "saline",
            row[3]) for row in plan]  # fmt: skip
    path = cohort(tmp_path, plan, questions=[{"modifier": "stage", "reference": "preparation"}])
    said = warned(path)
    assert any("stage: no session of psilocybin x preparation in acute; " in line for line in said)
    asked = [{"modifier": "context", "reference": "home_cage"}]
    lonely = cohort(tmp_path / "b", crossover(), questions=asked)
    assert any("context: home_cage; two levels or more" in line for line in warned(lonely))


def test_one_context_and_no_question_is_no_warning(tmp_path, capsys):
    path = cohort(tmp_path, crossover())
    assert not any("two levels or more" in line for line in warned(path))
    main(["check", str(path)])
    assert "Asked: does the drug act in home_cage? (one context, " in capsys.readouterr().out


def test_contexts_that_always_come_in_one_order(tmp_path):
    contexts = ("home_cage", "open_field")
    said = warned(cohort(tmp_path / "a", crossover(), contexts=contexts))
    # 900 to 1200 s and 1200 to 2400 s, the dose at 600 s
    assert any(
        "context order: open_field 20 min and home_cage 8 min after the dose, in acute" in line
        for line in said
    )
    path = cohort(tmp_path / "b", crossover(), contexts=contexts)
    rows = rows_of(path.parent / "contexts.tsv")
    for row in rows:  # the other way round in every second session
        if int(row["session"][1:]) % 2:
            row["context"] = contexts[row["context"] == "home_cage"]
    write_table(path.parent / "contexts.tsv", rows)
    assert not any("context order" in line for line in warned(path))


def test_few_animals_in_a_cell_of_a_modifier_between_animals(tmp_path):
    """6 animals of each drug: 6 housed alone and 6 in groups, 3 of each in every cell."""

    def housed(levels):
        plan = [(f"r{a}", 0, ("saline", "psilocybin")[a % 2]) for a in range(12)]
        return [(*row, {"housing": levels[index // 6]}) for index, row in enumerate(plan)]

    asked = [{"modifier": "housing", "reference": "alone"}]
    said = warned(cohort(tmp_path / "a", housed(["alone", "group"]), questions=asked))
    expected = ", ".join(
        f"{condition} x {level} 3 in acute"
        for condition in ("psilocybin", "vehicle")
        for level in ("alone", "group")
    )
    assert any(f"housing: animals per cell: {expected}; 5 or more in every" in s for s in said)
    # the drug within animals: an animal counts where it had both; 3 of 6 in each
    rows = [(*row, {"housing": ["alone", "group"][int(row[0][1:]) // 3]}) for row in crossover()]
    said = warned(cohort(tmp_path / "b", rows, questions=asked))
    within = "psilocybin and vehicle x alone 3 in acute, psilocybin and vehicle x group 3 in acute"
    assert any(within in s for s in said)
    # both levels in every animal: 6 animals in each cell
    plan = [(*row, {"housing": level}) for row in crossover() for level in ("alone", "group")]
    both = warned(cohort(tmp_path / "c", plan, questions=asked))
    assert not any("per cell" in s for s in both)


def test_levels_that_are_cohorts(tmp_path):
    asked = [{"modifier": "housing", "reference": "alone"}]

    def plan(cohort_of):
        return [
            (*row, {"housing": level, "cohort": cohort_of(int(row[0][1:]), level)})
            for row in crossover(12)
            for level in [("alone", "group")[int(row[0][1:]) // 6]]
        ]

    told = "housing: alone in cohort A, group in cohort B, C; two levels in a cohort: housing and"
    apart = plan(lambda animal, level: "A" if level == "alone" else "BC"[animal % 2])
    assert any(told in s for s in warned(cohort(tmp_path / "a", apart, questions=asked)))
    shared = plan(lambda animal, level: "A" if animal < 7 else "B")  # one animal of both in A
    unknown = plan(lambda animal, level: "" if level == "alone" else "B")
    for name, rows in (("b", shared), ("c", unknown)):
        said = warned(cohort(tmp_path / name, rows, questions=asked))
        assert not any("two levels in a cohort" in s for s in said), name


def test_a_drug_that_is_given_by_cage(tmp_path):
    def plan(drug_of):
        drugs = ("saline", "psilocybin")
        return [(f"r{a}", 0, drugs[drug_of(a)], {"cage": f"c{a // 2}"}) for a in range(12)]

    by_cage = plan(lambda a: a // 2 % 2)
    (said,) = [s for s in warned(cohort(tmp_path / "a", by_cage)) if "cage" in s]
    assert "design.unit: found animal, and the drug given by cage: mates alike in all 6" in said
    one_differs = plan(lambda a: 1 - a // 2 % 2 if a == 11 else a // 2 % 2)
    mates = [(*row, {"cage": f"c{int(row[0][1:]) // 2}"}) for row in crossover()]
    for name, rows, extra in (
        ("b", one_differs, {}),
        ("c", mates, {}),  # every animal has both
        ("d", by_cage, {"unit": "cage"}),
    ):
        assert not any(
            "mates alike" in s for s in warned(cohort(tmp_path / name, rows, extra=extra))
        )


def test_contexts_in_turns_that_all_begin_with_the_same(tmp_path):
    contexts = ("home_cage", "open_field") * 2
    # the dose at 600 s, handling to 900 s: home_cage 900 to 1200 and 2400 to 3600 s, open_field
    # 1200 to 2400 and 3600 to 4800 s; from the dose, weighted by seconds, on average
    # (300 * 450 + 1200 * 2400) / 1500 = 2010 s and (1200 + 3600) / 2 = 2400 s: 6.5 min apart
    design = {"contexts": ["home_cage", "open_field"]}
    path = cohort(tmp_path / "a", crossover(), contexts=contexts, extra=design)
    (said,) = [s for s in warned(path) if "context order" in s]
    assert "every session begins with home_cage, and open_field is on average 6 min later" in said
    rows = rows_of(path.parent / "contexts.tsv")
    for row in rows:  # one animal begins with the other
        if row["session"] in ("s0", "s1"):
            row["context"] = contexts[row["context"] == "home_cage"]
    write_table(path.parent / "contexts.tsv", rows)
    assert not any("context order" in s for s in warned(path))
    ends_alike = cohort(tmp_path / "b", crossover(), contexts=contexts[:3], extra=design)
    assert not any("context order" in s for s in warned(ends_alike))
    no_verdict = cohort(tmp_path / "c", crossover(4), contexts=contexts, extra=design)
    assert not any("context order" in s for s in warned(no_verdict))


def test_dates_that_are_missing_and_washouts_that_are_short(tmp_path):
    path = cohort(tmp_path, crossover())
    edit_rows(path.parent / "sessions.tsv", lambda row: row.update(start=""))
    assert any("no dates for r0, r1" in line for line in warned(path))
    path = cohort(tmp_path / "b", crossover(), extra={"washout_days": 14})
    assert any("as little as 7 days between doses; 14 or more" in line for line in warned(path))


def test_the_table_of_a_question_counts_animals_and_sessions(tmp_path, capsys):
    plan = [(*row, {"sex": "MF"[int(row[0][1:]) % 2]}) for row in crossover(7)]
    path = cohort(tmp_path, plan, questions=[{"modifier": "sex", "reference": "M"}])
    main(["check", str(path)])
    said = capsys.readouterr().out
    row = next(s for s in said.splitlines() if s.startswith("  acute         psilocybin"))
    assert row.split()[2:] == ["4", "(4)", "3", "(3)"]


def test_a_blind_check_names_no_substance(tmp_path, capsys):
    path = cohort(
        tmp_path, crossover(first=lambda a: 0), config={"statistics": {"blind": True}},
        extra={"conditions": {"sal": {"drug": "saline"}, "psi": {"drug": "psilocybin"}},
               "reference_condition": "sal"},
    )  # fmt: skip
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr().out
    assert not (tmp_path / "blinding.key").exists()
    for word in ("saline", "psilocybin", "psi ", "sal ", "[sal", "[psi", "vehicle"):
        assert word not in said, said


def test_tables_that_cannot_be_read_are_all_there_is(tmp_path):
    path = minimal(tmp_path)
    (tmp_path / "sessions.tsv").write_text("sesion\tanimal\n1\t2\n")
    checked = examine_all(path)
    assert checked.experiment is None and len(checked.errors) == 1
    assert not checked.files


def test_a_folder_above_several_open_ephys_sessions_is_refused(tmp_path):
    signals = np.random.default_rng(0).normal(0, 50, (2000, 2)).astype(np.float32)
    for day in ("2026-03-02", "2026-03-09"):
        write_openephys(tmp_path / "rat" / day, signals, rate_hz=1000.0, channels=["a", "b"])
    path = minimal(tmp_path)
    sessions = [{"session": "s1", "animal": "r1", "start": "2026-03-01", "recording": "rat"}]
    sessions.append({"session": "s2", "animal": "r1", "start": "2026-03-08"})
    write_table(tmp_path / "sessions.tsv", sessions)
    (found,) = [p for p in examine_all(path).errors if "Open Ephys sessions" in p.expected]
    assert "2026-03-02, 2026-03-09; expected one: name its own folder" in found.expected
    sessions[0]["recording"] = "rat/2026-03-02"
    write_table(tmp_path / "sessions.tsv", sessions)
    assert not any("Open Ephys" in p.expected for p in examine_all(path).errors)


def test_errors_of_one_kind_are_shown_eight_times_and_counted(tmp_path, capsys):
    path = cohort(tmp_path, crossover(6))
    edit_rows(path.parent / "sessions.tsv", lambda row: row.update(movement="gone.csv"))
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.count("; there is none") == 8 and "12 problem(s)" in said
    assert "  9. sessions.tsv: ... and 4 more like it (--json)" in said
