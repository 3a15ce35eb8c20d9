"""Blinding: what the codes are, what is refused, and what the record locks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import stat
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from experiments import minimal, write_table
from report_example import METRICS, few
from test_report_page import Page, build

from pipeline.__main__ import main
from pipeline.compare import compare
from pipeline.errors import ExperimentError, InputError
from pipeline.experiment.blind_names import HiddenNames
from pipeline.experiment.blinding import (
    coded_plan,
    codes_of,
    key_of,
    read_key,
    shown,
    write_once,
)
from pipeline.experiment.load import load_experiment
from pipeline.report.blinding import notice
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import COHORT_TABLES
from pipeline.steps.record import run_record
from pipeline.steps.settings import (
    cohort_settings,
    extract_settings,
    figures_settings,
    measure_settings,
    pages_settings,
    report_settings,
)

NAMES = ("psilocybin", "ketanserin", "saline", "vehicle", "antagonist_alone", "both_drugs")


def edit(path: Path, change) -> None:
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def blind(path: Path, value: bool = True) -> Path:
    edit(path, lambda c: c.setdefault("statistics", {}).update(blind=value))
    return path


def antagonist(folder: Path, **changes) -> Path:
    """Two rats, four sessions each: drug or vehicle, after an antagonist or its vehicle; a sham."""
    doses = ["psilocybin", "saline", "psilocybin", "saline"]
    before = ["ketanserin", "ketanserin", "saline", "saline"]
    sessions, contexts, given = [], [], []
    for animal in (0, 1):
        for week in range(4):
            name = f"r{animal}_w{week}"
            day = f"2026-03-{1 + 7 * week:02d}T09:00:00"
            sessions.append({"session": name, "animal": f"r{animal}", "start": day, "group": "x"})
            contexts.append({"session": name, "context": "home", "start_s": 0, "stop_s": 3600})
            drug = (week + 2 * animal) % 4
            rows = [
                ("pretreatment", 300, before[drug], 1 if before[drug] == "ketanserin" else None),
                ("test", 900, doses[drug], 1 if doses[drug] == "psilocybin" else None),
            ]
            given += [
                {"animal": f"r{animal}", "session": name, "time_s": time_s, "drug": what,
                 "dose_mg_per_kg": dose, "role": role, "route": "i.p. (psilocybin room)"}
                for role, time_s, what, dose in rows
            ]  # fmt: skip
    vehicle = {"drug": "saline"}
    ketanserin = {"drug": "ketanserin", "dose_mg_per_kg": 1}
    drug = {"drug": "psilocybin", "dose_mg_per_kg": 1}
    design = {
        "conditions": {
            "vehicle": {**vehicle, "pretreatment": vehicle},
            "psilocybin": {**drug, "pretreatment": vehicle},
            "antagonist_alone": {**vehicle, "pretreatment": ketanserin},
            "both_drugs": {**drug, "pretreatment": ketanserin, "reference": "antagonist_alone"},
        },
        "reference_condition": "vehicle",
        "contexts": ["home"],
        "questions": [{"modifier": "pretreatment", "reference": "saline"}],
        "phases": {"baseline": [-600, -1], "acute": [300, 1800]},
        "handling_s": [-10, 10],
    }
    path = minimal(
        folder, sessions=sessions, administrations=given, contexts=contexts,
        config={"design": design}, **changes,
    )  # fmt: skip
    return blind(path)


# -- codes and key ---------------------------------------------------------------------------------


def test_codes_are_letters_in_the_order_of_the_keyed_hashes():
    key = bytes(range(32))
    codes = codes_of(["vehicle", "psilocybin", "MDMA"], key)
    digests = {
        name: hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
        for name in ("vehicle", "psilocybin", "MDMA")
    }
    assert list(codes) == sorted(digests, key=digests.get)
    assert list(codes.values()) == ["A", "B", "C"]
    assert codes_of(["MDMA", "psilocybin", "vehicle"], key) == codes


def test_every_order_of_the_codes_is_equally_likely():
    keys = [hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(1200)]
    orders = Counter(tuple(codes_of(["vehicle", "psilocybin", "MDMA"], key)) for key in keys)
    assert len(orders) == 6
    # 200 each; binomial standard deviation 12.9
    assert all(abs(count - 200) < 4 * 12.9 for count in orders.values())


def test_codes_go_on_after_z():
    codes = list(codes_of([f"c{n}" for n in range(703)], b"k" * 32).values())
    assert [codes[n] for n in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    config = tmp_path / "config.yaml"
    key = key_of(config)
    path = tmp_path / "blinding.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key.secret) == 32
    assert key_of(config) == key
    (tmp_path / "other").mkdir()
    assert key_of(tmp_path / "other" / "config.yaml").secret != key.secret
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", key.made_at)
    assert not list(tmp_path.glob(".blinding*"))


@pytest.mark.parametrize("text", ["", "key 12", "made x\nkey zz", "key " + "0" * 64])
def test_a_file_that_is_no_key_is_refused(tmp_path, text):
    path = tmp_path / "blinding.key"
    path.write_text(text)
    with pytest.raises(InputError, match="found no key"):
        read_key(path)


def test_a_file_is_written_once(tmp_path):
    path = tmp_path / "a"
    assert write_once(path, "first")
    assert not write_once(path, "second")
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_is_written_once_without_hard_links_too(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    assert write_once(tmp_path / "a", "first")
    assert not write_once(tmp_path / "a", "second")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "first")]


def test_a_folder_that_takes_no_key_is_named(tmp_path, monkeypatch):
    path = antagonist(tmp_path)

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pipeline.experiment.blinding.write_once", lambda *a, **k: refuse())
    with pytest.raises(InputError, match=r"none can be written \(Permission denied\)"):
        load_checked(path)


def test_version_control_is_told_to_leave_the_key_out():
    ignored = (Path(__file__).parents[1] / ".gitignore").read_text().splitlines()
    assert "blinding.key" in ignored


# -- the coded experiment --------------------------------------------------------------------------


def test_nothing_after_the_sessions_is_told_a_name(tmp_path):
    experiment = load_experiment(antagonist(tmp_path))
    for settings in (cohort_settings, report_settings, figures_settings):
        told = json.dumps(settings(experiment)).casefold()
        for name in (*NAMES, "i.p."):
            assert name not in told, f"{settings.__name__}: {name}"


def test_sessions_are_told_no_name_blind_or_not(tmp_path):
    """Blinding, or another label, changes nothing of a session's settings."""
    told = []
    for value in (True, False):
        experiment = load_experiment(blind(antagonist(tmp_path / str(value)), value))
        told.append(
            [
                measure_settings(experiment, session)
                | extract_settings(experiment, session, {})
                | pages_settings(experiment)
                for session in experiment.included
            ]
        )
    assert told[0] == told[1]
    text = json.dumps(told).casefold()
    assert not [name for name in (*NAMES, "pretreatment", '"role"') if name in text]


def test_the_codes_stand_for_the_conditions_and_keep_times_and_order(tmp_path):
    experiment = load_experiment(antagonist(tmp_path))
    seen = shown(experiment)
    pairs = {
        (anchor.condition, seen.anchors[name].condition)
        for name, anchor in experiment.anchors.items()
    }
    assert len(pairs) == 4
    assert {code for _, code in pairs} == {"A", "B", "C", "D"}
    before = {
        (anchor.previous_condition, seen.anchors[name].previous_condition)
        for name, anchor in experiment.anchors.items()
    }
    assert before - {("", "")} <= pairs
    for name, anchor in experiment.anchors.items():
        coded = seen.anchors[name]
        assert (coded.step, coded.period, coded.days_since_previous) == (
            anchor.step, anchor.period, anchor.days_since_previous,
        )  # fmt: skip
        assert coded.administration.time_s == anchor.administration.time_s
        # 0 earlier doses in a second period would say that the first was a vehicle
        assert coded.n_prior_doses is None


def test_no_code_is_a_reference_and_no_question_names_a_substance(tmp_path):
    plan = shown(load_experiment(antagonist(tmp_path))).plan
    assert plan.blind
    assert [c.name for c in plan.conditions] == ["A", "B", "C", "D"]
    assert {c.reference for c in plan.conditions} == {None}
    assert not any(c.is_reference or c.drug or c.pretreatment for c in plan.conditions)
    assert [q.modifier for q in plan.questions] == ["context"]


def test_an_open_experiment_is_itself_and_makes_no_key(tmp_path):
    experiment = load_experiment(minimal(tmp_path))
    assert shown(experiment) is experiment
    assert not (tmp_path / "blinding.key").exists()


def test_check_shows_codes_and_makes_no_key(tmp_path, capsys):
    path = antagonist(tmp_path)
    assert main(["check", str(path)]) == 0
    before = capsys.readouterr().out
    assert "acute, home 1 [?]" in before
    assert not (tmp_path / "blinding.key").exists()
    load_checked(path)  # as the workflow does
    assert main(["check", str(path)]) == 0
    after = capsys.readouterr().out
    assert {f"[{code}]" in after for code in "ABCD"} == {True}
    assert not [name for name in NAMES if name in before + after]


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("r1_psilocybin", "psilocybin"),
        ("Psilo-Cybin 1", "psilocybin"),
        ("PSILOCYBIN", "psilocybin"),
        ("r1 w0", ""),
        ("r1_LSD_w0", "LSD"),
        ("lsd2", "LSD"),
        ("falsdan", ""),  # a short name inside a word is chance
        ("sälsd", ""),
        ("MDMA", ""),
    ],
)
def test_names_are_found_in_labels(text, found):
    assert HiddenNames(["psilocybin", "LSD", ""]).inside(text) == found


CELLS = {
    "session": ("sessions", "r1_psilocybin"),
    "animal": ("sessions", "psilocybin1"),
    "cohort": ("sessions", "vehicle first"),
    "cage": ("sessions", "Saline 2"),
    "stage": ("sessions", "ketanserin week"),
    "recording": ("sessions", "raw/psilocybin/r1"),
    "behaviour": ("sessions", "logs/saline.csv"),
    "movement": ("sessions", "psilocybin.csv"),
    "exclude": ("sessions", "seizure after psilocybin"),
    "group": ("sessions", "vehicle"),
    "dosing_context": ("administrations", "vehicle room"),
}


@pytest.mark.parametrize("column", CELLS)
def test_a_cell_that_names_a_drug_is_refused(tmp_path, column):
    table, value = CELLS[column]
    path = antagonist(tmp_path)
    lines = (tmp_path / f"{table}.tsv").read_text().splitlines()
    header = lines[0].split("\t")
    rows = [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]
    old = rows[1].get(column, "")
    for row in rows if column == "animal" else rows[1:2]:
        row[column] = value if row.get(column, "") == old else row.get(column, "")
    write_table(tmp_path / f"{table}.tsv", rows)
    with pytest.raises(ExperimentError) as refused:
        load_checked(path)
    line = 2 if column == "animal" else 3
    assert f"{table}.tsv: row {line}, column {column}: found '{value}'" in str(refused.value)
    assert "would stand in the results of a blind run" in str(refused.value)


def test_everything_that_names_a_drug_is_listed_at_once(tmp_path, capsys):
    path = antagonist(tmp_path)
    table = tmp_path / "sessions.tsv"
    text = table.read_text().replace("group", "after_ketanserin")
    table.write_text(text.replace("\tx", "\tvehicle", 2))
    edit(path, lambda c: c["experiment"].update(title="Psilocybin at home"))
    edit(path, lambda c: c["design"]["phases"].update(ketanserin_late=[1800, 2400]))
    edit(path, lambda c: c.update(
        outcomes={"declare": {"psilocin": {"label": "Plasma psilocybin"}}}
    ))  # fmt: skip
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().out
    for place in (
        "sessions.tsv: row 1, column after_ketanserin",
        "sessions.tsv: row 2, column after_ketanserin: found 'vehicle'",
        "sessions.tsv: row 3, column after_ketanserin: found 'vehicle'",
        "config.yaml: experiment.title: found 'Psilocybin at home'",
        "config.yaml: design.phases: found 'ketanserin_late'",
        "config.yaml: outcomes.declare.psilocin.label",
    ):
        assert place in said, said
    assert "\n6 problem(s)" in said, said  # below what is only remarked upon
    edit(path, lambda c: c["statistics"].update(blind=False))
    assert main(["check", str(path)]) == 0  # no blind run was begun


def test_columns_that_a_log_carries_along_are_refused(tmp_path):
    path = antagonist(tmp_path)
    log = {"columns": {"rule": "Rule", "choice_side": "Choice"}, "keep": ["Note"]}
    edit(path, lambda c: c.update(behaviour={"formats": {"log": log}}))
    with pytest.raises(ExperimentError, match=r"behaviour\.formats\.log\.keep"):
        load_experiment(path)


def test_a_log_that_names_its_task_itself_is_refused_without_names_for_its_cells(tmp_path):
    path = antagonist(tmp_path)
    log = {"columns": {"rule": "Rule", "choice_side": "Choice", "task": "Protocol"}}
    edit(path, lambda c: c.update(behaviour={"formats": {"log": log}}))
    with pytest.raises(ExperimentError, match=r"behaviour\.formats\.log\.columns\.task"):
        load_experiment(path)
    coded = log | {"values": {"task": {"Shift day 2": "shifting"}}}
    edit(path, lambda c: c.update(behaviour={"formats": {"log": coded}}))
    load_experiment(path)
    named = log | {"values": {"task": {"Psilocybin day": "shifting"}}}
    edit(path, lambda c: c.update(behaviour={"formats": {"log": named}}))
    with pytest.raises(ExperimentError, match="names 'psilocybin'"):
        load_experiment(path)


def test_a_file_inside_a_folder_that_names_a_drug_is_refused(tmp_path, monkeypatch):
    path = antagonist(tmp_path / "psilocybin_lab")
    (tmp_path / "psilocybin_lab" / "log.csv").write_text("x")
    table = tmp_path / "psilocybin_lab" / "sessions.tsv"
    lines = table.read_text().splitlines()
    lines = [lines[0] + "\tmovement", lines[1] + "\tlog.csv", *(f"{x}\t" for x in lines[2:])]
    table.write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentError, match="row 2, column movement: found 'psilocybin_lab"):
        load_checked(path)
    monkeypatch.chdir(tmp_path / "psilocybin_lab")  # from here no message shows the folder
    load_checked(path)


def test_conditions_called_like_codes_are_refused(tmp_path):
    path = minimal(tmp_path)
    edit(path, lambda c: c["design"].update(
        conditions={"vehicle": {"drug": "saline"}, "B": {"drug": "psilocybin"}}
    ))  # fmt: skip
    with pytest.raises(ExperimentError, match=r"design\.conditions\.B: found 'B'; a longer name"):
        load_experiment(blind(path))


# -- the record ------------------------------------------------------------------------------------


def finished(folder: Path, config: Path) -> None:
    """Leave what a finished run leaves, as far as unblinding looks at it."""
    import pandas as pd

    from pipeline.steps.measure import COLUMNS

    record = run_record(pd.DataFrame(columns=list(COLUMNS)), cohort_settings(load_checked(config)))
    for name in (*COHORT_TABLES.values(), "results/report/index.html"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / COHORT_TABLES["record"]).write_text(json.dumps(record))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished blind run; the present folder is that of its results."""
    config = antagonist(tmp_path / "lab")
    monkeypatch.chdir(tmp_path)
    finished(tmp_path, config)
    return SimpleNamespace(config=config, lab=tmp_path / "lab", folder=tmp_path)


def unblind(run, *arguments: str) -> int:
    return main(["unblind", str(run.config), *arguments])


def test_the_record_says_who_when_why_and_locks_everything(run, capsys):
    codes = codes_of(NAMES[:1] + NAMES[3:], key_of(run.config).secret)
    assert unblind(run, "--by", "A. Nose", "--reason", "plan fixed", "--who", "BC, scorer") == 0
    said = capsys.readouterr().out
    path = run.lab / "unblinding.json"
    record = json.loads(path.read_text())
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said
    assert record["by"] == "A. Nose" and record["reason"] == "plan fixed"
    assert record["who_was_blind"] == "BC, scorer"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["unblinded_at"])
    assert record["codes"] == {code: name for name, code in codes.items()}
    assert record["config"]["sha256"] == hashlib.sha256(run.config.read_bytes()).hexdigest()
    for name, digest in record["tables"].items():
        assert hashlib.sha256((run.lab / name).read_bytes()).hexdigest() == digest
    assert set(record["tables"]) == {"sessions.tsv", "administrations.tsv", "contexts.tsv"}
    for name, digest in record["results"].items():
        assert hashlib.sha256((run.folder / name).read_bytes()).hexdigest() == digest
    assert set(COHORT_TABLES.values()) <= set(record["results"])
    assert {"extract", "measure", "cohort", "report", "pages"} <= set(record["code"])


def test_the_record_opens_the_run(run):
    assert unblind(run, "--by", "AN") == 0
    experiment = load_checked(run.config)
    assert shown(experiment) is experiment
    assert {c.name for c in experiment.plan.conditions} == {
        "vehicle", "psilocybin", "antagonist_alone", "both_drugs",
    }  # fmt: skip
    assert report_settings(experiment)["blinding"]["changed"] == []
    # its labels may name drugs again
    table = run.lab / "sessions.tsv"
    table.write_text(table.read_text().replace("\tx", "\tvehicle"))
    load_checked(run.config)


def test_a_record_is_never_replaced(run, capsys):
    assert unblind(run, "--by", "AN") == 0
    before = (run.lab / "unblinding.json").read_bytes()
    assert unblind(run, "--by", "somebody else") == 1
    assert "unblinded already" in capsys.readouterr().out
    assert (run.lab / "unblinding.json").read_bytes() == before


def test_nobody_unblinds_without_a_name(run, capsys):
    assert unblind(run, "--by", "  ") == 1
    assert "expected who unblinds" in capsys.readouterr().out
    assert not (run.lab / "unblinding.json").exists()


def test_the_name_is_asked_for_where_somebody_can_answer(run, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: " A. Nose ")
    assert unblind(run) == 0
    assert json.loads((run.lab / "unblinding.json").read_text())["by"] == "A. Nose"


def replace_key(run) -> None:
    """Put another key beside the config, one that gives the conditions other letters.

    One key in 24 gives four conditions the same letters: nothing of such a run would be untrue.
    """
    names = NAMES[:1] + NAMES[3:]
    codes = codes_of(names, key_of(run.config).secret)
    keys = (bytes([byte]) * 32 for byte in range(256))
    other = next(key for key in keys if codes_of(names, key) != codes)
    (run.lab / "blinding.key").write_text(f"made x\nkey {other.hex()}\n")


CANNOT = {
    "no results": (lambda r: (r.folder / COHORT_TABLES["verdicts"]).unlink(), "verdicts.tsv"),
    "no report": (lambda r: (r.folder / "results/report/index.html").unlink(), "index.html"),
    "another table": (
        lambda r: (r.lab / "sessions.tsv").write_text(
            (r.lab / "sessions.tsv").read_text().replace("\tx", "\ty", 1)
        ),
        "made with other sessions",
    ),
    "other alpha": (lambda r: edit(r.config, lambda c: c["statistics"].update(alpha=0.01)),
                    "made with other config, plan"),
    "another key": (lambda r: replace_key(r), "made with other"),
    "an open run": (
        lambda r: (r.folder / COHORT_TABLES["record"]).write_text('{"blinded": false}'),
        "not blind",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CANNOT)
def test_only_the_results_of_a_finished_blind_run_are_opened(run, capsys, case):
    spoil, said = CANNOT[case]
    spoil(run)
    assert unblind(run, "--by", "AN") == 1
    assert said in capsys.readouterr().out
    assert not (run.lab / "unblinding.json").exists()


def test_what_was_never_blind_cannot_be_unblinded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["unblind", str(minimal(tmp_path)), "--by", "AN"]) == 1
    assert "nothing to unblind" in capsys.readouterr().out


def test_blind_cannot_be_switched_off_without_a_record(run):
    blind(run.config, False)
    with pytest.raises(ExperimentError, match="python -m pipeline unblind"):
        load_checked(run.config)
    # the results remember it, even when the key is lost
    (run.lab / "blinding.key").unlink()
    with pytest.raises(ExperimentError, match="python -m pipeline unblind"):
        load_checked(run.config)
    # with a record it makes no difference
    blind(run.config)
    finished(run.folder, run.config)
    assert unblind(run, "--by", "AN") == 0
    blind(run.config, False)
    load_checked(run.config)


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"unblinded_at": "yesterday"}'])
def test_a_record_written_by_hand_opens_nothing(run, text):
    (run.lab / "unblinding.json").write_text(text)
    with pytest.raises(InputError, match=r"unblinding\.json"):
        load_checked(run.config)


def test_a_record_of_other_codes_opens_nothing(run):
    assert unblind(run, "--by", "AN") == 0
    (run.lab / "blinding.key").write_text(f"made x\nkey {'ab' * 32}\n")
    with pytest.raises(ExperimentError, match="of another key"):
        load_checked(run.config)


def test_what_changed_since_the_record_is_named(run):
    assert unblind(run, "--by", "AN") == 0
    run.config.write_text(run.config.read_text() + "# a thought\n")

    def changed() -> list[str]:
        return report_settings(load_checked(run.config))["blinding"]["changed"]

    assert changed() == ["config.yaml (comments or layout only)"]
    edit(run.config, lambda c: c["statistics"].update(alpha=0.01))
    edit(run.config, lambda c: c["design"].update(minimum_epoch_s=20))
    assert changed() == ["config.yaml (design.minimum_epoch_s, statistics.alpha)"]
    table = run.lab / "sessions.tsv"
    table.write_text(table.read_text().replace("\tx", "\ty", 1))
    edit(run.config, lambda c: c["tables"].update(channels="channels.tsv"))
    write_table(run.lab / "channels.tsv", [{"channel": "c", "region": "mPFC"}])
    assert changed()[1:] == ["channels.tsv (added)", "sessions.tsv"]
    record = json.loads((run.lab / "unblinding.json").read_text())
    record["code"]["cohort"]["hash"] = "0" * 16
    record["code"]["report"]["versions"]["altair"] = "0"
    (run.lab / "unblinding.json").write_text(json.dumps(record))
    assert changed()[3:] == ["the pipeline's code (cohort)", "versions of libraries (altair)"]


# -- the report ------------------------------------------------------------------------------------

CODES = {"vehicle": "C", "psilocybin": "A", "ketamine": "D", "MDMA": "B"}


def coded_cohort(**blinding):
    """The example's cohort as a blind run sees it."""
    found = few()
    plan = coded_plan(found.plan, CODES).model_copy(update={"title": "Three contexts"})
    outcomes = found.outcomes.assign(condition=found.outcomes["condition"].replace(CODES))
    result = compare(outcomes, plan, METRICS)
    design = {
        **found.design,
        "blind": True,
        "blinding": {"state": "blind", "since": "2026-03-01T09:00:00Z", **blinding},
        "anchors": [
            row | {"condition": CODES[row["condition"]], "drug": "", "dose_mg_per_kg": None,
                   "route": ""}
            for row in found.design["anchors"]
        ],
    }  # fmt: skip
    return SimpleNamespace(
        plan=plan, metrics=found.metrics, outcomes=outcomes, contrasts=result.contrasts,
        verdicts=result.verdicts, completeness=found.completeness, design=design,
        methods={**found.methods, "blinding": design["blinding"]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def blind_page(tmp_path_factory):
    return Page(build(coded_cohort(), tmp_path_factory.mktemp("blind")).read_text())


def test_codes_are_compared_without_references_and_without_verdicts():
    cohort = coded_cohort()
    assert cohort.verdicts.empty
    assert set(cohort.contrasts["contrast"]) <= {"omnibus"}


def test_a_blind_page_says_so_and_names_nothing(blind_page):
    text = blind_page.text
    assert "Blind since 2026-03-01 09:00:00 UTC: conditions are shown by code" in text
    assert "Conditions are shown by code: A, B, C and D." in text
    assert "no condition is grey" in text
    # the example's session ids hold drugs' names; beside them nothing does
    said = re.sub(r"rat\d+_\w+", "", text).casefold()
    for name in ("vehicle", "psilocybin", "ketamine", "mdma", "saline", "mg/kg", "i.p."):
        assert name not in said, name
    for verdict in ("pill and process", "inconclusive", "no drug effect"):
        assert verdict not in said, verdict


def test_omnibus_tests_stand_in_the_answer(tmp_path):
    import pandas as pd

    cohort = coded_cohort()
    open_row = few().contrasts.iloc[0].to_dict()
    row = open_row | {
        "contrast": "omnibus", "term": "condition:context", "condition": "",
        "reference_condition": "", "level": "", "statistic": 5.204, "df_numerator": 3.0,
        "df": 11.43, "p": 0.012, "p_adjusted": 0.024, "n_animals": 8, "note": "",
    }  # fmt: skip
    cohort.contrasts = pd.DataFrame([row])
    text = Page(build(cohort, tmp_path).read_text()).text
    answer = text[text.index("Conditions are codes.") : text.index("Sessions that count")]
    assert "differs between conditions by context" in answer
    assert "F(3, 11.4) = 5.20" in answer.replace("\u00a0", " ").replace("\u202f", " ")
    assert ".012" in answer and ".024" in answer


STATE = {
    "state": "unblinded",
    "since": "2026-03-01T09:00:00Z",
    "until": "2026-04-02T10:11:12Z",
    "by": "A. Nose",
    "reason": "plan fixed",
    "who": "BC (scorer)",
    "sha256": "f" * 64,
    "codes": {"A": "psilocybin", "B": "vehicle"},
    "changed": [],
}


def test_the_open_report_says_who_was_blind_until_when(tmp_path):
    found = few()
    design = {**found.design, "blinding": STATE}
    methods = {**found.methods, "blinding": STATE}
    page = Page(build(found, tmp_path, design=design, methods=methods).read_text())
    said = (
        "Blind from 2026-03-01 09:00:00 UTC until 2026-04-02 10:11:12 UTC (unblinded by A. Nose; "
        f"reason: plan fixed; record sha256 {'f' * 64}). Blind until then: BC (scorer)."
    )
    assert page.text.count(said) == 2  # at the top and in the methods
    assert "Codes: A was psilocybin and B was vehicle." in page.text
    assert "those that the record locked" in page.text


def test_changes_since_the_record_call_for_attention(tmp_path):
    state = {**STATE, "changed": ["config.yaml (outcomes.primary)", "sessions.tsv"]}
    found = few()
    source = build(found, tmp_path, design={**found.design, "blinding": state}).read_text()
    top = Page(source[source.index('id="attention"') : source.index('id="answer"')]).text
    assert "Changed since the codes were opened: config.yaml (outcomes.primary); sessions" in top


def test_an_open_run_says_that_nobody_was_blind(tmp_path):
    found = few()
    methods = {**found.methods, "blinding": {"state": "open"}}
    page = Page(build(found, tmp_path, methods=methods).read_text())
    assert "The analysis was not blind" in page.text
    assert notice({"state": "open"}, blind=False).lines == ()
