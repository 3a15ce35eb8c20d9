"""What of the units has no value in a cell is said, in at most one line per kind of outcome."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from experiments import minimal

from pipeline.experiment import load_experiment
from pipeline.experiment.spike_options import SpikeOptions
from pipeline.spikes import save_units, units_dataset
from pipeline.steps.lacking_spikes import lacking_spikes, lacking_task
from pipeline.steps.measure import measure
from pipeline.steps.paths import EXTRACTED, MEASURED
from pipeline.steps.session_data import Span
from pipeline.steps.settings import measure_settings
from pipeline.steps.sources import Sources
from pipeline.steps.spike_sources import SpikeSession

#: phase, context, start, stop: no baseline in the maze, and two blocks only after the dose there
PLACES = (
    ("baseline", "cage", 0.0, 400.0),
    ("acute", "cage", 400.0, 800.0),
    ("acute", "maze", 800.0, 920.0),
)
#: of a task of two sets: 12 trials of each, left and right in turn, every third an error
TRIALS = pd.DataFrame(
    {
        "t_cue": 402.0 + 15.0 * np.arange(24),
        "t_choice": 404.0 + 15.0 * np.arange(24),
        "latency_choice": 2.0,
        "choice_side": ["left", "right"] * 12,
        "rule": ["light"] * 12 + ["left"] * 12,
        "outcome": ["correct", "correct", "error"] * 8,
        "set_index": [1] * 12 + [2] * 12,
    }
)


def session(regions, *, places=PLACES, trials=None, silent=(), lfp=False, task=None):
    """Units that fire twice a second, `silent` ones 60 times in the whole session; SpikeSession."""
    cells = [
        [Span(context, phase, 0, start, stop, "a1", 1, 400.0)]
        for phase, context, start, stop in places
    ]
    end_s = places[-1][3]
    rng = np.random.default_rng(4)
    trains = [
        np.sort(rng.uniform(0, end_s, 60 if unit in silent else int(2 * end_s)))
        for unit in range(len(regions))
    ]
    given = {"lfp": lfp, "units": True, "trials": trials is not None}
    options = SpikeOptions(
        modulation={"permutations": 99},
        task={"relabelled": 99, "decoding_relabelled": 19, **(task or {})},
    )
    data = SimpleNamespace(
        units=units_dataset(trains, [f"u{unit}" for unit in range(len(regions))], regions),
        recorded=np.array([[0.0, end_s]]),
        scores=SimpleNamespace(trials=trials),
        options={
            "spikes": options.model_dump(mode="json", exclude={"sorting"}),
            "design": {"minimum_epoch_s": 60.0},
            "lfp": {"bands": {}},
        },
        has=given.__getitem__,
    )
    quality = SimpleNamespace(kept_units=np.ones(len(trains), bool), artefacts=np.empty((0, 2)))
    return SpikeSession(data, quality, cells, baseline_phase="baseline", baseline_context="same")


def said(found: SpikeSession, **instead) -> list[str]:
    cells = []
    for (span,) in found.cells:
        makers = found.sources(span.intervals, context=span.context, phase=span.phase, split="")
        makers |= {name: (lambda value=value: value) for name, value in instead.items()}
        cells.append((span, Sources(makers)))
    return [*lacking_spikes(cells, found), *lacking_task(cells, found)]


def starting(lines: list[str], kind: str) -> str:
    (line,) = [line for line in lines if line.startswith(kind)]
    return line


def test_a_session_that_has_all_says_nothing():
    assert said(session(["mPFC"] * 6, places=PLACES[:2])) == []


def test_small_regions_short_cells_and_missing_baselines_are_named():
    lines = said(session(["mPFC"] * 6 + ["CA1"] * 3 + ["dHC"]))
    assert len(lines) == 2
    assert "5 units (spikes.minimum_units)" in lines[0]
    assert lines[0].endswith(": CA1 (3 units), dHC (1 unit)")
    assert lines[1].startswith(
        "units that change their rate: no value in acute, maze (no baseline): a baseline with 5 "
        "blocks of 60 s needed"
    )


def test_blocks_before_and_in_a_cell_are_counted():
    places = (*PLACES, ("baseline", "maze", 920.0, 1250.0))
    line = starting(said(session(["mPFC"] * 6, places=places)), "units that change")
    assert "acute, maze (5 blocks of the baseline, 2 of the cell)" in line


def test_a_window_that_no_interval_holds_is_missed():
    places = (*PLACES[:2], ("late", "cage", 800.0, 850.0))
    lines = said(session(["mPFC"] * 6, places=places))
    assert starting(lines, "spike Lempel-Ziv").endswith(
        "no value in late, cage (at most 50 s in one piece): an unbroken window of 60 s needed"
    )


def test_units_that_are_too_silent_for_pairs_are_counted():
    lines = said(session(["mPFC"] * 6, places=PLACES[:2], silent=(0, 1)))
    for kind in ("correlations of counts and tiling", "population coupling"):
        line = starting(lines, kind)
        assert "baseline, cage (mPFC: 4 units); acute, cage (mPFC: 4 units): 5 units" in line
    assert len(lines) == 2  # all six fire in the baseline, and are tested for a change


def test_steps_are_told_apart():
    found = session(["mPFC"] * 6, places=PLACES[:2])
    second = [Span("maze", "acute", 0, 700.0, 800.0, "a2", 2, 650.0)]
    found = SpikeSession(found.data, found.quality, [*found.cells, second], "baseline", "same")
    assert "acute, maze, step 2 (no baseline)" in starting(said(found), "units that change")


# ------------------------------------------------------------------------------------ with an LFP


def phases(channel, unit_region):
    return SimpleNamespace(region=unit_region, channel=channel)


def test_units_without_a_channel_of_their_region_are_named():
    regions = ["mPFC"] * 6 + ["CA1"] * 5
    found = session(regions, places=PLACES[:2], lfp=True)
    found.__dict__["phases"] = None
    (line,) = said(found)
    assert line.startswith("locking to the LFP and rates with its power: no value in CA1; mPFC: a")
    found.__dict__["phases"] = phases(["c1"] * 6 + [""] * 5, regions)
    enough = SimpleNamespace(region=["mPFC"] * 6)
    (line,) = said(found, locking=enough, rate_power=enough)
    assert "no value in CA1: a good channel" in line
    lines = said(found, locking=SimpleNamespace(region=["mPFC"] * 2), rate_power=None)
    share = starting(lines, "share of locked units")
    assert "baseline, cage (mPFC: 2 units); acute, cage (mPFC: 2 units): 5 units" in share
    assert "baseline, cage; acute, cage: a minute" in starting(lines, "rates with the power")
    assert len(lines) == 3


def test_a_session_without_an_lfp_has_no_locking_to_miss():
    found = session(["mPFC"] * 6, places=PLACES[:2])
    found.__dict__["phases"] = None
    assert said(found) == []


# -------------------------------------------------------------------------------------- the task


def task_line(trials, **given) -> str:
    places = given.pop("places", PLACES[:2])
    return starting(said(session(["mPFC"] * 6, places=places, trials=trials, **given)), "units and")


def test_labels_with_too_few_trials_are_named_in_cells_that_have_trials():
    """12 left, 12 right, 16 correct, 8 errors, one change of the rule; none before the dose."""
    trials, where = TRIALS, "acute, cage (24 trials, 1 change of the rule)"
    line = task_line(trials)
    assert "baseline, cage" not in line
    assert (
        f"no value of responses to rule_change, selectivity for outcome, selectivity for rule, "
        f"decoding of rule in {where}: too few trials" in line
    )
    line = task_line(trials, task={"minimum_trials": 13, "decoding_trials": 13})
    assert "selectivity for choice" in line and f"decoding of choice in {where}" in line
    assert "of each label (13; decoding: 13)" in line


def test_what_lacks_in_every_cell_is_said_without_a_list():
    places = (*PLACES[:1], ("acute", "cage", 400.0, 590.0), ("late", "cage", 590.0, 800.0))
    line = task_line(TRIALS, places=places)
    assert "decoding of rule, decoding of choice in any cell with trials: too few" in line
    assert "acute, cage (13 trials, 1 change of the rule)" not in line


def test_a_task_of_one_rule_has_no_rule_to_tell():
    trials = TRIALS.assign(rule="light", set_index=1, outcome=["correct", "error"] * 12)
    assert said(session(["mPFC"] * 6, places=PLACES[:2], trials=trials)) == []


def test_decoders_that_want_more_units_than_a_region_has():
    lines = said(
        session(["mPFC"] * 6, places=PLACES[:2], trials=TRIALS, task={"decoding_units": 8})
    )
    assert "decoding: no value in mPFC (6 units): 8 units needed" in lines
    assert "decoding of" not in starting(lines, "units and the task")


# ------------------------------------------------------------------------------------- no units


@pytest.mark.parametrize(
    ("trains", "label", "why"),
    [
        ([], [], "the sorting holds none"),
        ([np.arange(0.0, 2400.0, 0.5)], ["noise"], "none of 1 counts (units.tsv says why)"),
    ],
)
def test_a_session_without_units_that_count_is_measured_and_says_so(tmp_path, trains, label, why):
    """A sort that found nothing leaves a table of no units: speed is measured all the same."""
    experiment = load_experiment(minimal(tmp_path))
    inputs = {name: tmp_path / name for name in EXTRACTED if name != "status"}
    for path in inputs.values():
        path.write_bytes(b"")
    names = [f"u{unit}" for unit in range(len(trains))]
    save_units(units_dataset(trains, names, ["mPFC"] * len(trains), label), inputs["units"])
    pd.DataFrame({"time_s": np.arange(0.0, 2400.0, 0.1), "speed_cm_s": 5.0}).to_parquet(
        inputs["movement"]
    )
    outputs = {name: tmp_path / f"{name}.out" for name in MEASURED if name != "status"}
    settings = measure_settings(experiment, experiment.sessions[0])
    outcome = measure(settings=settings, outputs=outputs, inputs=inputs)
    assert f"units: no outcome of spikes has a value: {why}" in outcome.warnings
    rows = pd.read_parquet(outputs["observations"])
    assert "speed" in set(rows["metric"]) and not any(rows["unit_id"])
