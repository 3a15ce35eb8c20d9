"""Scored behaviour: bouts, what was watched when, and the share of an epoch they fill."""

import numpy as np
import pandas as pd
import pytest
from experiments import minimal

from pipeline.errors import ExperimentError, InputError
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.ingest.behaviour import read
from pipeline.ingest.metrics import bouts, time_in_state
from pipeline.ingest.scored import epoch_scored, read_scored
from pipeline.steps.extract_scored import extract_scored, split_scored

EVENTS_HEADER = "Observation id,Subject,Behavior,Modifiers,Behavior type,Time"
EVENTS = [
    "fst1,r1,Climbing,,START,0",
    "fst1,r1,Climbing,,STOP,30.5",
    "fst1,r1,Immobile,,START,30.5",
    "fst1,r1,Fecal boli,,POINT,40",
    "fst1,r1,Immobile,,STOP,90.5",
    "fst1,r1,Immobile,,START,200",
    "fst1,r1,Immobile,,STOP,240",
]
BOUTS_HEADER = "Observation id,Subject,Media duration (s),Behavior,Behavior type,Start (s),Stop (s)"
BOUTS = [
    "fst1,r1,360,Climbing,STATE,0,30.5",
    "fst1,r1,360,Immobile,STATE,30.5,90.5",
    "fst1,r1,360,Fecal boli,POINT,40,40",
    "fst1,r1,360,Immobile,STATE,200,240",
]
NAMES = {"Immobile": "immobility", "Climbing": "climbing", "Diving": "diving"}


def write(folder, header, *rows, name="fst.csv"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def mapping(**scored):
    return {"reader": "scored", "scored": {"behaviours": NAMES} | scored}


def of_events(**more):
    return mapping(time="Time", modifier="Modifiers", observed_s=[0, 360], **more)


def of_bouts(**more):
    return mapping(duration="Media duration (s)", **more)


def spans(table, behaviour, kind="bout"):
    rows = table[(table["behaviour"] == behaviour) & (table["kind"] == kind)]
    return rows[["start_s", "stop_s"]].to_numpy().tolist()


def test_state_events_and_aggregated_events_give_the_same_table(tmp_path):
    events = read_scored(write(tmp_path, EVENTS_HEADER, *EVENTS), mapping=of_events())
    whole = read_scored(write(tmp_path, BOUTS_HEADER, *BOUTS), mapping=of_bouts())
    pd.testing.assert_frame_equal(events, whole)
    assert list(events.columns) == ["behaviour", "start_s", "stop_s", "modifier", "kind"]
    assert spans(events, "immobility") == [[30.5, 90.5], [200, 240]]
    assert spans(events, "climbing") == [[0, 30.5]] and spans(events, "diving") == []
    for name in NAMES.values():
        assert spans(events, name, "observed") == [[0, 360]]


def test_times_on_the_session_clock_in_milliseconds(tmp_path):
    path = write(tmp_path, "b,on,off", "Immobile,1000,2500")
    meaning = mapping(behaviour="b", start="on", stop="off", observed_s=[0.5, 10])
    meaning |= {"time_unit": "ms", "time_offset_s": 5}
    table = read_scored(path, mapping=meaning, starts_at_s=100)
    assert spans(table, "immobility") == [[106.0, 107.5]]
    assert spans(table, "diving", "observed") == [[105.5, 115.0]]


def test_rows_of_one_animal_below_other_lines(tmp_path):
    rows = [row.replace("r1", "r2").replace("90.5", "80") for row in EVENTS]
    path = write(tmp_path, "BORIS export", "", EVENTS_HEADER, *EVENTS, *rows)
    meaning = of_events() | {"header_row": 3, "rows": {"Subject": "{animal}"}}
    table = read_scored(path, mapping=meaning, fields={"animal": "r2"})
    assert spans(table, "immobility")[0] == [30.5, 80]
    with pytest.raises(InputError, match=r"row 3 \(and 14 more rows\): .*set header_row"):
        read_scored(path, mapping=of_events())
    with pytest.raises(InputError, match=r"no row with Subject = 'r3'"):
        read_scored(path, mapping=meaning, fields={"animal": "r3"})


def test_modifiers_are_kept_and_overlap_counts_once(tmp_path):
    rows = ["o,r,Immobile,a,START,10", "o,r,Immobile,b,START,15", "o,r,Immobile,a,STOP,20"]
    path = write(tmp_path, EVENTS_HEADER, *rows, "o,r,Immobile,b,STOP,30")
    table = read_scored(path, mapping=of_events())
    assert table[table["kind"] == "bout"]["modifier"].tolist() == ["a", "b"]
    cut = epoch_scored(table, np.array([[0.0, 100.0]]))
    assert cut.state_s["immobility"] == 20 and cut.bouts["immobility"] == 2


def test_shares_of_an_epoch_by_hand(tmp_path):
    table = read_scored(write(tmp_path, EVENTS_HEADER, *EVENTS), mapping=of_events())
    # 60 to 220 s: immobile 30.5 s of the first bout (begun before) and 20 s of the second.
    cut = epoch_scored(table, np.array([[60.0, 220.0]]))
    assert cut.seconds == 160
    shares = {v.band: v for v in time_in_state.compute(scored=cut, options={})}
    assert shares["immobility"].value == pytest.approx(50.5 / 160, abs=1e-12)
    assert shares["climbing"].value == 0 and shares["diving"].value == 0
    assert shares["diving"].n_effective == 160 and shares["diving"].n_effective_unit == "s"
    rates = {v.band: v.value for v in bouts.compute(scored=cut, options={})}
    assert rates == {"climbing": 0, "diving": 0, "immobility": 1 / 160}
    # Two intervals: 0 to 40 and 230 to 400, of which 230 to 360 was watched.
    cut = epoch_scored(table, np.array([[0.0, 40.0], [230.0, 400.0]]))
    assert cut.observed_s["immobility"] == 40 + 130
    assert cut.state_s["immobility"] == pytest.approx(9.5 + 10)


def test_time_that_nobody_scored_gives_no_observation(tmp_path):
    table = read_scored(write(tmp_path, EVENTS_HEADER, *EVENTS), mapping=of_events())
    cut = epoch_scored(table, np.array([[400.0, 500.0]]))
    assert cut.seconds == 0
    assert time_in_state.compute(scored=cut, options={}) == []
    assert bouts.compute(scored=cut, options={}) == []


def test_shares_agree_with_counting_milliseconds():
    """An independent count: a grid of milliseconds, random bouts of three behaviours."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        edges = np.sort(rng.choice(60_000, size=12, replace=False))
        names = rng.choice(["a", "b", "c"], size=6)
        rows = [("abc"[k], 5.0, 55.0, "", "observed") for k in range(3)]
        rows += [
            (name, start / 1000, stop / 1000, "", "bout")
            for name, (start, stop) in zip(names, edges.reshape(-1, 2), strict=True)
        ]
        table = pd.DataFrame(rows, columns=["behaviour", "start_s", "stop_s", "modifier", "kind"])
        cuts = np.sort(rng.choice(60_000, size=4, replace=False)).reshape(-1, 2)
        grid = np.arange(60_000)
        inside = np.zeros(60_000, dtype=bool)
        for start, stop in cuts:
            inside |= (grid >= start) & (grid < stop)
        inside &= (grid >= 5_000) & (grid < 55_000)
        cut = epoch_scored(table, cuts / 1000)
        for name in "abc":
            there = np.zeros(60_000, dtype=bool)
            begun = 0
            for said, (start, stop) in zip(names, edges.reshape(-1, 2), strict=True):
                if said == name:
                    there |= (grid >= start) & (grid < stop)
                    begun += int(inside[start])
            if inside.any():
                assert cut.observed_s[name] == pytest.approx(inside.sum() / 1000, abs=1e-9)
                assert cut.state_s[name] == pytest.approx((inside & there).sum() / 1000, abs=1e-9)
                assert cut.bouts[name] == begun


def test_two_raters_of_one_behaviour_are_refused(tmp_path):
    table = read_scored(write(tmp_path, EVENTS_HEADER, *EVENTS), mapping=of_events())
    twice = pd.concat([table, table], ignore_index=True)
    with pytest.raises(InputError, match="scored time of climbing"):
        epoch_scored(twice, np.array([[0.0, 100.0]]))


def test_table_survives_parquet(tmp_path):
    table = read_scored(write(tmp_path, EVENTS_HEADER, *EVENTS), mapping=of_events())
    table.to_parquet(tmp_path / "s.parquet", engine="pyarrow", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "s.parquet"), table)


BAD_EVENTS = {
    "start twice": (["o,r,Immobile,,START,5"], 0, "row 3: found a second start of immobility"),
    "stop alone": (["o,r,Diving,,STOP,5"], 0, "row 2: found a stop of diving; expected its start"),
    "never stops": (
        ["o,r,Diving,,START,250"],
        7,
        "row 9: found a start of diving; expected its st",
    ),
    "unknown": (["o,r,Imobile,,START,5"], 0, "'Imobile'; expected one of Immobile, Climbing, Di"),
    "word": (["o,r,Diving,,BEGIN,5"], 0, "found 'BEGIN' in column Behavior type; expected START"),
    "backwards": (["o,r,Diving,,START,5"], 3, "row 5: found 5 after 30.5"),
    "blank time": (["o,r,Diving,,START,"], 0, "found nan after -inf"),
    "comma": (['o,r,Diving,,START,"1,5"'], 0, "decimal commas"),
    "clock": (["o,r,Diving,,START,00:01:20"], 0, "no time of day"),
    "late": (["o,r,Diving,,START,300", "o,r,Diving,,STOP,361"], 7, "diving from 300 to 361 s"),
}


@pytest.mark.parametrize("kind", BAD_EVENTS)
def test_state_events_that_contradict_themselves(tmp_path, kind):
    rows, at, said = BAD_EVENTS[kind]
    if kind == "start twice":
        rows = ["o,r,Immobile,,START,0", *rows, "o,r,Immobile,,STOP,8"]
        lines = rows
    else:
        lines = [*EVENTS[:at], *rows, *EVENTS[at:]]
    with pytest.raises(ExperimentError) as error:
        read_scored(write(tmp_path, EVENTS_HEADER, *lines), mapping=of_events())
    assert said in str(error.value) and "fst.csv" in str(error.value)


BAD_BOUTS = {
    "ends before": ("fst1,r1,360,Diving,STATE,20,10", "row 6: found start 20 and stop 10"),
    "no end": ("fst1,r1,360,Diving,STATE,20,NA", "row 6: found start 20 and stop nan"),
    "overlap": (
        "fst1,r1,360,Immobile,STATE,80,100",
        "row 6: found immobility from 80 s; expected it after the bout of row 3",
    ),
    "outside": ("fst1,r1,360,Diving,STATE,350,360.5", "within the scored time, 0 to 360 s"),
    "two lengths": ("fst1,r1,300,Diving,STATE,20,30", "found 300, 360; expected one length"),
}


@pytest.mark.parametrize("kind", BAD_BOUTS)
def test_bouts_that_contradict_themselves(tmp_path, kind):
    row, said = BAD_BOUTS[kind]
    with pytest.raises(ExperimentError) as error:
        read_scored(write(tmp_path, BOUTS_HEADER, *BOUTS, row), mapping=of_bouts())
    assert said in str(error.value)


def test_behaviours_to_ignore(tmp_path):
    path = write(tmp_path, BOUTS_HEADER, *BOUTS)
    meaning = of_bouts(behaviours={"Immobile": "immobility"}, ignore=["Climbing"])
    table = read_scored(path, mapping=meaning)
    assert set(table["behaviour"]) == {"immobility"}


BAD_OPTIONS = {
    "nothing watched": ({"behaviours": {}}, "at least 1 item"),
    "no time of scoring": ({"observed_s": None}, "give observed_s or duration"),
    "both": ({"duration": "d"}, "give observed_s or duration"),
    "order": ({"observed_s": [5, 5]}, "expected start < end"),
    "name": ({"behaviours": {"a": "x/y"}}, "cannot be part of an outcome's id"),
    "used and not": ({"ignore": ["Immobile"]}, "under behaviours and under ignore"),
    "unknown key": ({"behavior": "b"}, "did you mean 'behaviour'"),
}


@pytest.mark.parametrize("kind", BAD_OPTIONS)
def test_options_that_make_no_sense(kind):
    changes, said = BAD_OPTIONS[kind]
    with pytest.raises(ValueError, match=said):
        BehaviourMapping.model_validate(mapping(**{"observed_s": [0, 360]} | changes))


def test_a_log_is_of_one_kind(tmp_path):
    path = write(tmp_path, EVENTS_HEADER, *EVENTS)
    with pytest.raises(InputError, match=r"is a log of scored behaviour.*read_scored"):
        read(path, "fst", of_events())
    with pytest.raises(InputError, match="is no log of scored behaviour"):
        read_scored(path, mapping={"columns": {"correct": "a"}}, format="box")
    with pytest.raises(ValueError, match="under 'scored'"):
        BehaviourMapping.model_validate(of_events() | {"columns": {"correct": "a"}})


# --- through the steps


def logs(folder, *names):
    mapping_ = BehaviourMapping.model_validate(of_events()).model_dump(mode="json")
    return [
        {"path": str(folder / name), "format": "fst", "starts_at_s": start, "mapping": mapping_}
        for name, start in names
    ]


def test_scored_logs_are_split_from_logs_with_trials(tmp_path):
    write(tmp_path, EVENTS_HEADER, *EVENTS)
    scored = logs(tmp_path, ("fst.csv", 0.0), ("fst.csv", 500.0))
    other = {"path": "t.csv", "format": "columns", "mapping": None, "starts_at_s": 0.0}
    settings = {"session": "s1", "animal": "r1", "behaviours": [scored[0], other, scored[1]]}
    rest, found = split_scored(settings)
    assert rest["behaviours"] == [other] and found == scored
    facts = {}
    extract_scored(found, settings, tmp_path / "scored.parquet", facts)
    table = pd.read_parquet(tmp_path / "scored.parquet")
    assert facts == {"n_bouts": 6}
    assert spans(table, "immobility", "observed") == [[0, 360], [500, 860]]
    cut = epoch_scored(table, np.array([[0.0, 1000.0]]))
    assert cut.observed_s["immobility"] == 720 and cut.state_s["immobility"] == 200
    extract_scored([], settings, tmp_path / "none.parquet", facts)
    assert (tmp_path / "none.parquet").read_bytes() == b""


def test_measure_gives_observations_per_epoch(tmp_path):
    """A forced swim test with nothing but a video: the epochs' own shares."""
    from pipeline.experiment.load import load_experiment
    from pipeline.steps.measure import measure
    from pipeline.steps.settings import measure_settings
    from pipeline.steps.spike_tables import TYPES as UNIT_TABLES

    experiment = load_experiment(minimal(tmp_path))
    lines = ["o,r,Immobile,,START,100", "o,r,Immobile,,STOP,300"]
    lines += ["o,r,Immobile,,START,1000", "o,r,Immobile,,STOP,1450"]
    path = write(tmp_path, EVENTS_HEADER, *lines)
    table = read_scored(path, mapping=of_events() | {"scored": dict(of_events()["scored"])
                                                     | {"observed_s": [0, 2400]}})  # fmt: skip
    table.to_parquet(tmp_path / "scored.parquet", engine="pyarrow", index=False)
    inputs = {"scored": tmp_path / "scored.parquet"}
    for name in ("lfp", "units", "trials", "movement", "sync"):
        inputs[name] = tmp_path / name
        inputs[name].write_bytes(b"")
    outputs = {
        "observations": tmp_path / "o.parquet",
        "spectra": tmp_path / "s.nc",
        "epochs": tmp_path / "e.tsv",
        "coupling": tmp_path / "c.nc",
        "timecourse": tmp_path / "t.parquet",
        "scored_trials": tmp_path / "scored_trials.tsv",
        "sets": tmp_path / "sets.tsv",
        **{name: tmp_path / f"{name}.out" for name in (*UNIT_TABLES, "units_table")},
    }
    settings = measure_settings(experiment, experiment.sessions[0])
    measure(settings=settings, outputs=outputs, inputs=inputs)
    rows = pd.read_parquet(outputs["observations"])
    assert set(rows["metric"]) == {"time_in_state", "bouts"}
    values = rows.set_index(["metric", "phase", "band"])["value"]
    # Dose at 600 s: baseline 0 to 480 s, acute 900 to 2400 s.
    assert values["time_in_state", "baseline", "immobility"] == pytest.approx(200 / 480)
    assert values["time_in_state", "acute", "immobility"] == pytest.approx(450 / 1500)
    assert values["time_in_state", "acute", "diving"] == 0
    assert values["bouts", "acute", "immobility"] == pytest.approx(1 / 1500)
    assert set(rows["seconds"]) == {480.0, 1500.0}


def test_outcomes_name_a_behaviour_that_is_scored(tmp_path):
    from pipeline.steps.outcomes_check import load_checked

    def checked(outcome):
        config = {"outcomes": {"primary": [outcome]}, "behaviour": {"formats": {"f": of_events()}}}
        return load_checked(minimal(tmp_path, config=config))

    assert checked("time_in_state/immobility").config.outcomes.primary
    with pytest.raises(ExperimentError, match=r"a behaviour of behaviour.formats \(did you mean"):
        checked("time_in_state/imobility")
    with pytest.raises(ExperimentError, match=r"a behaviour, such as bouts/immobility"):
        checked("bouts")
    with pytest.raises(ExperimentError, match=r"has no regions"):
        checked("bouts/diving@mPFC")
