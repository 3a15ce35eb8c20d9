"""What a row of the observations says of the time that it rests on."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.experiment.lfp_options import LfpOptions
from pipeline.lfp.aperiodic import FailedFit
from pipeline.steps.lacking import CellTime, lacking_values
from pipeline.steps.measure import _clipped, _joined, failed_fits, lasting_strata
from pipeline.steps.session_data import Span
from pipeline.steps.session_mains import beyond_pass_band
from pipeline.steps.sources import Sources


def span(start_s, stop_s, interval=0):
    return Span(
        context="home_cage",
        phase="acute",
        interval=interval,
        start_s=start_s,
        stop_s=stop_s,
        anchor="a1",
        step=1,
        since_dose_zero_s=600.0,
    )


def test_the_middle_of_a_cell_is_that_of_its_intervals():
    cell = _joined([span(0, 100), span(400, 700, 1)])
    assert (cell.start_s, cell.stop_s) == (0, 700)
    assert cell.middle_s == pytest.approx((100 * 50 + 300 * 550) / 400)


def test_what_was_not_recorded_has_no_part_in_the_middle():
    recorded = np.array([[0.0, 450.0]])
    parts = [span(0, 100), span(400, 700, 1), span(800, 900, 2)]
    cell = _joined([_clipped(part, recorded) for part in parts])
    assert (cell.start_s, cell.stop_s) == (0, 450)
    assert cell.middle_s == pytest.approx((100 * 50 + 50 * 425) / 150)


def test_a_session_without_clock_times_has_no_middle():
    cell = _joined([span(0, 0)])
    assert np.isnan(cell.stop_s)
    assert cell.middle_s is None


def test_a_source_is_made_once_and_only_when_asked_for():
    made = []

    def make(name):
        made.append(name)
        return None if name == "none" else name

    sources = Sources({name: lambda name=name: make(name) for name in ("one", "none")})
    assert sorted(sources) == ["none", "one"] and not made
    assert sources["one"] == sources.get("one") == "one"
    assert sources.get("none") is None and sources.get("none") is None
    assert sources.get("another") is None
    assert made == ["one", "none"]


MAINS = np.array([[middle - 3.0, middle + 3.0] for middle in (50, 100, 150, 200, 250)])


@pytest.mark.parametrize(
    ("pass_band_hz", "mains", "said"),
    [
        (400.0, None, None),
        (400.0, MAINS, None),
        (200.0, None, None),
        (200.0, MAINS, "resting on less: hfo_power, hfo_frequency and hfo_prevalence on 80-197 Hz"),
        (
            100.0,
            None,
            "no value for band hfo, hfo_power, hfo_frequency, hfo_prevalence, hfo_spike_leakage",
        ),
        (
            80.0,
            None,
            "no value for bands high_gamma, hfo, relative_band_power, spectral_entropy, "
            "lempel_ziv, lempel_ziv_normalised, hfo_power, "
            "hfo_frequency, hfo_prevalence, hfo_spike_leakage; "
            "resting on less: the aperiodic fit on 2-80 Hz",
        ),
    ],
)
def test_what_a_recording_cannot_show_is_named_once(pass_band_hz, mains, said):
    options = LfpOptions().model_dump(mode="json")
    found = beyond_pass_band(pass_band_hz, options, mains=mains)
    end = f": the recording holds frequencies up to {pass_band_hz:g} Hz only"
    assert found == ([] if said is None else [said + end])


def test_failed_fits_are_counted_by_region_and_range():
    bad = SimpleNamespace(
        failed=(FailedFit(region="mPFC", which="broad", why="mean error 0.12 above 0.1"),)
    )
    good = SimpleNamespace(failed=())
    assert failed_fits([bad, good, bad]) == [
        "no aperiodic fit of mPFC (broad range) in 2 of 3 epochs: mean error 0.12 above 0.1"
    ]
    assert failed_fits([good]) == []


def cell_time(name, pieces, length_s, **has):
    starts = np.arange(pieces) * (length_s + 2.0)
    return CellTime(name, np.column_stack((starts, starts + length_s)), has)


def test_cells_whose_time_is_too_broken_are_named_once_per_kind():
    options = LfpOptions().model_dump()
    whole = cell_time("baseline, task", 1, 600.0, spectrum=True, coupling=True,
                      phase_amplitude=True, complexity=True)  # fmt: skip
    short = cell_time("acute, task", 1, 70.0, spectrum=True, coupling=False, phase_amplitude=True,
                      complexity=True)  # fmt: skip
    broken = cell_time("late, task", 120, 3.5)
    nothing = CellTime("late, cage", np.empty((0, 2)), {})
    found = lacking_values([whole, short, broken, nothing], options, n_regions=2)
    kinds = ["spectra", "coupling between regions", "phase-amplitude coupling", "complexity"]
    assert [words.split(":")[0] for words in found] == kinds
    broke = "late, task (420 s clean, at most 3.5 s in one piece)"
    assert found[0] == f"spectra: no value in {broke}: too few unbroken windows, one of 4 s needed"
    assert f"acute, task (70 s clean, at most 70.0 s in one piece); {broke}" in found[1]
    assert "40 of 2 s needed" in found[1] and "acute" not in found[2] + found[3]
    assert lacking_values([whole], options, n_regions=2) == []
    # one region has no coupling; a cause that is not the time is not put down to it
    alone = cell_time("baseline, task", 1, 600.0, spectrum=True, phase_amplitude=True)
    assert lacking_values([alone], options, n_regions=1) == []
    assert len(lacking_values([broken], options, n_regions=1)) == 3


def test_strata_count_where_they_add_up_to_the_minimum_in_a_cell():
    session = SimpleNamespace(
        recorded=np.array([[0.0, 500.0]]),
        splits={
            "movement": {"rest": np.array([[0.0, 20.0], [410.0, 425.0]]), "run": np.zeros((0, 2))},
            "learning": {"established": np.array([[480.0, 900.0]])},
        },
    )
    cell = [span(0, 100), span(400, 700, 1)]
    lasting = lasting_strata(cell, session, minimum_s=30.0)
    # 20 s and 15 s of rest add up; of the established phase only 20 s were recorded
    assert lasting == {("movement", "rest")}
    assert lasting_strata(cell, session, minimum_s=20.0) == {
        ("movement", "rest"),
        ("learning", "established"),
    }
