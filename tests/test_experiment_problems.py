"""Each way to break the config or the tables is named: file, place, value, what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from experiments import minimal, write_experiment, write_table
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ExperimentError
from pipeline.experiment import load_experiment
from pipeline.experiment.tables import CellError, number, read_table


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ExperimentError) as error:
        load_experiment(path)
    return [str(problem) for problem in error.value.problems]


def edit(path: Path, change) -> Path:
    """Change the config of a written experiment."""
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def test_the_minimal_experiment_is_sound(tmp_path):
    experiment = load_experiment(minimal(tmp_path))
    assert [epoch.phase for epoch in experiment.epochs["s2"]] == ["baseline", "acute"]


CONFIG_CASES = {
    "typo in a section": (
        lambda c: c["design"].update(refrence_condition="x"),
        ("design.refrence_condition", "did you mean 'reference_condition'"),
    ),
    "typo among the sorter's options": (
        lambda c: c.update(spikes={"sorting": {"ran": "simple"}}),
        ("config.yaml: spikes.sorting.ran: ", "did you mean 'run'"),
    ),
    "neither a word nor a sorter": (
        lambda c: c.update(spikes={"sorting": "exsting"}),
        ("config.yaml: spikes.sorting: ", "'exsting'", "'existing'"),
    ),
    "typo at the top": (lambda c: c.update(desing={}), ("desing", "did you mean 'design'")),
    "section missing": (lambda c: c.pop("design"), ("design", "required")),
    "condition called none": (
        lambda c: c["design"]["conditions"].update(none={"drug": "x"}),
        ("design.conditions", "before any dose"),
    ),
    "reference not declared": (
        lambda c: c["design"].update(reference_condition="vehcle"),
        ("design.reference_condition", "'vehcle'", "did you mean 'vehicle'"),
    ),
    "own reference not declared": (
        lambda c: c["design"]["conditions"]["psilocybin"].update(reference="salin"),
        ("design.conditions.psilocybin.reference", "'salin'"),
    ),
    "condition is its own reference": (
        lambda c: c["design"]["conditions"]["psilocybin"].update(reference="psilocybin"),
        ("another condition",),
    ),
    "window backwards": (
        lambda c: c["design"]["phases"].update(acute=[1800, 300]),
        ("design.phases.acute.seconds", "smaller than the second"),
    ),
    "a whole session beside seconds": (
        lambda c: c["design"]["phases"].update(test="session"),
        ("design.phases.test", "no other phase within a session"),
    ),
    "baseline phase unknown": (
        lambda c: c["design"].update(baseline_phase="basline"),
        ("design.baseline_phase", "did you mean 'baseline'"),
    ),
    "baseline phase written out while there is none": (
        lambda c: c["design"].update(phases={"acute": [300, 1800]}, baseline_phase="baseline"),
        ("found 'baseline'; one of design.phases (acute), or baseline_phase left out: without a",),
    ),
    "a zone that there is none of": (
        lambda c: c.update(reporting={"time_zone": "Europe/Rom"}),
        ("reporting.time_zone", "the name of a zone, such as", "did you mean 'Europe/Rome'?"),
    ),
    "a name of which YAML made two people": (
        lambda c: c.update(reporting={"experimenter": ["Nose", "Ada"]}),
        ("reporting.experimenter", "'Nose': Last, First is expected, in quotation marks"),
    ),
    "a zone that is a path": (
        lambda c: c.update(reporting={"time_zone": "../../etc/passwd"}),
        ("reporting.time_zone", "the name of a zone, such as Europe/Rome or UTC, is expected"),
    ),
    "a context for a baseline that there is none of": (
        lambda c: c["design"].update(phases={"acute": [300, 1800]}, baseline_context="home_cage"),
        ("one of design.phases (acute), or baseline_context left out",),
    ),
    "windows overlap": (
        lambda c: c["design"]["phases"].update(late=[1700, 3000]),
        ("design.phases.late", "does not overlap acute"),
    ),
    "baseline after the dose": (
        lambda c: c["design"]["phases"].update(baseline=[-600, 60]),
        ("design.phases.baseline", "ends before the dose"),
    ),
    "another phase before the dose": (
        lambda c: c["design"]["phases"].update(acute=[-60, 600]),
        ("design.phases.acute", "only the baseline"),
    ),
    "two kinds of window in one phase": (
        lambda c: c["design"]["phases"].update(late={"seconds": [1, 2], "days": [1, 1]}),
        ("design.phases.late", "days"),
    ),
    "handling the wrong way round": (
        lambda c: c["design"].update(handling_s=[120, 300]),
        ("design.handling_s", "before (<= 0)"),
    ),
    "modifier unknown": (
        lambda c: c["design"].update(questions=[{"modifier": "contxt", "reference": "home_cage"}]),
        ("design.questions.0.modifier", "did you mean 'context'"),
    ),
    "level never met": (
        lambda c: c["design"].update(questions=[{"modifier": "context", "reference": "home"}]),
        ("design.questions.0.reference", "did you mean 'home_cage'"),
    ),
    "phase of a question unknown": (
        lambda c: c["design"].update(
            questions=[{"modifier": "context", "reference": "home_cage", "phases": ["acut"]}]
        ),
        ("design.questions.0.phases", "did you mean 'acute'"),
    ),
    "baseline context unknown": (
        lambda c: c["design"].update(baseline_context="home"),
        ("design.baseline_context", "did you mean 'home_cage'"),
    ),
    "band beyond the pass band": (
        lambda c: c.update(lfp={"bands": {"hfo": [110, 600]}}),
        ("lfp", "pass band"),
    ),
    "mains of a third kind": (
        lambda c: c.update(recording={"line_noise_hz": 55}),
        ("recording.line_noise_hz", "55"),
    ),
    "alpha out of range": (
        lambda c: c.update(statistics={"alpha": 5}),
        ("statistics.alpha", "5"),
    ),
    "smallest effect negative": (
        lambda c: c.update(outcomes={"smallest_effect": {"band_power": {"drug": -1}}}),
        ("outcomes.smallest_effect.band_power.drug", "-1"),
    ),
    "covariate": (
        lambda c: c.update(outcomes={"baseline": {"band_power": "covariat"}}),
        ("outcomes.baseline", "covariat"),
    ),
    "blind": (lambda c: c.update(statistics={"blind": "codes"}), ("statistics.blind", "'codes'")),
    "a log with a side that the task does not have": (
        lambda c: c.update(
            flexibility={
                "task": {
                    "rules": {"light": "follow cue"},
                    "sides": ["front", "rear"],
                    "criterion": {"consecutive": 5},
                }
            },
            behaviour={
                "formats": {
                    "log": {
                        "columns": {"choice_side": "x"},
                        "values": {"choice_side": {"F": "frnt", "R": "rear"}},
                    }
                }
            },
        ),
        ("behaviour.formats.log.values.choice_side", "'frnt'", "did you mean 'front'"),
    ),
    "a log with a rule that the task does not have": (
        lambda c: c.update(
            flexibility={
                "task": {"rules": {"light": "follow cue"}, "criterion": {"consecutive": 5}}
            },
            behaviour={
                "formats": {
                    "log": {
                        "columns": {"choice_side": "x", "rule": "r"},
                        "values": {"rule": {"V": "lihgt"}},
                    }
                }
            },
        ),
        ("behaviour.formats.log.values.rule", "'lihgt'", "did you mean 'light'"),
    ),
    "a rule of the whole log that the task does not have": (
        lambda c: c.update(
            flexibility={
                "task": {"rules": {"light": "follow cue"}, "criterion": {"consecutive": 5}}
            },
            behaviour={"formats": {"log": {"columns": {"choice_side": "x"}, "rule": "lihgt"}}},
        ),
        ("behaviour.formats.log.rule", "'lihgt'", "did you mean 'light'"),
    ),
    "table not there": (
        lambda c: c["tables"].update(sessions="nowhere.tsv"),
        ("nowhere.tsv", "no file"),
    ),
    "table of a wrong kind": (
        lambda c: c["tables"].update(sessions="sessions.xlsx"),
        ("sessions.xlsx", ".tsv or .csv"),
    ),
}


@pytest.mark.parametrize("case", CONFIG_CASES)
def test_config(tmp_path, case):
    change, parts = CONFIG_CASES[case]
    problems = problems_of(edit(minimal(tmp_path), change))
    assert any(all(part in problem for part in parts) for problem in problems), problems


def rows(table, index, **changes):
    """A change of one row of one table of the minimal experiment."""

    def apply(tables):
        tables[table][index].update(changes)

    return apply


TABLE_CASES = {
    "bad session name": (
        rows("sessions", 0, session="../s1"),
        ("sessions.tsv: row 2, column session", "'../s1'", "letters, digits"),
    ),
    "html in a name": (
        rows("sessions", 0, animal="<b>r1</b>"),
        ("row 2, column animal", "letters, digits"),
    ),
    "session twice": (
        rows("sessions", 1, session="s1"),
        ("row 3, column session", "stands in row 2 too"),
    ),
    "column of a reserved name": (
        lambda t: [row.update(condition="x") for row in t["sessions"]],
        ("sessions.tsv: row 1", "'condition'", "another name"),
    ),
    "animal blank": (rows("sessions", 0, animal=""), ("row 2, column animal", "a blank")),
    "date rewritten": (
        rows("sessions", 0, start="01/03/2026"),
        ("row 2, column start", "'01/03/2026'", "ISO date"),
    ),
    "date with a zone": (
        rows("sessions", 0, start="2026-03-01T09:00:00+01:00"),
        ("row 2, column start", "without a zone"),
    ),
    "format unknown": (
        rows("sessions", 0, recording="x", recording_format="spikeglx2"),
        ("recording_format", "did you mean 'spikeglx'"),
    ),
    "sex changes": (
        lambda t: [t["sessions"][0].update(sex="F"), t["sessions"][1].update(sex="M")],
        ("row 3, column sex", "'F', as for this animal in row 2"),
    ),
    "drug not declared": (
        rows("administrations", 1, drug="psilocybine"),
        ("administrations.tsv: row 3, column drug", "did you mean 'psilocybin'"),
    ),
    "comma decimal": (
        rows("administrations", 1, dose_mg_per_kg="0,5"),
        ("row 3, column dose_mg_per_kg", "'0,5'", "write 0.5"),
    ),
    "negative dose": (
        rows("administrations", 1, dose_mg_per_kg=-1),
        ("dose_mg_per_kg", "at least 0"),
    ),
    "role unknown": (
        rows("administrations", 0, role="vehicle"),
        ("row 2, column role", "one of test, pretreatment, sham"),
    ),
    "animal of another session": (
        lambda t: [
            t["sessions"].append({"session": "s3", "animal": "r2"}),
            t["contexts"].append({"session": "s3", "context": "home_cage"}),
            t["administrations"][0].update(animal="r2"),
        ],
        ("row 2, column animal", "session s1 is of animal r1"),
    ),
    "session of a dose unknown": (
        rows("administrations", 0, session="s11"),
        ("row 2, column session", "did you mean 's1'"),
    ),
    "seconds without a session": (
        rows("administrations", 0, session=""),
        ("row 2, column time_s", "need a session"),
    ),
    "clocks disagree": (
        rows("administrations", 0, datetime="2026-03-01T10:00:00"),
        ("row 2, column time_s", "3600 s"),
    ),
    "dose without a time": (
        rows("administrations", 0, time_s=None),
        ("row 2, column time_s", "phase acute"),
    ),
    "two doses at one time": (
        lambda t: t["administrations"].append({**t["administrations"][1]}),
        ("row 4, column time_s", "role pretreatment"),
    ),
    "context unknown": (
        rows("contexts", 0, context="homecage"),
        ("contexts.tsv: row 2, column context", "did you mean 'home_cage'"),
    ),
    "context backwards": (rows("contexts", 0, start_s=4000), ("stop_s", "after start_s")),
    "contexts overlap": (
        lambda t: t["contexts"].append(
            {"session": "s1", "context": "home_cage", "start_s": 3000, "stop_s": 4000}
        ),
        ("row 4, session s1", "at or after the end of home_cage (row 2), 3600 s"),
    ),
    "no context": (
        lambda t: t["contexts"].pop(0),
        ("sessions.tsv: row 2, column session", "at least one row"),
    ),
    "context before the session": (
        rows("contexts", 0, start_s=-5),
        ("row 2, column start_s", "0 or later"),
    ),
    "not a number": (rows("contexts", 0, start_s="5 min"), ("start_s", "a number")),
    "infinite": (rows("contexts", 0, stop_s="inf"), ("stop_s", "finite")),
    "log without a format": (
        rows("sessions", 0, behaviour="log.csv"),
        ("behaviour_format", "behaviour.formats"),
    ),
    "log without a task": (
        rows("sessions", 0, behaviour="log.csv", behaviour_format="nwb_trials"),
        ("column behaviour", "flexibility.task"),
    ),
}


@pytest.mark.parametrize("case", TABLE_CASES)
def test_tables(tmp_path, case):
    change, parts = TABLE_CASES[case]
    problems = problems_of(changed(tmp_path, change))
    assert any(all(part in problem for part in parts) for problem in problems), problems


def changed(folder: Path, change) -> Path:
    """The minimal experiment with its tables changed."""
    path = minimal(folder)
    config = yaml.safe_load(path.read_text())
    tables = {}
    for name, file in config["tables"].items():
        header, *lines = (folder / file).read_text().splitlines()
        columns = header.split("\t")
        tables[name] = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]
    change(tables)
    return write_experiment(folder, {"design": config["design"]}, **tables)


def test_all_problems_are_listed_at_once(tmp_path):
    def break_three(tables):
        tables["sessions"][0]["start"] = "yesterday"
        tables["administrations"][1]["dose_mg_per_kg"] = "1,5"
        tables["contexts"][1]["stop_s"] = "late"

    assert len(problems_of(changed(tmp_path, break_three))) == 3


def test_a_missing_column_is_named_with_its_likely_spelling(tmp_path):
    path = minimal(tmp_path)
    table = tmp_path / "administrations.tsv"
    table.write_text(table.read_text().replace("drug", "Drug"))
    (missing, unknown) = problems_of(path)
    assert "column drug is missing (did you mean 'Drug'?)" in missing
    assert "'Drug'" in unknown


def test_a_key_written_twice_is_refused_with_its_line(tmp_path):
    path = minimal(tmp_path)
    path.write_text(path.read_text() + "lfp: {rate_hz: 1000}\nlfp: {rate_hz: 500}\n")
    (problem,) = problems_of(path)
    assert "'lfp' is written twice" in problem
    assert "line" in problem


def test_yaml_tags_run_nothing(tmp_path):
    path = minimal(tmp_path)
    path.write_text(path.read_text() + "lfp: !!python/object/apply:os.system [touch x]\n")
    (problem,) = problems_of(path)
    assert "valid YAML" in problem


def test_a_negative_and_a_positive_day_that_both_fit_are_refused(tmp_path):
    days = {"baseline": {"days": [-1, -1]}, "day+1": {"days": [1, 1]}, "acute": [300, 1800]}
    path = minimal(
        tmp_path,
        sessions=[
            {"session": f"s{day}", "animal": "r1", "start": f"2026-03-0{day}T09:00"}
            for day in (1, 2, 3)
        ],
        administrations=[
            {"animal": "r1", "session": "s1", "time_s": 600, "drug": "saline"},
            {"animal": "r1", "session": "s3", "time_s": 600, "drug": "psilocybin"},
        ],
        contexts=[{"session": f"s{day}", "context": "home_cage"} for day in (1, 2, 3)],
    )
    problems = problems_of(edit(path, lambda c: c["design"].update(phases=days)))
    assert any("day+1 (day +1)" in p and "baseline (day -1)" in p for p in problems), problems


@pytest.mark.parametrize("damage", ["bom", "crlf", "utf-16", "trailing", "quotes", "semicolon"])
def test_tables_survive_a_spreadsheet(tmp_path, damage):
    path = minimal(tmp_path)
    whole = load_experiment(path)
    table = tmp_path / "contexts.tsv"
    content = table.read_text()
    if damage == "bom":
        table.write_bytes(b"\xef\xbb\xbf" + content.encode())
    if damage == "crlf":
        table.write_bytes(content.replace("\n", "\r\n").encode())
    if damage == "utf-16":
        table.write_bytes(content.encode("utf-16"))
    if damage == "trailing":
        table.write_text(content.replace("\n", "\t \t\n") + "\t\t\n\n")
    if damage == "quotes":
        table.write_text(content.replace("home_cage", '"home_cage"'))
    if damage == "semicolon":
        table.unlink()
        (tmp_path / "contexts.csv").write_text(content.replace("\t", ";"))
        edit(path, lambda c: c["tables"].update(contexts="contexts.csv"))
    assert load_experiment(path).epochs == whole.epochs


def test_unknown_columns_of_sessions_are_factors(tmp_path):
    path = changed(tmp_path, lambda t: [row.update(timing="before") for row in t["sessions"]])
    assert load_experiment(path).plan.factors == ("timing",)


def test_a_session_that_no_phase_fits_is_a_warning(tmp_path):
    path = changed(
        tmp_path,
        lambda t: [
            t["sessions"].append({"session": "s3", "animal": "r1", "start": "2026-02-01T09:00"}),
            t["contexts"].append({"session": "s3", "context": "home_cage"}),
        ],
    )
    (warning,) = load_experiment(path).warnings
    assert "session s3" in str(warning)
    assert warning.severity == "warning"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_as_they_were_written(value):
    assert number(repr(value)) == value


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1,5", "0x10", "1e999", "five"])
def test_numbers_that_are_none(cell):
    with pytest.raises(CellError):
        number(cell)


def test_row_numbers_are_those_of_the_spreadsheet(tmp_path):
    path = tmp_path / "contexts.tsv"
    write_table(path, [{"session": "a", "context": "x", "start_s": "1", "stop_s": ""}])
    path.write_text(path.read_text() + "\n\na\tx\tlate\t\n")
    _, (problem,) = read_table(path, "contexts")
    assert problem.place == "row 5, column start_s"


def test_an_excluded_session_is_silent_and_its_measurements_are_left_out(tmp_path):
    declared = {"outcomes": {"declare": {"spines": {"label": "Spines"}}}}

    def spoil(tables):
        tables["contexts"][0]["start_s"] = "100"
        tables["contexts"].append(
            {"session": "s1", "context": "home_cage", "start_s": "200", "stop_s": "300"}
        )

    path = changed(tmp_path, spoil)
    assert any("at or after the end" in problem for problem in problems_of(path))
    path = changed(
        tmp_path / "b",
        lambda t: [
            spoil(t),
            t["sessions"][0].update(exclude="camera fell"),
            t.update(
                measurements=[
                    {
                        "animal": "r1",
                        "session": session,
                        "outcome": "spines",
                        "value": "99",
                        "phase": "acute",
                    }
                    for session in ("s1", "s2")
                ]
            ),
        ],
    )
    experiment = load_experiment(edit(path, lambda c: c.update(declared)))
    assert experiment.epochs["s1"] == ()
    (kept,) = experiment.measurements
    assert (kept.session, kept.context, kept.anchor, kept.step) == ("s2", "home_cage", "r1.2", 1)


def test_a_measurement_in_a_phase_that_its_session_lacks_is_refused(tmp_path):
    path = changed(
        tmp_path,
        lambda t: [
            t["contexts"][1].update(stop_s="500"),
            t.update(
                measurements=[
                    {
                        "animal": "r1",
                        "session": "s2",
                        "outcome": "spines",
                        "value": "3",
                        "phase": "acute",
                    }
                ]
            ),
        ],
    )
    declare = {"outcomes": {"declare": {"spines": {"label": "Spines"}}}}
    (problem,) = problems_of(edit(path, lambda c: c.update(declare)))
    assert "row 2, column phase" in problem
    assert "baseline in home_cage" in problem


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"phase": "late"}, "found 'late'; a phase of the config: baseline, acute"),
        ({"phase": "acut"}, "a phase of the config: baseline, acute (did you mean 'acute'?)"),
        ({"phase": "acute", "context": "arena"}, "a context of the config: home_cage"),
    ],
)
def test_a_measurement_of_an_unknown_phase_or_context_is_told_which_there_are(
    tmp_path, cells, expected
):
    row = {"animal": "r1", "session": "s2", "outcome": "spines", "value": "3"} | cells
    path = changed(tmp_path, lambda t: t.update(measurements=[row]))
    declare = {"outcomes": {"declare": {"spines": {"label": "Spines"}}}}
    problems = problems_of(edit(path, lambda c: c.update(declare)))
    assert any(expected in problem for problem in problems), problems


def test_a_measurement_needs_no_context_where_its_session_has_only_one(tmp_path):
    row = {"animal": "r1", "session": "s2", "outcome": "spines", "phase": "acute"}

    def two_contexts(tables):
        tables["contexts"][0]["context"] = "novel"
        tables["measurements"] = [row | {"value": "3", "censored": "yes"}]

    def declared(config):
        config["design"]["contexts"] = ["home_cage", "novel"]
        config["outcomes"] = {"declare": {"spines": {"label": "Spines"}}}

    path = edit(changed(tmp_path, two_contexts), declared)
    (value,) = load_experiment(path).measurements
    assert (value.context, value.value, value.censored) == ("home_cage", 3, True)
    # the same value, once with and once without its context, is one value twice
    twice = [row | {"value": "3"}, row | {"value": "4", "context": "home_cage"}]
    path = changed(tmp_path, lambda t: (two_contexts(t), t.update(measurements=twice)))
    assert any("once only" in problem for problem in problems_of(edit(path, declared)))
    # a context that is wrong in contexts.tsv is said there, and once
    path = changed(tmp_path, lambda t: (two_contexts(t), t["contexts"][1].update(context="cage")))
    (problem,) = problems_of(edit(path, declared))
    assert problem.startswith("contexts.tsv") and "found 'cage'" in problem
    # a sign in the cell of a number: said where a limit stands
    path = changed(tmp_path, lambda t: (two_contexts(t), t.update(measurements=twice[:1])))
    limit = tmp_path / "measurements.tsv"
    limit.write_text(limit.read_text().replace("\t3", "\t>22"))
    (problem,) = problems_of(edit(path, declared))
    assert (
        "found '>22'" in problem
        and "write 22 (of a measurement: and yes in the column censored)" in problem
    )


def test_a_declared_outcome_without_any_value_is_warned_of(tmp_path):
    declare = {"outcomes": {"declare": {"spines": {"label": "Spines"}}}}
    path = edit(minimal(tmp_path), lambda c: c.update(declare))
    (problem,) = (p for p in load_experiment(path).warnings if "declare" in p.place)
    assert "no value of it in any table" in str(problem)
    assert "tables.measurements names no table" in str(problem)


def test_a_pretreatment_of_another_session_an_hour_before_is_on_board(tmp_path):
    antagonist = {"drug": "ketanserin"}
    conditions = {
        "vehicle": {"drug": "saline"},
        "psilocybin": {"drug": "psilocybin"},
        "blocked": {"drug": "psilocybin", "pretreatment": antagonist},
    }

    def load(folder, **dose):
        path = changed(
            folder,
            lambda t: t["administrations"].append(
                {"animal": "r1", "drug": "ketanserin", "role": "pretreatment", **dose}
            ),
        )
        edit(path, lambda c: c["design"].update(conditions=conditions))
        return load_experiment(path).anchors["r1.2"].condition

    assert load(tmp_path / "a", datetime="2026-03-08T08:30") == "blocked"
    assert load(tmp_path / "b", datetime="2026-03-06T08:30") == "psilocybin"
    assert load(tmp_path / "c", session="s1", time_s="700") == "psilocybin"  # a week before


def test_problems_name_the_labs_own_files(tmp_path):
    path = changed(tmp_path, lambda t: t["administrations"][1].update(drug="LSD"))
    (tmp_path / "administrations.tsv").rename(tmp_path / "doses.tsv")
    edit(path, lambda c: c["tables"].update(administrations="doses.tsv"))
    (problem,) = problems_of(path)
    assert problem.startswith("doses.tsv: row 3, column drug")


def test_a_measurement_written_twice_is_refused(tmp_path):
    row = {"animal": "r1", "session": "s2", "outcome": "spines", "value": "3", "phase": "acute"}
    path = changed(tmp_path, lambda t: t.update(measurements=[row, row]))
    declare = {"outcomes": {"declare": {"spines": {"label": "Spines"}}}}
    (problem,) = problems_of(edit(path, lambda c: c.update(declare)))
    assert "measurements.tsv: row 3" in problem
    assert "stands in row 2 too" in problem


def test_blank_and_misspelt_levels_of_a_question_are_warned_of(tmp_path):
    path = minimal(
        tmp_path,
        sessions=[
            {"session": f"s{n}", "animal": f"r{n}", "start": f"2026-03-0{n}T09:00"}
            for n in (1, 2, 3)
        ],
        administrations=[
            {
                "animal": f"r{n}",
                "session": f"s{n}",
                "time_s": 600,
                "drug": "saline",
                "dosing_context": where,
            }
            for n, where in ((1, "home_cage"), (2, "homecage"), (3, ""))
        ],
        contexts=[{"session": f"s{n}", "context": "home_cage", "start_s": 700} for n in (1, 2, 3)],
    )
    question = {"modifier": "dosing_context", "reference": "home_cage"}
    experiment = load_experiment(edit(path, lambda c: c["design"].update(questions=[question])))
    said = [str(warning) for warning in experiment.warnings]
    assert any("row 3, column dosing_context" in w and "perhaps 'home_cage'" in w for w in said)
    assert any("row 4, column dosing_context" in w and "a blank" in w for w in said)
