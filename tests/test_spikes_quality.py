"""Which units count: labels, presence on the baseline only."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.spikes import present_in_baseline, units_dataset, with_quality


def regular(start, stop, every=1.0):
    return np.arange(start, stop, every)


def units(*trains):
    return units_dataset(trains, [f"u{index}" for index in range(len(trains))])


def test_presence_is_the_share_of_bins_with_a_spike():
    dataset = units(regular(0, 600), regular(0, 420), np.array([30.0]), [])
    found = present_in_baseline(dataset, [[0, 600]], bin_s=60)
    assert found.presence_ratio.values.tolist() == [1.0, 0.7, 0.1, 0.0]
    assert found.keep.values.tolist() == [True, False, False, False]
    assert found.reason.values[0] == ""
    assert found.reason.values[1] == "present in 0.70 of the baseline, below 0.9"
    assert found.unit_id.values.tolist() == ["u0", "u1", "u2", "u3"]


def test_labels_count_in_any_case_of_their_letters():
    labels = ["good", "Good", "MUA", ""]
    dataset = units_dataset([[]] * 4, ["a", "b", "c", "d"], quality=labels)
    assert with_quality(dataset).keep.values.tolist() == [True, True, False, True]
    assert with_quality(dataset, accepted=("Mua",)).keep.values.tolist() == [False] * 2 + [
        True,
        False,
    ]


def test_unit_that_the_drug_silences_is_kept():
    found = present_in_baseline(units(regular(0, 600)), [[0, 600]])
    assert found.keep.all()  # nothing after 600 s, where the drug is
    late = present_in_baseline(units(regular(600, 3600)), [[0, 600]])
    assert not late.keep.any()


def test_bins_lie_inside_the_intervals():
    # Intervals of 130 s and 59 s hold two bins of 60 s: [10, 70), [70, 130).
    dataset = units([10.0, 70.0], [9.9, 69.99, 130.0, 155.0])
    found = present_in_baseline(dataset, [[10, 140], [150, 209]], bin_s=60)
    assert found.presence_ratio.values.tolist() == [1.0, 0.5]


def test_threshold_is_inclusive_and_an_option():
    dataset = units(regular(0, 540))
    assert present_in_baseline(dataset, [[0, 600]], minimum_presence=0.9).keep.all()
    assert not present_in_baseline(dataset, [[0, 600]], minimum_presence=0.91).keep.any()


@pytest.mark.parametrize("baseline", [[], [[0, 59.0]]])
def test_without_baseline_units_are_kept_and_the_reason_says_so(baseline):
    found = present_in_baseline(units([1.0], []), baseline)
    assert found.keep.all() and np.isnan(found.presence_ratio).all()
    assert all("not judged" in reason for reason in found.reason.values)


def test_poisson_presence_has_its_expected_value():
    rng = np.random.default_rng(0)
    rate, bin_s, n_bins = 0.05, 20.0, 200
    trains = [
        np.sort(rng.uniform(0, bin_s * n_bins, rng.poisson(rate * bin_s * n_bins)))
        for _ in range(100)
    ]
    ratio = present_in_baseline(units(*trains), [[0, bin_s * n_bins]], bin_s=bin_s).presence_ratio
    # standard error of the mean of 20000 bins: 0.0034
    assert float(ratio.mean()) == pytest.approx(1 - np.exp(-rate * bin_s), abs=0.012)


def test_overlapping_baseline_is_refused():
    with pytest.raises(InputError, match="baseline"):
        present_in_baseline(units([1.0]), [[0, 100], [50, 200]])


def test_labels_decide_and_formats_without_labels_pass():
    labels = ["good", "mua", "noise", "unsorted", ""]
    dataset = units_dataset([[]] * 5, list("abcde"), quality=labels)
    found = with_quality(dataset)
    assert found.keep.values.tolist() == [True, False, False, False, True]
    assert found.reason.values[1] == "labelled mua"
    wider = with_quality(dataset, accepted=["good", "mua"])
    assert wider.keep.values.tolist() == [True, True, False, False, False]
    assert wider.reason.values[4] == "labelled with nothing"
