"""Clock alignment: the right map, or a refusal that says why; never a wrong map."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.clock_study import KINDS, UNKNOWABLE, study, table, wilson_upper
from pipeline.errors import InputError
from pipeline.ingest.clock import align, displaced
from pipeline.ingest.clock_match import Line, fit, nearest, pairs, standard_error
from pipeline.ingest.clock_seeds import lags


def irregular(n=200, seed=0, low=1.0, high=9.0):
    return np.cumsum(np.random.default_rng(seed).uniform(low, high, n))


# ------------------------------------------------------------------ the parts, by hand


def test_the_line_of_hand_worked_points():
    line = fit(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    assert line == pytest.approx((2.0, 1.0))
    assert line.inverse() == pytest.approx((0.5, -0.5))
    # residuals 0, 1, -1, 0 about y = 0: s^2 = 2 / 2, Sxx = 5; at the mean s / 2
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, -1.0, -1.0, 1.0])
    line = fit(x, y)
    assert line == pytest.approx((0.0, 0.0))
    error = standard_error(x, y, line, np.array([1.5, 3.0]))
    assert error == pytest.approx([np.sqrt(2 / 4), np.sqrt(2 * (1 / 4 + 1.5**2 / 5))])


def test_a_pulse_is_matched_once_with_the_closest():
    x, y = np.array([0.0, 1.0, 1.01, 5.0]), np.array([0.001, 1.008, 9.0])
    ix, iy = pairs(x, y, Line(1.0, 0.0), 0.02)
    assert ix.tolist() == [0, 2] and iy.tolist() == [0, 1]
    assert nearest(np.array([3.0]), np.array([0.0, 9.0])).tolist() == [0, 0]


@given(
    x=st.lists(st.floats(0, 100), min_size=1, max_size=40, unique=True).map(sorted),
    y=st.lists(st.floats(0, 100), min_size=1, max_size=40, unique=True).map(sorted),
    window=st.floats(0.01, 10),
)
def test_matching_is_one_to_one_in_order_and_within_the_window(x, y, window):
    x, y = np.array(x), np.array(y)
    ix, iy = pairs(x, y, Line(1.0, 0.0), window)
    assert (np.diff(ix) > 0).all() and (np.diff(iy) > 0).all()
    assert (np.abs(x[ix] - y[iy]) <= window).all()
    brute = [int(np.argmin(np.abs(y - value))) for value in x]
    assert np.abs(y[nearest(y, x)] - x) == pytest.approx(np.abs(y[brute] - x))


def test_the_lag_of_a_regular_train_is_its_period():
    train = np.arange(50) * 2.0
    found = lags(train, train, window_s=0.001, apart_s=0.002)
    assert abs(found[0]) == pytest.approx(2.0) and abs(found[1]) == pytest.approx(2.0)


# ------------------------------------------------------------------ the right map


def test_offset_and_drift_are_exact_without_noise():
    sent = irregular()
    found = align(sent, 7000.0 + sent * 1.0002)
    assert found.n_matched == 200
    assert found.drift_ppm == pytest.approx(200.0, abs=1e-3)
    assert found.residual_max_ms == pytest.approx(0.0, abs=1e-6)
    assert found.to_recording(100.0) == pytest.approx(7000.0 + 100.02, abs=1e-6)
    assert np.isnan(found.to_recording([np.nan, 5.0])).tolist() == [True, False]


def test_either_side_may_be_the_longer_one():
    sent = irregular()
    one = align(sent[50:110] - sent[50], sent + 3600)
    two = align(sent + 3600, sent[50:110] - sent[50])
    assert one.n_matched == two.n_matched == 60
    assert one.n_unmatched_recording == two.n_unmatched_behaviour == 140
    assert one.to_recording(0.0) == pytest.approx(sent[50] + 3600)
    assert two.to_recording(sent[50] + 3600) == pytest.approx(0.0, abs=1e-6)


def test_missing_extra_and_doubled_pulses_are_counted():
    sent = irregular()
    behaviour = np.delete(sent, [3, 4, 60])
    recording = np.sort(np.concatenate([np.delete(sent, [10]), [sent[5] + 0.5, sent[9] + 0.001]]))
    found = align(behaviour, recording)
    assert found.n_behaviour == 197 and found.n_recording == 200
    assert (found.n_doubled_behaviour, found.n_doubled_recording) == (0, 1)
    assert found.n_matched == 196
    assert found.n_unmatched_behaviour == 1 and found.n_unmatched_recording == 4


def test_a_restart_of_the_log_gives_two_pieces():
    sent = irregular()
    at = sent[120] - 0.25
    log = np.where(sent < at, sent, sent - at)
    found = align(log, sent * 1.0001 + 50)
    assert [piece.run for piece in found.pieces] == [0, 1]
    assert found.n_matched == 200
    assert found.to_recording(log) == pytest.approx(sent * 1.0001 + 50, abs=1e-6)
    # The same number on the log's clock is two moments: the run says which.
    assert found.to_recording([10.0, 10.0], run=[0, 1]) == pytest.approx(
        [10.001 + 50, (10.0 + at) * 1.0001 + 50]
    )
    with pytest.raises(InputError, match=r"restarted 1 time.*go back 0 time"):
        found.to_recording([1.0, 2.0])


@pytest.mark.parametrize("jump", [30.0, -30.0, 0.05])
def test_a_jump_of_the_recording_gives_two_pieces_and_no_guess_between(jump):
    sent = irregular()
    late = np.arange(200) >= 120
    found = align(sent, sent + 50 + jump * late)
    assert len(found.pieces) == 2
    assert found.n_matched == 200
    between = (sent[119] + sent[120]) / 2
    assert np.isnan(found.to_recording(between))
    far = np.r_[0:115, 125:200]
    assert found.to_recording(sent[far]) == pytest.approx((sent + 50 + jump * late)[far])
    mapped = found.to_recording(sent)
    right = np.isclose(mapped, sent + 50 + jump * late, atol=1e-6)
    assert (right | np.isnan(mapped)).all()


def test_a_log_that_goes_on_from_zero_after_the_recording_has_no_time_there():
    sent = irregular()
    at = sent[150] - 0.25
    log = np.where(sent < at, sent, sent - at)
    found = align(log, sent[:150] + 50)
    assert found.n_runs == 2 and len(found.pieces) == 1
    mapped = found.to_recording(log)
    assert mapped[:150] == pytest.approx(sent[:150] + 50)
    assert np.isnan(mapped[150:]).all()


def test_lost_pulses_in_the_middle_are_no_restart():
    sent = irregular()
    found = align(sent, np.delete(sent, slice(80, 120)) + 5)
    assert len(found.pieces) == 1 and found.n_matched == 160


def test_barcodes_pin_regular_pulses():
    regular = np.arange(300) * 2.0
    codes = [(regular[i], 1000 + i) for i in range(0, 300, 30)]
    recorded = [(t * 1.0001 + 500, n) for t, n in codes]
    found = align(regular, regular * 1.0001 + 500, barcodes=(codes, recorded))
    assert found.n_barcodes == 10
    assert found.to_recording(100.0) == pytest.approx(600.01)
    shuffled = [(t, n) for (t, _), (_, n) in zip(recorded, recorded[::-1], strict=True)]
    with pytest.raises(InputError):
        align(regular, regular * 1.0001 + 500, barcodes=(codes, shuffled))
    with pytest.raises(InputError, match="1 barcode numbers in common"):
        align(regular, regular, barcodes=(codes, recorded[:1]))


def test_sync_json_is_plain():
    sent = irregular()
    found = align(sent, sent + np.where(sent > 300, 50.0, 40.0)).as_dict()
    read = json.loads(json.dumps(found, allow_nan=False))
    assert read["pieces"][0]["from_s"] is None and read["pieces"][0]["until_s"] is not None
    assert read["n_matched"] == 200 and read["tolerance_ms"] == 2.0


def test_times_of_the_epoch_keep_their_precision():
    sent = irregular()
    found = align(sent + 1.7e9, sent + 10)
    assert found.to_recording(sent + 1.7e9) == pytest.approx(sent + 10, abs=1e-4)


def test_two_thousand_pulses_take_well_under_a_second():
    sent = irregular(2000)
    start = time.process_time()
    assert align(sent, sent * 1.0003 + 9000).n_matched == 2000
    assert time.process_time() - start < 1.0


# ------------------------------------------------------------------ refusals


def refused(behaviour, recording, match, **options):
    with pytest.raises(InputError, match=match) as caught:
        align(behaviour, recording, behaviour_label="box.txt", recording_label="TTL 3", **options)
    assert "\n" not in str(caught.value)


def test_regular_pulses_name_the_best_two_offsets():
    regular = np.arange(100) * 2.0
    match = (
        r"box.txt \(100 pulses\) and TTL 3 \(100 pulses\): found two ways to match that fit nearly "
        r"as well: offset 50.0000 s with 100 pulses matched and offset (48|52).0000 s with 99 "
        r"pulses matched; .*irregular intervals, or barcodes"
    )
    refused(regular, regular + 50, match)


@pytest.mark.parametrize(
    ("times", "match"),
    [
        ([], r"box.txt: found 0 distinct pulses; expected at least 8"),
        ([1.0, 2.0, 4.0], r"found 3 distinct pulses"),
        ([5.0] * 20, r"found 20 pulses, all at 5 s"),
        ([*range(20), np.nan], r"pulse 21: found nan \(1 of 21 such\)"),
        ([*range(20), np.inf], r"pulse 21: found inf"),
        ([*range(20), "x"], r"no numbers"),
        ([*range(20), 3.0, *range(21, 25)], r"pulse 21: found 3 s after 19 s .*out of order"),
    ],
)
def test_pulses_that_cannot_be_used(times, match):
    refused(times, irregular(), match)


def test_rows_out_of_order_are_no_restart():
    sent = irregular()
    swapped = np.concatenate([sent[:100], sent[104:102:-1], sent[100:103], sent[105:]])
    refused(swapped, sent + 9, "box.txt: pulse 102: .*steps back in 200 pulses.*out of order")
    moved = np.concatenate([sent[:100], sent[110:], sent[100:110]])
    refused(moved, sent + 9, "box.txt: found pulse times that go back, but the clock goes on")
    refused(sent + 9, moved, "TTL 3: found pulse times that go back, but the clock goes on")
    again = np.concatenate([sent[:100], sent[98:]])  # two rows written twice
    refused(again, sent + 9, "box.txt: found pulse times that go back, but the clock goes on")
    refused(sent + 9, again, "TTL 3: found pulse times that go back, but the clock goes on")


def test_unrelated_trains_and_wrong_units():
    sent = irregular()
    refused(sent, irregular(seed=1), "found no offset at which they match.*different sessions")
    refused(sent, sent * 1000, "TTL 3 seems to be in milliseconds")
    refused(sent * 30000, sent, "box.txt seems to be in samples")


def test_drift_beyond_the_limit_is_named():
    sent = irregular()
    refused(sent, sent * 1.00005, r"drift of 50\.0 ppm; expected at most 45", max_drift_ppm=45)
    assert align(sent, sent * 1.00005, max_drift_ppm=50).drift_ppm == pytest.approx(50)


def test_jitter_beyond_the_tolerance_is_named():
    sent = irregular()
    noisy = sent + np.random.default_rng(1).normal(0, 2e-3, 200)
    refused(noisy, sent + 9, r"more lie up to 6 ms away; expected all within the tolerance")
    assert align(noisy, sent + 9, tolerance_ms=8).n_matched >= 195


def test_a_log_in_steps_of_10_ms_is_told_so_and_is_aligned_with_a_tolerance_of_6():
    told = []
    for seed in range(6):
        sent = irregular(n=75, seed=seed, low=4, high=12)
        log = np.round(sent, 2)  # whatever the offset, steps of 10 ms beside pulses of no steps
        with pytest.raises(InputError) as error:
            align(log, sent + 9)
        assert "Regular pulses" not in str(error.value)
        assert "Raise sync.tolerance_ms only if such errors do no harm (steps of 10 ms need 6)" in (
            str(error.value)
        )
        told.append("two ways to match" in str(error.value))
        assert align(log, sent + 9, tolerance_ms=6).n_matched == 75
    assert 0 < sum(told) < len(told)  # both refusals that such a log meets were met


def test_a_second_half_of_another_session_is_refused():
    one, two = irregular(), irregular(seed=2)
    joined = np.concatenate([one[:100], one[99] + two[:100]])
    refused(joined, one + 9, r"a match for 100 pulses, but none for the 100 of box.txt")


def test_a_few_stray_pulses_at_an_end_cost_their_times_only():
    sent = irregular()
    log, recorded = np.r_[sent, sent[-1] + [3, 5, 8]], np.r_[sent, sent[-1] + [4, 6.5]] + 9
    found = align(log, recorded)
    assert found.n_matched == 200
    mapped = found.to_recording(log)
    assert mapped[:200] == pytest.approx(sent + 9) and np.isnan(mapped[200:]).all()
    # Nothing stray on the recording: the map goes on.
    assert align(log, sent + 9).to_recording(log) == pytest.approx(log + 9)


@pytest.mark.parametrize("options", [{"tolerance_ms": 0}, {"max_drift_ppm": -1}])
def test_options_without_sense(options):
    refused(irregular(), irregular(), f"{next(iter(options))}: found", **options)


# ------------------------------------------------------------------ right or refused


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(12, 300),
    drift=st.floats(-500, 500),
    offset=st.floats(-20000, 20000),
    lost=st.tuples(st.floats(0, 0.3), st.floats(0, 0.3)),
    extra=st.tuples(st.floats(0, 0.3), st.floats(0, 0.3)),
    jitter=st.floats(0, 1e-3),
    spread=st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5]),
)
def test_any_train_gives_the_right_map_or_a_refusal(
    seed, n, drift, offset, lost, extra, jitter, spread
):
    rng = np.random.default_rng(seed)
    sent = np.cumsum(rng.uniform(1 - spread, 1 + spread, n)) * rng.uniform(0.3, 10)
    slope = 1 + drift / 1e6
    sides = []
    for p_lost, p_extra in zip(lost, extra, strict=True):
        kept = sent[rng.random(n) >= p_lost]
        added = rng.uniform(sent[0], sent[-1], rng.binomial(n, p_extra))
        sides.append(np.sort(np.concatenate([kept, added])))
    behaviour = np.sort(sides[0] + rng.normal(0, jitter, len(sides[0])))
    try:
        found = align(behaviour, sides[1] * slope + offset)
    except InputError:
        return
    mapped = found.to_recording(sides[0])
    assert np.nanmax(np.abs(mapped - (sides[0] * slope + offset))) < 2e-3
    assert found.residual_max_ms <= 2.0 + 1e-6
    assert spread > 0


def test_the_random_study_finds_the_right_map_or_refuses():
    verdicts = study(200, 2)
    wrong = [verdict for verdict in verdicts if verdict.verdict == "wrong"]
    assert wrong == []
    known = [v for v in verdicts if v.kind not in (*UNKNOWABLE, "irregular, short")]
    # Refusing everything would be safe and useless.
    assert sum(v.verdict == "right" for v in known) > 0.85 * len(known)
    assert all(v.verdict == "refused" for v in verdicts if v.kind in UNKNOWABLE)
    assert len({v.kind for v in verdicts}) == len(KINDS)
    assert table(verdicts).splitlines()[-1].startswith("| all | 200 |")


def test_wilson_by_its_closed_form_at_zero():
    assert wilson_upper(0, 10000) == pytest.approx(1.959964**2 / (10000 + 1.959964**2))


@pytest.mark.parametrize("jump_ms", [2.5, 3.0, 4.0])
def test_a_jump_barely_beyond_the_tolerance_is_not_extrapolated_over(jump_ms):
    """Whatever is accepted errs by no more than the tolerance and the jitter."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        log = np.cumsum(rng.uniform(2, 9, 200))
        after = log >= log[int(rng.integers(5, 40))]
        true = log + after * jump_ms / 1000
        try:
            found = align(log, true + rng.normal(0, 1e-4, 200))
        except InputError:
            continue
        error = np.abs(found.to_recording(log) - true)
        assert np.nanmax(error) < 2.2e-3


def test_a_row_of_pulses_beside_their_partners_is_found():
    mapped = np.arange(20.0)
    there = mapped + np.where(mapped < 6, 0.003, 0.0)
    assert displaced(mapped, there, tolerance_s=0.002).tolist() == [0, 1, 2, 3, 4, 5]
    # on alternating sides, or in twos, it is jitter
    uneven = mapped + np.where(mapped < 6, 0.003 * (-1.0) ** mapped, 0.0)
    assert not len(displaced(mapped, uneven, tolerance_s=0.002))
    assert not len(displaced(mapped, mapped + 0.003 * (mapped % 3 > 0), tolerance_s=0.002))
