"""The eight experiments: tables as a lab writes them; epochs, conditions and steps that follow."""

from __future__ import annotations

import pytest
from experiments import write_experiment

from pipeline.errors import ExperimentError
from pipeline.experiment import anchor_rows, load_experiment


def spans(experiment, session):
    """(phase, context, interval, start, stop, condition, step) of a session's epochs."""
    return [
        (
            epoch.phase,
            epoch.context,
            epoch.interval,
            epoch.start_s,
            epoch.stop_s,
            experiment.anchors[epoch.anchor].condition,
            epoch.step,
        )
        for epoch in experiment.epochs[session]
    ]


def references(experiment):
    return {c.name: c.reference for c in experiment.plan.conditions}


FOUR = {
    "vehicle": {"drug": ["saline", "vehicle"]},
    "psilocybin": {"drug": "psilocybin", "dose_mg_per_kg": 1},
    "ketamine": {"drug": "ketamine", "dose_mg_per_kg": 10},
    "mdma": {"drug": "MDMA", "dose_mg_per_kg": 5},
}


def test_1_crossover_four_conditions_contexts_in_counterbalanced_order(tmp_path):
    drugs = ["saline", "psilocybin", "ketamine", "mdma"]
    dose = {"saline": None, "psilocybin": 1, "ketamine": 10, "mdma": 5}
    sessions, administrations, contexts = [], [], []
    for animal in range(4):
        for week in range(4):
            name, drug = f"r{animal}_{week}", drugs[(animal + week) % 4]
            sessions.append(
                {
                    "session": name,
                    "animal": f"r{animal}",
                    "start": f"2026-03-{1 + 7 * week:02d}T09:00",
                }
            )
            administrations.append(
                {
                    "animal": f"r{animal}",
                    "session": name,
                    "time_s": 3600,
                    "drug": drug,
                    "dose_mg_per_kg": dose[drug],
                    "route": "ip",
                }
            )
            order = ["home_cage", "open_field"] if animal % 2 else ["open_field", "home_cage"]
            for part, offset in enumerate((0, 1800, 3600, 5400)):
                contexts.append(
                    {
                        "session": name,
                        "context": order[part % 2],
                        "start_s": offset,
                        "stop_s": offset + 1800,
                    }
                )
    config = {
        "design": {
            "conditions": FOUR,
            "reference_condition": "vehicle",
            "contexts": ["home_cage", "open_field"],
            "phases": {"baseline": [-3600, -120], "acute": [300, 3600]},
        }
    }
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=sessions,
            administrations=administrations,
            contexts=contexts,
        )
    )
    assert spans(experiment, "r0_1") == [
        ("baseline", "open_field", 1, None, 1800, "psilocybin", 1),
        ("baseline", "home_cage", 1, 1800, 3480, "psilocybin", 1),
        ("acute", "open_field", 1, 3900, 5400, "psilocybin", 1),
        ("acute", "home_cage", 1, 5400, 7200, "psilocybin", 1),
    ]
    assert references(experiment) == {
        "vehicle": None,
        "psilocybin": "vehicle",
        "ketamine": "vehicle",
        "mdma": "vehicle",
    }
    history = {row["anchor"]: row for row in anchor_rows(experiment)}
    third = history["r0.3"]  # saline, psilocybin, ketamine
    assert (third["condition"], third["period"], third["previous_condition"]) == (
        "ketamine",
        3,
        "psilocybin",
    )
    assert third["days_since_previous"] == 7
    assert third["n_prior_doses"] == 1  # the vehicle is no dose
    assert history["r3.2"]["condition"] == "vehicle"
    (question,) = experiment.plan.questions
    assert (question.modifier, question.reference) == ("context", "home_cage")
    assert question.levels == ("home_cage", "open_field")


def test_2_parallel_groups_own_anchor_wins_over_the_follow_up_of_the_day_before(tmp_path):
    sessions, administrations, contexts = [], [], []
    for animal, (cage, drug) in enumerate([("c1", "saline"), ("c1", "saline"), ("c2", "MDMA")]):
        for day in (1, 2, 3):
            name = f"m{animal}_d{day}"
            sessions.append(
                {
                    "session": name,
                    "animal": f"m{animal}",
                    "cage": cage,
                    "start": f"2026-05-{day:02d}T10:00",
                }
            )
            contexts.append({"session": name, "context": "social", "start_s": 0, "stop_s": 3000})
            if day < 3:
                administrations.append(
                    {
                        "animal": f"m{animal}",
                        "session": name,
                        "time_s": 1000,
                        "drug": drug,
                        "dose_mg_per_kg": 5 if drug == "MDMA" else None,
                    }
                )
    config = {
        "design": {
            "unit": "cage",
            "conditions": {"vehicle": FOUR["vehicle"], "mdma": FOUR["mdma"]},
            "reference_condition": "vehicle",
            "contexts": ["social"],
            "phases": {"baseline": [-900, -120], "acute": [300, 2000], "day+1": {"days": [1, 1]}},
        }
    }
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=sessions,
            administrations=administrations,
            contexts=contexts,
        )
    )
    assert spans(experiment, "m2_d2") == [
        ("baseline", "social", 1, 100, 880, "mdma", 1),
        ("acute", "social", 1, 1300, 3000, "mdma", 1),
    ]
    # day 3 has no dose of its own: it is day+1 of the second dose, not of the first
    assert spans(experiment, "m2_d3") == [("day+1", "social", 1, None, 3000, "mdma", 1)]
    (epoch,) = experiment.epochs["m2_d3"]
    assert epoch.anchor == "m2.2"
    assert epoch.since_dose_zero_s == 1000 - 86400
    assert experiment.plan.unit == "cage"
    assert experiment.plan.phases == ("acute", "day+1")


def test_3_doses_within_a_session_are_steps_and_windows_end_at_the_next_dose(tmp_path):
    def session(name, start, drugs):
        given = [
            {
                "animal": "r1",
                "session": name,
                "time_s": 1800 * (index + 1),
                "drug": drug,
                "dose_mg_per_kg": dose,
            }
            for index, (drug, dose) in enumerate(drugs)
        ]
        return {"session": name, "animal": "r1", "start": start}, given

    ketamine, first = session(
        "k", "2026-04-01T09:00", [("ketamine", 3), ("ketamine", 10), ("ketamine", 30)]
    )
    saline, second = session("s", "2026-04-08T09:00", [("saline", None)] * 3)
    conditions = {"vehicle": {"drug": "saline"}}
    for dose in (3, 10, 30):
        conditions[f"ketamine_{dose}"] = {"drug": "ketamine", "dose_mg_per_kg": dose}
    config = {
        "design": {
            "conditions": conditions,
            "reference_condition": "vehicle",
            "contexts": ["home_cage"],
            "phases": {"baseline": [-1800, -120], "acute": [300, 3600]},
        }
    }
    contexts = [
        {"session": name, "context": "home_cage", "start_s": 0, "stop_s": 9000} for name in "ks"
    ]
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=[ketamine, saline],
            administrations=first + second,
            contexts=contexts,
        )
    )
    assert spans(experiment, "k") == [
        ("baseline", "home_cage", 1, None, 1680, "ketamine_3", 1),
        ("acute", "home_cage", 1, 2100, 3480, "ketamine_3", 1),
        ("acute", "home_cage", 1, 3900, 5280, "ketamine_10", 2),
        ("acute", "home_cage", 1, 5700, 9000, "ketamine_30", 3),
    ]
    assert [span[5:] for span in spans(experiment, "s")[1:]] == [
        ("vehicle", 1),
        ("vehicle", 2),
        ("vehicle", 3),
    ]
    # the three doses of a session are one occasion
    assert [row["period"] for row in anchor_rows(experiment)] == [1, 1, 1, 2, 2, 2]


def test_4_sham_and_antagonist(tmp_path):
    def dose(session, time, drug, mg, role="test"):
        return {
            "animal": "r1",
            "session": session,
            "time_s": time,
            "drug": drug,
            "dose_mg_per_kg": mg,
            "role": role,
        }

    sessions = [
        {"session": name, "animal": "r1", "start": f"2026-02-{day:02d}T09:00"}
        for name, day in (("sal_psi", 1), ("ket_psi", 8), ("ket_veh", 15), ("sal_sal", 22))
    ]
    administrations = [
        dose("sal_psi", 1800, "saline", None, "sham"),
        dose("sal_psi", 5400, "psilocybin", 1),
        dose("ket_psi", 1800, "ketanserin", 1, "pretreatment"),
        dose("ket_psi", 5400, "psilocybin", 1),
        dose("ket_veh", 1800, "ketanserin", 1, "pretreatment"),
        dose("ket_veh", 5400, "saline", None),
        dose("sal_sal", 1800, "saline", None, "sham"),
        dose("sal_sal", 5400, "saline", None),
    ]
    antagonist = {"drug": "ketanserin", "dose_mg_per_kg": 1}
    config = {
        "design": {
            "conditions": {
                "vehicle": {"drug": "saline"},
                "psilocybin": {"drug": "psilocybin", "dose_mg_per_kg": 1},
                "ketanserin_vehicle": {"drug": "saline", "pretreatment": antagonist},
                "psilocybin_ketanserin": {
                    "drug": "psilocybin",
                    "dose_mg_per_kg": 1,
                    "pretreatment": antagonist,
                    "reference": "ketanserin_vehicle",
                },
            },
            "reference_condition": "vehicle",
            "contexts": ["running_wheel"],
            "phases": {"baseline": [-1800, -120], "acute": [300, 3000]},
            "questions": [
                {"modifier": "pretreatment", "reference": "none"},
                {"modifier": "context", "reference": "running_wheel"},
            ],
        }
    }
    contexts = [
        {"session": s["session"], "context": "running_wheel", "start_s": 0, "stop_s": 9000}
        for s in sessions
    ]
    tables = {"sessions": sessions, "administrations": administrations, "contexts": contexts}
    experiment = load_experiment(write_experiment(tmp_path, config, **tables))
    assert spans(experiment, "sal_psi") == [
        ("baseline", "running_wheel", 1, None, 1680, "psilocybin", 1),
        ("acute", "running_wheel", 1, 2100, 4800, "none", 1),  # the sham's own control period
        ("acute", "running_wheel", 1, 5700, 8400, "psilocybin", 1),
    ]
    assert spans(experiment, "ket_psi") == [
        ("baseline", "running_wheel", 1, None, 1680, "psilocybin_ketanserin", 1),
        ("acute", "running_wheel", 1, 5700, 8400, "psilocybin_ketanserin", 1),
    ]
    assert references(experiment) == {
        "vehicle": None,
        "psilocybin": "vehicle",
        "ketanserin_vehicle": "vehicle",
        "psilocybin_ketanserin": "ketanserin_vehicle",
    }
    assert experiment.plan.questions[0].levels == ("none", "ketanserin")
    # the period after the sham (or the antagonist) as baseline
    config["design"]["baseline_before"] = "test"
    experiment = load_experiment(write_experiment(tmp_path / "late", config, **tables))
    assert spans(experiment, "sal_psi")[1][:5] == ("baseline", "running_wheel", 1, 3600, 5280)
    assert spans(experiment, "ket_psi")[0][:5] == ("baseline", "running_wheel", 1, 3600, 5280)


def test_4_a_baseline_never_reaches_across_an_earlier_dose(tmp_path):
    config = {
        "design": {
            "conditions": {"psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "psilocybin",
            "contexts": ["home_cage"],
            "baseline_before": "test",
            "handling_s": [-60, 60],
            "phases": {"baseline": [-1800, -120], "acute": [300, 900]},
        }
    }
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=[{"session": "s", "animal": "r", "start": "2026-02-01T09:00"}],
            administrations=[
                {"animal": "r", "session": "s", "time_s": 1000, "drug": "saline", "role": "sham"},
                {"animal": "r", "session": "s", "time_s": 2000, "drug": "psilocybin"},
            ],
            contexts=[{"session": "s", "context": "home_cage"}],
        )
    )
    baseline = [span for span in spans(experiment, "s") if span[0] == "baseline"]
    assert baseline == [("baseline", "home_cage", 1, 1060, 1880, "psilocybin", 1)]


def test_5_dosed_outside_a_session_measured_days_later(tmp_path):
    sessions, administrations, contexts = [], [], []
    places = ["home_cage", "enriched", "social"]
    for animal in range(6):
        administrations.append(
            {
                "animal": f"m{animal}",
                "datetime": "2026-06-01T10:00",
                "drug": "psilocybin" if animal % 2 else "saline",
                "dose_mg_per_kg": 1 if animal % 2 else None,
                "dosing_context": places[animal % 3],
            }
        )
        for day, date in ((1, "2026-06-02T10:30"), (7, "2026-06-08T09:30")):
            name = f"m{animal}_{day}"
            sessions.append({"session": name, "animal": f"m{animal}", "start": date})
            contexts.append({"session": name, "context": "set_shifting"})
    config = {
        "design": {
            "conditions": {"vehicle": FOUR["vehicle"], "psilocybin": FOUR["psilocybin"]},
            "reference_condition": "vehicle",
            "contexts": ["set_shifting"],
            "phases": {"day+1": {"days": [1, 1]}, "day+7": {"days": [7, 7]}},
            "questions": [{"modifier": "dosing_context", "reference": "home_cage"}],
        }
    }
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=sessions,
            administrations=administrations,
            contexts=contexts,
        )
    )
    assert spans(experiment, "m1_1") == [("day+1", "set_shifting", 1, None, None, "psilocybin", 1)]
    assert spans(experiment, "m1_7")[0][0] == "day+7"
    (epoch,) = experiment.epochs["m1_1"]
    assert epoch.since_dose_zero_s == -(24.5 * 3600)
    rows = {row["anchor"]: row for row in anchor_rows(experiment)}
    assert rows["m1.1"]["dosing_context"] == "enriched"
    assert experiment.plan.questions[0].levels == ("home_cage", "enriched", "social")
    assert experiment.plan.questions[0].phases == ("day+1", "day+7")


def test_6_alternating_intervals_and_two_probes(tmp_path):
    sessions = [{"session": "s", "animal": "r", "start": "2026-06-01T10:00"}]
    contexts = [
        {
            "session": "s",
            "context": "task" if part % 2 else "rest",
            "start_s": 900 * part,
            "stop_s": 900 * (part + 1),
        }
        for part in range(6)
    ]
    config = {
        "design": {
            "conditions": {"psilocybin": FOUR["psilocybin"], "vehicle": FOUR["vehicle"]},
            "reference_condition": "vehicle",
            "contexts": ["rest", "task"],
            "phases": {"baseline": [-1800, -120], "acute": [300, 3600]},
        }
    }
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=sessions,
            administrations=[
                {
                    "animal": "r",
                    "session": "s",
                    "time_s": 1800,
                    "drug": "psilocybin",
                    "dose_mg_per_kg": 1,
                }
            ],
            contexts=contexts,
            recordings=[
                {"session": "s", "file": "a_imec0", "format": "spikeglx", "probe": "A"},
                {"session": "s", "file": "a_imec1", "format": "spikeglx", "probe": "B"},
            ],
        )
    )
    assert [span[:5] for span in spans(experiment, "s")] == [
        ("baseline", "rest", 1, None, 900),
        ("baseline", "task", 1, 900, 1680),
        ("acute", "rest", 1, 2100, 2700),
        ("acute", "task", 1, 2700, 3600),
        ("acute", "rest", 2, 3600, 4500),
        ("acute", "task", 2, 4500, 5400),
    ]
    (session,) = experiment.sessions
    assert [(f.path, f.label) for f in session.recordings] == [
        ("a_imec0", "A"),
        ("a_imec1", "B"),
    ]


def test_7_baseline_from_another_session_and_a_separate_saline_group(tmp_path):
    sessions, administrations, contexts = [], [], []
    for animal in range(4):
        for name, day in ((f"r{animal}_pre", 1), (f"r{animal}_post", 2)):
            sessions.append(
                {"session": name, "animal": f"r{animal}", "start": f"2026-01-{day:02d}T10:00"}
            )
            contexts.append({"session": name, "context": "set_shifting"})
        administrations.append(
            {
                "animal": f"r{animal}",
                "session": f"r{animal}_post",
                "time_s": 0,
                "drug": "psilocybin" if animal < 2 else "saline",
                "dose_mg_per_kg": 1 if animal < 2 else None,
            }
        )
    config = {
        "design": {
            "conditions": {"psilocybin": FOUR["psilocybin"], "vehicle": FOUR["vehicle"]},
            "reference_condition": "vehicle",
            "contexts": ["set_shifting"],
            "phases": {"baseline": {"days": [-3, -1]}, "acute": [300, 7200]},
        }
    }
    experiment = load_experiment(
        write_experiment(
            tmp_path,
            config,
            sessions=sessions,
            administrations=administrations,
            contexts=contexts,
        )
    )
    assert spans(experiment, "r0_pre") == [
        ("baseline", "set_shifting", 1, None, None, "psilocybin", 1)
    ]
    assert spans(experiment, "r0_post") == [
        ("acute", "set_shifting", 1, 300, 7200, "psilocybin", 1)
    ]
    assert spans(experiment, "r3_pre")[0][5] == "vehicle"
    assert experiment.epochs["r0_pre"][0].anchor == experiment.epochs["r0_post"][0].anchor


def test_8_behaviour_only_without_clock_times(tmp_path):
    sessions = [
        {
            "session": f"r{animal}_{part}",
            "animal": f"r{animal}",
            "start": f"2026-01-{part:02d}",
            "behaviour": "log.xlsx",
            "behaviour_format": "sheet",
        }
        for animal in range(3)
        for part in (1, 2)
    ]
    administrations = [
        {
            "animal": f"r{animal}",
            "session": f"r{animal}_{part}",
            "drug": "saline" if part == 1 else "ketamine",
            "dose_mg_per_kg": None if part == 1 else 10,
        }
        for animal in range(3)
        for part in (1, 2)
    ]
    config = {
        "design": {
            "conditions": {"vehicle": FOUR["vehicle"], "ketamine": FOUR["ketamine"]},
            "reference_condition": "vehicle",
            "contexts": ["set_shifting"],
            "phases": {"test": "session"},
        },
        "flexibility": {"task": LIGHT_SIDE},
        "behaviour": {"formats": {"sheet": SHEET}},
    }
    path = write_experiment(tmp_path, config, sessions=sessions, administrations=administrations)
    experiment = load_experiment(path)  # one context declared: no contexts table is needed
    assert spans(experiment, "r0_2") == [("test", "set_shifting", 1, None, None, "ketamine", 1)]
    assert experiment.plan.phases == ("test",)
    assert experiment.epochs["r0_2"][0].since_dose_zero_s is None
    # given half an hour before, by the clock: what the animal got a week later cuts nothing
    timed = [{**row, "start": f"{row['start']}T10:00", "exclude": ""} for row in sessions]
    before = [{**row, "time_s": -1800} for row in administrations]
    later = load_experiment(
        write_experiment(tmp_path / "before", config, sessions=timed, administrations=before)
    )
    for name in ("r0_1", "r0_2"):
        (span,) = spans(later, name)
        assert span[:5] == ("test", "set_shifting", 1, None, None)
    assert later.epochs["r0_1"][0].since_dose_zero_s == -1800
    # so short a time before that its handling reaches in: the session begins after it
    soon = [{**row, "time_s": -60} for row in administrations]
    reached = load_experiment(
        write_experiment(tmp_path / "soon", config, sessions=timed, administrations=soon)
    )
    assert [span[:5] for span in spans(reached, "r0_1")] == [("test", "set_shifting", 1, 240, None)]
    # a phase in seconds cannot be placed without the time of the dose: refused, once per dose
    config["design"]["phases"] = {"acute": [300, 3600]}
    with pytest.raises(ExperimentError) as error:
        load_experiment(
            write_experiment(
                tmp_path / "timed", config, sessions=sessions, administrations=administrations
            )
        )
    assert len(error.value.problems) == 6
    assert "row 2, column time_s" in str(error.value)


LIGHT_SIDE = {
    "name": "light_side",
    "rules": {"light": "follow cue", "left": "choose left", "right": "choose right"},
    "criterion": {"consecutive": 10},
}
SHEET = {
    "reader": "columns",
    "columns": {"trial": "Trial", "rule": "Rule", "choice_side": "Choice"},
}
