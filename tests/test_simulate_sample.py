"""The sample experiment: its design, its committed files, and how certain its verdicts are."""

import csv
import hashlib
import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.errors import InputError
from pipeline.experiment import load_experiment
from pipeline.flexibility import score
from pipeline.ingest import open_recording, read_behaviour, read_units
from pipeline.simulate import effects, sample
from pipeline.simulate.agent import trials_to_criterion
from pipeline.simulate.sample_design import (
    DOSE_S,
    RECORDING_S,
    TASK_CONTEXT,
    sample_tables,
    session_plans,
)
from pipeline.simulate.sample_session import session_bouts, session_lfp, session_theta
from pipeline.simulate.sample_trials import session_trials
from pipeline.simulate.sample_units import session_spikes, session_units
from pipeline.simulate.truth import expected_verdict, sample_truth, table_text, truth_text

REPOSITORY = Path(__file__).resolve().parents[1]
RECORDINGS = REPOSITORY / "sample_data" / "recordings"
PLANS = session_plans()
DRUGS = effects.DRUGS[1:]
CONFIG = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
EXPERIMENT = load_experiment(REPOSITORY / "config" / "config.yaml")
SMALLEST = CONFIG["outcomes"]["smallest_effect"]


def listed_files():
    with (REPOSITORY / "sample_data" / "files.tsv").open(newline="") as stream:
        return {row["file"]: int(row["bytes"]) for row in csv.DictReader(stream, delimiter="\t")}


def half_width_90(values):
    """Half the 90 % interval of a mean, by R's qt(.95, 7) = 1.894579."""
    return 1.894579 * values.std(axis=0, ddof=1) / np.sqrt(len(values))


def differences(change):
    """Simple effects (animal, context) and differences of differences (animal, other context).

    ``change`` maps (animal, drug) to the changes in the three contexts.
    """
    for drug in DRUGS:
        simple = np.array(
            [
                np.subtract(change[animal, drug], change[animal, effects.VEHICLE])
                for animal in effects.ANIMALS
            ]
        )
        yield drug, simple, simple[:, 1:] - simple[:, :1]


# --- design -----------------------------------------------------------------------------


def test_every_animal_gets_every_drug_and_every_drug_every_place():
    assert len(PLANS) == 32
    by_animal = {}
    for plan in PLANS:
        by_animal.setdefault(plan.animal, []).append(plan.drug)
    assert all(sorted(order) == sorted(effects.DRUGS) for order in by_animal.values())
    weeks = Counter((plan.drug, plan.name[-1]) for plan in PLANS)
    assert set(weeks.values()) == {2}
    follows = Counter(pair for order in by_animal.values() for pair in itertools.pairwise(order))
    assert len(follows) == 12 and set(follows.values()) == {2}
    sexes = Counter((plan.drug, plan.name[-1], plan.sex) for plan in PLANS)
    assert set(sexes.values()) == {1}
    cages = {plan.cage: {p.sex for p in PLANS if p.cage == plan.cage} for plan in PLANS}
    assert len(cages) == 4 and all(len(sexes) == 1 for sexes in cages.values())


def test_contexts_are_counterbalanced_within_every_drug():
    places = Counter()
    for plan in PLANS:
        for phase in effects.PHASES:
            visits = [visit for visit in plan.recorded if visit.phase == phase]
            assert {visit.context for visit in visits} == set(effects.CONTEXTS)
            for place, visit in enumerate(visits):
                places[plan.drug, phase, visit.context, place] += 1
    assert len(places) == 4 * 2 * 3 * 3
    assert set(places.values()) == {2, 3}


def test_visits_do_not_overlap_and_the_recorded_ones_end_with_the_recording():
    for plan in PLANS:
        edges = [edge for visit in plan.visits for edge in (visit.start_s, visit.stop_s)]
        assert edges == sorted(edges)
        assert plan.recorded[-1].stop_s == RECORDING_S < plan.task.start_s


# --- committed files --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(sample_tables()))
def test_committed_table_is_the_generated_one(name):
    committed = (REPOSITORY / "config" / f"{name}.tsv").read_text(encoding="utf-8")
    assert committed == table_text(sample_tables()[name]), (
        "run pipeline.simulate.truth.write_tables"
    )


def test_committed_truth_is_the_planted_one():
    committed = (REPOSITORY / "sample_data" / "truth.yaml").read_text(encoding="utf-8")
    assert committed == truth_text(), "run pipeline.simulate.truth.write_tables"
    assert yaml.safe_load(committed) == sample_truth()


def test_config_and_tables_make_the_planned_experiment():
    experiment = EXPERIMENT
    assert [session.name for session in experiment.sessions] == [plan.name for plan in PLANS]
    conditions = {anchor.administration.session: anchor for anchor in experiment.anchors.values()}
    for plan in PLANS:
        assert conditions[plan.name].condition == plan.drug
        expected = [(v.phase, v.context, v.start_s, v.stop_s) for v in plan.visits]
        found = [
            (e.phase, e.context, e.start_s or 0.0, e.stop_s) for e in experiment.epochs[plan.name]
        ]
        assert sorted(found) == sorted(expected)
    assert set(experiment.config.lfp.bands) == set(effects.BANDS_HZ)
    for band, edges in effects.BANDS_HZ.items():
        assert tuple(experiment.config.lfp.bands[band]) == edges


def test_every_config_key_has_a_comment():
    lines = (REPOSITORY / "config" / "config.yaml").read_text().splitlines()
    bare = []
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        key = line.strip().split(":")[0]
        if indent != 2 or not line.strip() or line.strip().startswith(("#", "-")):
            continue
        if not lines[number - 1].strip().startswith("#"):
            bare.append(key)
    assert not bare, f"keys without a comment above them: {bare}"


def test_all_verdicts_occur_and_every_primary_outcome_is_claimed():
    verdicts = sample_truth()["verdicts"]
    assert {row["verdict"] for row in verdicts} == {
        "process",
        "pill",
        "no drug effect",
        "inconclusive",
        "drug effect, one context",
    }
    patterns = {row.get("pattern", "") for row in verdicts}
    assert patterns == {"", "amplified", "attenuated", "reversed"}
    claimed = {(row["outcome"], row["condition"]) for row in verdicts}
    primary = CONFIG["outcomes"]["primary"]
    assert {(outcome, drug) for outcome in primary for drug in DRUGS} <= claimed
    movement = [row for row in verdicts if row["split"] == "movement"]
    assert {row["verdict"] for row in movement} == {"no drug effect"}
    keys = [tuple(row[k] for k in ("outcome", "condition", "split_level")) for row in verdicts]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((0, 0, 0), ("no drug effect", "")),
        ((2, 2, 2), ("pill", "")),
        ((0, 0, -2), ("process", "amplified")),
        ((2, 4, 2), ("process", "amplified")),
        ((-4, -4, -1), ("process", "attenuated")),
        ((2, 0, 2), ("process", "attenuated")),
        ((-1, -1, 1), ("process", "reversed")),
    ],
)
def test_expected_verdict(changes, expected):
    assert expected_verdict(changes) == expected


# --- how certain the verdicts are -------------------------------------------------------


def test_departures_of_animals_average_zero_and_differ_between_cells():
    one = effects.deviations("a", sd=0.3)
    values = np.array(list(one.values()))
    assert values.mean() == pytest.approx(0, abs=1e-12)
    assert values.std(ddof=1) == pytest.approx(0.3)
    assert one != effects.deviations("b", sd=0.3) and one == effects.deviations("a", sd=0.3)


@pytest.mark.parametrize(("band", "region"), sorted(effects.BANDS))
def test_planted_band_changes_average_the_declared_effects(band, region):
    change = {
        (animal, drug): [
            effects.band_change_db(
                band=band, region=region, animal=animal, drug=drug, context=context
            )
            + effects.region_gain_change_db(
                region=region, animal=animal, drug=drug, context=context
            )
            for context in effects.CONTEXTS
        ]
        for animal in effects.ANIMALS
        for drug in effects.DRUGS
    }
    planted = effects.BANDS[band, region]
    limit = 0.6 * SMALLEST["band_power"]["interaction"]
    for drug, simple, double in differences(change):
        declared = np.array(planted.drug_db.get(drug, effects.NOTHING))
        np.testing.assert_allclose(simple.mean(axis=0), declared, atol=1e-9)
        np.testing.assert_allclose(double.mean(axis=0), declared[1:] - declared[0], atol=1e-9)
        wild = any(name == drug for name, _ in planted.wild_db)
        # what the animals alone contribute leaves room for the estimation noise
        assert np.all(double.std(axis=0, ddof=1) < limit) != wild
        for difference in declared[1:] - declared[0]:
            assert difference == 0 or abs(difference) > SMALLEST["band_power"]["interaction"]


def test_rates_in_the_spikes_are_certain_enough():
    limit = 0.6 * SMALLEST["firing_rate"]["interaction"]
    change = {region: {} for region in effects.RATES}
    for plan in PLANS:
        units = session_units(plan)
        spikes = session_spikes(plan, units, session_theta(plan))
        for region in change:
            counts = {
                (visit.context, visit.phase): [
                    np.log2(np.searchsorted(times, [visit.start_s, visit.stop_s]) @ [-1, 1] + 0.5)
                    for unit, times in zip(units, spikes, strict=True)
                    if unit.region == region
                ]
                for visit in plan.recorded
            }
            change[region][plan.animal, plan.drug] = [
                np.mean(counts[context, "acute"]) - np.mean(counts[context, "baseline"])
                for context in effects.CONTEXTS
            ]
    for region, planted in effects.RATES.items():
        for drug, simple, double in differences(change[region]):
            declared = np.array(planted.drug_log2.get(drug, effects.NOTHING))
            np.testing.assert_allclose(simple.mean(axis=0), declared, atol=0.12)
            assert np.all(double.std(axis=0, ddof=1) < limit), (region, drug)


def test_a_drug_changes_no_trial_before_it_is_given():
    for plan in session_plans():
        ours, vehicles = (
            [trial for trial in session_trials(one) if trial.start_s < DOSE_S]
            for one in (plan, replace(plan, drug="vehicle"))
        )
        assert ours == vehicles and len(ours) > 20


def test_trials_to_criterion_are_certain_enough():
    smallest = SMALLEST["trials_to_criterion"]["drug"]
    means = {}
    for plan in PLANS:
        acute = [trial for trial in session_trials(plan) if trial.start_s > DOSE_S]
        counts = trials_to_criterion(acute)
        assert len(counts) >= 8  # several rule changes
        means[plan.animal, plan.drug] = np.mean(counts)
    for drug in DRUGS:
        change = np.array(
            [means[animal, drug] - means[animal, effects.VEHICLE] for animal in effects.ANIMALS]
        )
        half = half_width_90(change)
        if effects.LEARNING_RATE_FACTOR[drug] == 1:
            assert abs(change.mean()) + half < smallest
        else:
            # more than three times as far from zero as a test at 0.05 / 3 (Holm) asks for
            assert abs(change.mean()) - 5 * half > 0 and abs(change.mean()) > smallest


def test_task_visits_hold_trials_and_the_log_outlasts_the_recording():
    for plan in PLANS[::5]:
        trials = session_trials(plan)
        visits = [visit for visit in plan.visits if visit.context == TASK_CONTEXT]
        inside = [
            sum(visit.start_s <= trial.start_s < visit.stop_s - 2 for trial in trials)
            for visit in visits
        ]
        assert sum(inside) == len(trials) and min(inside) >= 60
        assert trials[-1].start_s > 3 * RECORDING_S


# --- making it --------------------------------------------------------------------------


def test_listed_sample_is_of_the_promised_size():
    files = listed_files()
    assert sum(files.values()) < 600e6
    assert {name.split("/")[0] for name in files} == {plan.name for plan in PLANS}


def content(path):
    """Return a file's bytes as a digest; of NWB, everything but ids."""
    if path.suffix != ".nwb":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import h5py

    found = {}

    def visit(name, node):
        if isinstance(node, h5py.Dataset) and not name.startswith("specifications"):
            values = node[()]
            if node.dtype != object and node.dtype.kind != "O":
                found[name] = hashlib.sha256(np.asarray(values).tobytes()).hexdigest()

    with h5py.File(path) as file:
        file.visititems(visit)
    return json.dumps(found, sort_keys=True)


@pytest.mark.parametrize("name", ["rat01_s2", "rat03_s1", "rat08_s4"])
def test_session_is_made_again_alike_and_as_listed(tmp_path, name):
    (plan,) = [plan for plan in PLANS if plan.name == name]
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        assert sample.write_session(plan, tmp_path / folder) == name
    one, two = (
        {p.relative_to(root): p for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (tmp_path / "one", tmp_path / "two")
    )
    assert one.keys() == two.keys()
    for key, path in one.items():
        assert content(path) == content(two[key]), key
    sizes = {key.as_posix(): path.stat().st_size for key, path in one.items()}
    listed = {key: size for key, size in listed_files().items() if key.startswith(name + "/")}
    assert sizes == listed, "make the sample and run pipeline.simulate.truth.write_tables"


@pytest.mark.parametrize("name", ["rat02_s1", "rat04_s2", "rat05_s3"])
def test_session_reads_back_as_the_tables_say(tmp_path, name):
    (plan,) = [plan for plan in PLANS if plan.name == name]
    sample.write_session(plan, tmp_path)
    (session,) = [s for s in EXPERIMENT.sessions if s.name == name]

    def here(path):
        return tmp_path / Path(path).relative_to("../sample_data/recordings")

    (source,) = session.recordings
    recording = open_recording(here(source.path), format=source.format)
    channels = [channel.channel for channel in session.channels]
    assert [str(channel) for channel in recording.channel_ids][:4] == channels
    assert [channel.region for channel in session.channels] == ["mPFC", "mPFC", "CA1", "CA1"]
    assert recording.sampling_frequency == plan.rate_hz
    planned = session_lfp(plan, session_bouts(plan), session_theta(plan))
    assert recording.get_num_samples() == len(planned)
    found = recording.get_traces(
        start_frame=5000, end_frame=9000, channel_ids=channels, return_in_uV=True
    )
    # half a count of the coarsest converter (SpikeGLX: 0.763 microvolts), and rounding
    np.testing.assert_allclose(found, planned[5000:9000], atol=0.39)

    units = session_units(plan)
    sorted_units = read_units(here(session.sorting))
    assert list(sorted_units.region) == [unit.region for unit in units]
    spikes = session_spikes(plan, units, session_theta(plan))
    for mine, theirs in zip(spikes, sorted_units.spike_times, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1 / sample.SORTING_HZ)

    (log,) = session.behaviours
    mapping = EXPERIMENT.config.behaviour.formats[log.format]
    table = read_behaviour(here(log.path), format=log.format, mapping=mapping)
    trials = session_trials(plan)
    np.testing.assert_allclose(table["t_cue"], [trial.start_s for trial in trials], atol=1e-3)
    assert table["rule"].tolist() == [trial.rule for trial in trials]
    assert table["cue_side"].tolist() == [trial.light for trial in trials]
    assert table["omission"].tolist() == [trial.omitted for trial in trials]
    chosen = ["" if trial.omitted else trial.choice for trial in trials]
    assert table["choice_side"].tolist() == chosen
    responses = [trial.response_s for trial in trials]
    np.testing.assert_allclose(table["latency_choice"], responses, atol=1e-3)
    # the pipeline's scoring finds the log consistent with the task, and counts the same
    sets = score(table, EXPERIMENT.config.flexibility.task).sets
    acute = [trial for trial in trials if trial.start_s > DOSE_S]
    reached = sets[(sets["t_start"] > DOSE_S) & ~sets["censored"]]
    assert reached["trials_to_criterion"].tolist() == trials_to_criterion(acute)
    assert not sets.loc[sets["t_start"] > DOSE_S, "censored"].any()


def fake_session(plan, folder):
    (Path(folder) / plan.name).mkdir()
    (Path(folder) / plan.name / "data.bin").write_bytes(plan.name.encode())
    return plan.name


def test_sample_is_whole_dated_and_known_to_be_complete(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sample, "write_session", fake_session)
    folder = tmp_path / "recordings"
    assert not sample.sample_is_complete(folder)
    (folder / "rat01_s1").mkdir(parents=True)  # an empty folder, as Snakemake leaves
    assert sample.make_sample(folder, processes=1) == folder.resolve()
    assert "32 of 32 sessions" in capsys.readouterr().err
    assert sample.sample_is_complete(folder)
    files = [path for path in folder.rglob("*") if path.name == "data.bin"]
    assert len(files) == 32
    assert {path.stat().st_mtime for path in files} == {float(sample.MODIFIED_S)}
    assert list(tmp_path.iterdir()) == [folder]
    files[3].write_bytes(b"cut")
    assert not sample.sample_is_complete(folder)
    sample.make_sample(folder, processes=1, progress=False)
    assert sample.sample_is_complete(folder)
    monkeypatch.setattr(sample, "sample_version", lambda: "of another generator")
    assert not sample.sample_is_complete(folder)


def test_interrupted_sample_leaves_nothing_and_strangers_are_not_touched(tmp_path, monkeypatch):
    def broken(plan, folder):
        if plan == PLANS[3]:
            raise OSError(28, "No space left on device")
        return fake_session(plan, folder)

    monkeypatch.setattr(sample, "write_session", broken)
    folder = tmp_path / "recordings"
    with pytest.raises(OSError, match="No space left"):
        sample.make_sample(folder, processes=1, progress=False)
    assert list(tmp_path.iterdir()) == []
    folder.mkdir()
    (folder / "thesis.dat").write_bytes(b"years of work")
    with pytest.raises(InputError, match="not a finished sample"):
        sample.make_sample(folder, processes=1, progress=False)
    assert (folder / "thesis.dat").read_bytes() == b"years of work"


def test_modification_time_is_the_one_that_the_workflow_plans_with():
    from pipeline.steps.inputs import SAMPLE_MTIME_NS

    assert sample.MODIFIED_S * 10**9 == SAMPLE_MTIME_NS
