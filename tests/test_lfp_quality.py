"""Quality of epochs: kept time, kinds of artefacts, bursts; frozen thresholds; no false effects."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cohorts import grid, observation, plan

from pipeline.compare import build_outcomes, compare
from pipeline.compare.scales import to_scale
from pipeline.intervals import contains, pad, total_seconds
from pipeline.lfp import artefact_intervals, lfp_array
from pipeline.lfp.artefacts import KINDS, find_artefacts
from pipeline.lfp.bursts import burst_bands, join_windows
from pipeline.lfp.metrics import burst_rate, kept_fraction
from pipeline.lfp.quality import EpochQuality, epoch_quality
from pipeline.report import SessionPage
from pipeline.report.session_tables import epoch_table, fact_list
from pipeline.simulate.signals import band_noise, shaped_noise
from pipeline.steps.epoch_tables import EPOCH_COLUMNS, judgement, write_epochs
from pipeline.steps.session_data import Quality, Span, assess

RATE = 1000.0


def background(seconds, n_channels=4, seed=0, rate_hz=RATE):
    """1/f^2 of 100 uV over white noise of 2 uV^2/kHz; channels share four fifths of the power."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    psd = np.maximum(np.fft.rfftfreq(n, 1 / rate_hz), 1.0) ** -2.0
    psd = psd * 1e4 / (psd.sum() * rate_hz / n) + 0.002

    def noise():
        return shaped_noise(psd, n_samples=n, rate_hz=rate_hz, rng=rng)

    shared = noise()
    return np.stack(
        [np.sqrt(0.8) * shared + np.sqrt(0.2) * noise() for _ in range(n_channels)], axis=1
    )


def as_lfp(values, rate_hz=RATE, regions=None, **options):
    names = [f"c{index}" for index in range(values.shape[1])]
    regions = dict(zip(names, regions or ["CA1"] * len(names), strict=True))
    options = {"pass_band_hz": 0.4 * rate_hz} | options
    return lfp_array(values, rate_hz=rate_hz, channels=names, region=regions, **options)


def muscle(times_s, seconds, *, sd_uv, seed=1, length_s=0.12, band_hz=(50.0, 440.0), rate_hz=RATE):
    """Bursts of band-limited noise under a Hann window, at each of `times_s`."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    noise = band_noise(band_hz=band_hz, n_samples=n, rate_hz=rate_hz, rng=rng)
    envelope = np.zeros(n)
    width = round(length_s * rate_hz)
    for time in times_s:
        first = round((time - length_s / 2) * rate_hz)
        envelope[first : first + width] = np.hanning(width)
    return sd_uv * (noise * envelope)[:, None]


def bursts_of(values, baseline=None, **options):
    lfp = as_lfp(values, **options)
    whole = [[0, len(values) / lfp.attrs["rate_hz"]]]
    return find_artefacts(lfp, baseline=baseline or whole).bursts


# --- bursts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sd_uv", "least"), [(100.0, 0.85), (200.0, 0.97)])
def test_bursts_are_found_at_their_times(sd_uv, least):
    """Bursts of 0.12 s, 11 and 17 dB above the background at 70-110 Hz: 9 of 10, and all."""
    seconds = 240
    times = np.arange(65, seconds - 5, 4.0) + np.random.default_rng(2).uniform(0, 1, 43)
    values = background(seconds) + muscle(times, seconds, sd_uv=sd_uv)
    events = bursts_of(values, [[0, 60]]).events
    near = np.abs(events.mean(axis=1)[:, None] - times[None]) < 0.15
    assert near.any(axis=0).mean() >= least
    assert near.any(axis=1).all()  # and nothing else


def test_false_alarms_per_hour():
    """Half an hour of one channel (no others to ask) and half an hour of four: none."""
    assert len(bursts_of(background(1800, 1, seed=3), [[0, 300]]).events) == 0
    assert len(bursts_of(background(900, 4, seed=4), [[0, 300]]).events) == 0


@pytest.mark.parametrize("band_hz", [(110.0, 180.0), (65.0, 100.0), (30.0, 55.0), (80.0, 120.0)])
def test_rhythms_of_the_drug_are_no_bursts(band_hz):
    """+6 dB in fast oscillations or gamma, and waxing and waning ones far above that."""
    seconds = 240
    values = background(seconds, 2, seed=5)
    rng = np.random.default_rng(6)
    n = len(values)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    spectra = np.fft.rfft(values, axis=0)
    inside = (hz >= band_hz[0]) & (hz < band_hz[1])
    doubled = np.fft.irfft(np.where(inside[:, None], 2.0, 1.0) * spectra, n, axis=0)
    late = np.arange(n) >= n // 2
    raised = np.where(late[:, None], doubled, values)
    assert len(bursts_of(raised, [[0, 110]]).events) == 0
    spindles = band_noise(band_hz=band_hz, n_samples=n, rate_hz=RATE, rng=rng)
    waxing = np.clip(np.sin(2 * np.pi * np.arange(n) / RATE / 0.7), 0, None) ** 2
    strong = values + (late * 40.0 * waxing * spindles)[:, None]
    assert len(bursts_of(strong, [[0, 110]]).events) == 0


def test_a_drug_that_raises_the_amplitude_by_6_db_makes_no_bursts_and_hides_none():
    seconds = 240
    times = np.arange(130.0, 230.0, 10.0)
    gain = np.where(np.arange(seconds * 1000) < 120_000, 1.0, 2.0)[:, None]
    quiet = background(seconds, seed=7) * gain
    assert len(bursts_of(quiet, [[0, 110]]).events) == 0
    found = bursts_of(quiet + muscle(times, seconds, sd_uv=400.0), [[0, 110]]).events
    assert len(found) == len(times)
    louder = background(seconds, seed=7) * (1 + 2.16 * (gain > 1))  # 10 dB
    assert len(bursts_of(louder, [[0, 110]]).events) == 0
    own = bursts_of(quiet + muscle(np.arange(125.0, 235.0, 1.0), seconds, sd_uv=400.0), [[0, 110]])
    assert len(own.events) == 110  # many bursts after the dose do not raise their own threshold


def test_what_lasts_is_no_burst_but_is_stated():
    values = background(120, seed=8)
    rng = np.random.default_rng(9)
    chewing = 200 * band_noise(band_hz=(50.0, 440.0), n_samples=5000, rate_hz=RATE, rng=rng)
    values[80_000:85_000] += chewing[:, None]
    found = bursts_of(values, [[0, 60]])
    assert len(found.events) == 0
    np.testing.assert_allclose(found.sustained, [[80, 85]], atol=0.2)


@pytest.mark.parametrize(
    ("seen_by", "expected"),
    [("CA1", 0), ("CA1 mPFC", 1), ("CA1 mPFC EC3", 1)],
)
def test_a_burst_that_one_region_of_several_sees_is_none(seen_by, expected):
    """Sharp waves of CA1 are as broad and as short as a twitch, but mPFC does not see them."""
    regions = ["CA1"] * 3 + ["mPFC"] * 3 + ["EC3"] * 3
    seen = np.isin(regions, seen_by.split())
    values = background(120, 9, seed=10) + muscle([80.0], 120, sd_uv=200.0) * seen
    assert len(bursts_of(values, [[0, 60]], regions=regions).events) == expected


def test_one_channel_among_many_makes_no_burst():
    values = background(120, 5, seed=10) + muscle([80.0], 120, sd_uv=200.0) * (np.arange(5) == 4)
    assert len(bursts_of(values, [[0, 60]]).events) == 0


def test_mains_and_a_steep_filter_do_not_hide_bursts():
    seconds = 120
    time = np.arange(seconds * 1000) / RATE
    hum = sum(20 * np.sin(2 * np.pi * 50 * k * time) for k in range(1, 8))[:, None]
    values = background(seconds, seed=11) + hum + muscle([80.0, 90.0], seconds, sd_uv=200.0)
    assert len(bursts_of(values, [[0, 60]]).events) == 2


def test_low_pass_bands_are_made_the_most_of_and_said():
    assert burst_bands(400.0) == ((200.0, 400.0), "")
    band, note = burst_bands(200.0)
    assert band == (140.0, 200.0) and "pass band ends at 200 Hz" in note
    band, note = burst_bands(100.0)
    assert band is None and "not looked for" in note
    seconds = 120
    values = background(seconds, rate_hz=500.0, seed=12)
    values += muscle([80.0], seconds, sd_uv=200.0, band_hz=(40.0, 240.0), rate_hz=500.0)
    found = bursts_of(values, [[0, 60]], rate_hz=500.0)
    assert len(found.events) == 1 and found.note and found.possible
    none = bursts_of(values[::2], [[0, 60]], rate_hz=250.0)
    assert not none.possible and len(none.events) == 0 and "not looked for" in none.note


def test_a_recording_without_any_power_at_high_frequencies_is_said():
    time = np.arange(60_000) / RATE
    values = np.round(300 * np.sin(2 * np.pi * 7 * time))[:, None].repeat(2, axis=1)
    hz = np.fft.rfftfreq(60_000, 1 / RATE)
    smooth = np.fft.irfft(np.where(hz < 50, np.fft.rfft(values[:, 0]), 0), 60_000)
    found = bursts_of(np.stack([smooth, 0.9 * smooth], axis=1))
    assert len(found.events) == 0


def test_joining():
    loud = np.array([[1.0, 1.064], [1.064, 1.128], [1.5, 1.6], [2.2, 2.3], [5.0, 7.5]])
    short, lasting = join_windows(loud)
    np.testing.assert_allclose(short, [[1.0, 1.6], [2.2, 2.3]])
    np.testing.assert_allclose(lasting, [[5.0, 7.5]])
    assert len(join_windows(np.empty((0, 2)))[0]) == 0


# --- kinds ----------------------------------------------------------------------------------------


def planted(seed=13):
    """Two minutes with one artefact of each kind."""
    values = background(120, seed=seed)
    values[70_250, 1] = 5000.0
    values[80_300:80_500, 2] = values[80_300, 2]
    values[90_500:90_504, 1] = 5000.0
    return values + muscle([100.3], 120, sd_uv=200.0)


def test_every_kind_is_stated_by_itself():
    found = find_artefacts(as_lfp(planted()), baseline=[[0, 60]])
    assert tuple(found.kinds) == KINDS
    np.testing.assert_allclose(found.kinds["amplitude"], [[69.5, 71.5], [89.5, 91.5]])
    np.testing.assert_allclose(found.kinds["flat"], [[79.5, 81.5]])
    np.testing.assert_allclose(found.kinds["saturated"], [[89.5, 91.5]])
    ((start, stop),) = found.kinds["burst"]
    ((onset, end),) = found.bursts.events
    assert (start, stop) == pytest.approx((onset - 0.5, end + 0.5))
    assert onset < 100.3 < end and end - onset < 0.4
    assert total_seconds(found.intervals) == pytest.approx(6 + stop - start)
    basic = artefact_intervals(as_lfp(planted()), baseline=[[0, 60]])
    assert total_seconds(basic) == pytest.approx(6.0)


def test_pieces_of_the_recording_change_nothing(monkeypatch):
    lfp = as_lfp(planted())
    whole = find_artefacts(lfp, baseline=[[0, 60]])
    for held in (4 * 1000, 4 * 1777, 4 * 50_001):
        monkeypatch.setattr("pipeline.lfp.artefact_scan._CHUNK_VALUES", held)
        again = find_artefacts(lfp, baseline=[[0, 60]])
        for kind in KINDS:
            np.testing.assert_array_equal(again.kinds[kind], whole.kinds[kind])
        np.testing.assert_array_equal(again.bursts.events, whole.bursts.events)


def test_a_run_at_the_rail_over_two_windows_flags_both():
    values = background(60, 1, seed=14)
    values[29_999:30_002, 0] = values.max() + 1.0
    found = find_artefacts(as_lfp(values), baseline=[[0, 60]], threshold_sd=1e3)
    np.testing.assert_allclose(found.kinds["saturated"], [[28.5, 31.5]])


# --- epochs ---------------------------------------------------------------------------------------


def test_epoch_quality_by_hand():
    recorded = np.array([[0.0, 100.0], [200.0, 300.0]])
    artefacts = np.array([[50.0, 60.0], [90.0, 210.0]])
    bursts = np.array([[54.0, 54.5], [150.0, 150.5], [199.9, 200.4], [250.0, 251.0]])
    found = epoch_quality(recorded, artefacts=artefacts, bursts=bursts)
    assert (found.seconds, found.clean_s, found.n_bursts) == (200.0, 170.0, 2)
    assert found.burst_s == pytest.approx(0.5 + 0.4 + 1.0)
    assert found.kept_fraction == 0.85
    assert epoch_quality(np.empty((0, 2)), artefacts=artefacts, bursts=bursts) is None


def test_metrics():
    quality = EpochQuality(seconds=240.0, clean_s=60.0, n_bursts=12, burst_s=3.0)
    (kept,) = kept_fraction.compute(quality=quality, options={})
    assert (kept.value, kept.n_effective, kept.n_effective_unit) == (0.25, 240.0, "seconds")
    (rate,) = burst_rate.compute(quality=quality, options={})
    assert (rate.value, rate.n_effective) == (0.05, 12)
    blind = EpochQuality(seconds=240.0, clean_s=60.0, n_bursts=None, burst_s=None)
    assert burst_rate.compute(quality=blind, options={}) == []
    assert len(kept_fraction.compute(quality=blind, options={})) == 1


def test_epochs_without_artefacts_or_bursts_survive_their_scales():
    seconds = np.array([600.0, 100.0])
    for metric, value in ((kept_fraction.METRIC, 1.0), (kept_fraction.METRIC, 0.0),
                          (burst_rate.METRIC, 0.0)):  # fmt: skip
        scaled = to_scale(
            np.full(2, value), scale=metric.scale, zero_offset=metric.zero_offset,
            seconds=seconds, n_effective=seconds,
        )  # fmt: skip
        assert np.isfinite(scaled).all()
    # epochs of other lengths, both wholly kept, do not differ
    assert kept_fraction.METRIC.scale == "linear"


def test_null_of_kept_fraction_and_burst_rate():
    """Artefacts and bursts at one rate per animal: paired t of acute against baseline at 5 %."""
    rng = np.random.default_rng(15)
    n_experiments, n_animals = 300, 8
    differences = np.empty((n_experiments, n_animals, 2))
    spans = (np.array([[0.0, 600.0]]), np.array([[600.0, 900.0]]))
    for index in np.ndindex(n_experiments, n_animals):
        rate = rng.uniform(0.005, 0.05)
        onsets = np.sort(rng.uniform(0, 900, rng.poisson(900 * rate)))
        onsets = onsets[np.diff(onsets, prepend=-1.0) > 0.6]  # joined to one otherwise
        bursts = np.column_stack((onsets, onsets + 0.1))
        measured = []
        for span in spans:
            quality = epoch_quality(span, artefacts=pad(bursts, 0.5), bursts=bursts)
            (kept,) = kept_fraction.compute(quality=quality, options={})
            (bursting,) = burst_rate.compute(quality=quality, options={})
            measured.append((kept.value, np.log2(bursting.value + 0.5 / quality.seconds)))
        differences[index] = np.subtract(measured[1], measured[0])
    t = differences.mean(axis=1) / (differences.std(axis=1, ddof=1) / np.sqrt(n_animals))
    rates = (np.abs(t) > 2.3646).mean(axis=0)  # t of 7 degrees of freedom
    # binomial limits (99.9 %) of 5 % in 300
    assert np.all((rates > 0.008) & (rates < 0.092)), rates


def judged(effects, seed):
    """Contrasts of both metrics; in each cohort the drug multiplies the bursts' rate by its effect.

    Cohorts are outcomes of their own (``kept_fraction/r000``), judged in one call.
    """
    rng = np.random.default_rng(seed)
    rows = []
    phases = {"baseline": np.array([[0.0, 600.0]]), "acute": np.array([[600.0, 1500.0]])}
    for cohort, cell in itertools.product(range(len(effects)), grid(8).to_dict("records")):
        own = 0.01 * np.exp(0.5 * np.sin(7 * cohort + hash_of(cell["animal"])))
        for phase, span in phases.items():
            drugged = phase == "acute" and cell["condition"] == "psilocybin"
            rate = own * (effects[cohort] if drugged else 1.0)
            seconds = float(span[0, 1] - span[0, 0])
            onsets = np.sort(rng.uniform(*span[0], rng.poisson(seconds * rate)))
            onsets = onsets[np.diff(onsets, prepend=-1.0) > 0.6]
            bursts = np.column_stack((onsets, onsets + 0.1)) if len(onsets) else np.empty((0, 2))
            quality = epoch_quality(span, artefacts=pad(bursts, 0.5), bursts=bursts)
            for module in (kept_fraction, burst_rate):
                (value,) = module.compute(quality=quality, options={})
                rows.append(
                    cell | {"phase": phase, "seconds": quality.seconds, "value": value.value,
                            "n_effective": value.n_effective, "metric": module.METRIC.name,
                            "entity": "animal", "region": "", "band": f"r{cohort:03d}",
                            "value_unit": module.METRIC.value_unit}
                )  # fmt: skip
    table = pd.DataFrame([observation() | row for row in rows])
    declared = {module.METRIC.name: module.METRIC for module in (kept_fraction, burst_rate)}
    outcomes = build_outcomes(table, plan(), declared).table
    contrasts = compare(outcomes, plan(), declared, permutations=False).contrasts
    main = contrasts[contrasts["contrast"] == "main"]
    return {name: main[main["outcome"].str.startswith(name)] for name in declared}


def hash_of(animal):
    return int(animal[1:])


def test_the_comparison_says_whether_kept_time_differs_between_drug_and_vehicle():
    for name, rows in judged([3.0, *[1.0] * 7], seed=20).items():
        planted = rows["outcome"].str.contains("r000")
        assert len(rows) == 8 and rows.loc[planted, "p"].item() < 0.01
        estimate = rows.loc[planted, "estimate"].item()
        if name == "burst_rate":
            assert estimate == pytest.approx(np.log2(3.0), abs=0.5)
        else:  # two more bursts in 100 s, each of 1.1 s with its padding
            assert estimate == pytest.approx(-0.02 * 1.1 * 1.07, abs=0.006)
        # binomial limit (99.5 %) of 5 % in 7
        assert (rows.loc[~planted, "p"] < 0.05).sum() <= 2


def test_frozen_thresholds_flag_baseline_and_later_time_alike():
    """Stationary noise with rare large values, thresholds from the first half of it."""
    rng = np.random.default_rng(18)
    kept = []
    for _ in range(80):
        values = rng.standard_t(5, size=(30_000, 1)) * 50
        found = artefact_intervals(
            as_lfp(values, rate_hz=250.0), baseline=[[0, 60]], threshold_sd=10.0
        )
        sides = [epoch_quality(np.array([span]), artefacts=found, bursts=None)
                 for span in ([0.0, 60.0], [60.0, 120.0])]  # fmt: skip
        kept.append(sides[1].kept_fraction - sides[0].kept_fraction)
    kept = np.array(kept)
    assert np.mean(kept != 0) > 0.5  # artefacts there were
    assert abs(kept.mean()) < 3.5 * kept.std(ddof=1) / np.sqrt(len(kept))


# --- in the measure job ---------------------------------------------------------------------------


def session(values, **options):
    """A session that has an LFP only, as ``assess`` and ``write_epochs`` see it."""
    lfp = as_lfp(values)
    return SimpleNamespace(
        has=lambda source: source == "lfp",
        lfp=lfp,
        recorded=np.array([[0.0, len(values) / RATE]]),
        options={"lfp": {"artefact_sd": 6.0, "bands": {}}} | options,
    )


def span(phase, start_s, stop_s, interval=1, context="home_cage"):
    return Span(context, phase, interval, start_s, stop_s, "r1.1", 1, None)


def test_a_session_is_assessed_once_for_all_kinds():
    data = session(planted())
    quality = assess(data, [span("baseline", 0.0, 60.0)], data.options)
    assert tuple(quality.kinds) == KINDS and len(quality.bursts) == 1
    assert contains(quality.artefacts, [70.2, 80.4, 90.5, 100.3]).all()
    assert quality.facts["n_bursts"] == 1 and quality.warnings == ()
    assert quality.facts["artefact_s"]["amplitude"] == 4.0
    lost = total_seconds(quality.artefacts)
    assert quality.facts["kept_fraction"] == pytest.approx(1 - lost / 120, abs=1e-4)


def test_long_loud_time_and_missing_baseline_are_warned_of():
    values = background(120, seed=16)
    values[80_000:87_000] += 200 * np.random.default_rng(17).standard_normal((7000, 1))
    data = session(values)
    quality = assess(data, [], data.options)
    assert any("no baseline in this session" in warning for warning in quality.warnings)
    assert any(warning.startswith("7 s are as loud") for warning in quality.warnings)


@pytest.mark.parametrize(
    ("recorded_s", "clean_s", "said"),
    [(600, 60.0, "enough"), (600, 59.9, "short"), (600, 30.0, "short"), (600, 29.9, "too little"),
     (600, 0.0, "too little"), (0, 0.0, "not recorded")],
)  # fmt: skip
def test_judgement(recorded_s, clean_s, said):
    assert judgement(recorded_s, clean_s, minimum_s=30.0) == said


def test_epochs_are_judged_by_their_cells_and_state_every_kind(tmp_path):
    artefacts = np.array([[10.0, 100.0], [140.0, 200.0]])
    quality = Quality(
        artefacts,
        bursts=np.array([[50.0, 50.2], [150.0, 150.1]]),
        kinds={"amplitude": artefacts, "flat": np.empty((0, 2)), "saturated": np.empty((0, 2)),
               "burst": np.array([[49.5, 50.7], [149.5, 150.6]])},
    )  # fmt: skip
    data = session(np.ones((300_000, 1)), design={"minimum_epoch_s": 15.0})
    spans = [
        span("baseline", 0.0, 110.0, 1), span("baseline", 110.0, 120.0, 2),
        span("acute", 120.0, 150.0, context="task"), span("acute", 200.0, 208.0),
        span("late", 210.0, 300.0), span("late", 400.0, 500.0, context="task"),
    ]  # fmt: skip
    used = [20.0, 10.0, 20.0, 8.0, 90.0]
    spectra = {
        (s.anchor, s.phase, s.context, s.interval): SimpleNamespace(n_windows=3, seconds=seconds)
        for s, seconds in zip(spans[:5], used, strict=True)
    }
    warnings = write_epochs(spans, data, quality, spectra, tmp_path / "epochs.tsv")
    table = pd.read_csv(tmp_path / "epochs.tsv", sep="\t")
    assert tuple(table.columns) == EPOCH_COLUMNS
    assert table["clean_s"].tolist() == [20.0, 10.0, 20.0, 8.0, 90.0, 0.0]
    assert table["amplitude_s"].tolist() == [90.0, 0.0, 10.0, 0.0, 0.0, 0.0]
    assert table["burst_s"].tolist() == pytest.approx([1.2, 0.0, 0.5, 0.0, 0.0, 0.0])
    assert table["n_bursts"].tolist() == [1, 0, 0, 0, 0, 0]
    assert table["judgement"].tolist() == [
        "short", "short", "short", "too little", "enough", "not recorded"
    ]  # fmt: skip
    assert warnings == (
        "baseline, home_cage: 30 s of clean time in whole windows: short, below 60 s",
        "acute, task: 20 s of clean time in whole windows: short, below 60 s",
        "acute, home_cage: 8 s of clean time in whole windows, fewer than minimum_epoch_s (15 s): "
        "left out of the comparison",
    )
    # 90 s in pieces that no window fits into are too little
    assert write_epochs(spans[4:5], data, quality, {}, tmp_path / "e.tsv") != ()
    assert pd.read_csv(tmp_path / "e.tsv", sep="\t")["judgement"].tolist() == ["too little"]
    nothing = Quality(np.empty((0, 2)))
    data.has = lambda source: False
    assert write_epochs(spans[4:5], data, nothing, {}, tmp_path / "e.tsv") == ()
    row = pd.read_csv(tmp_path / "e.tsv", sep="\t").iloc[0]
    assert np.isnan(row["burst_s"]) and np.isnan(row["n_bursts"])


def test_the_session_page_states_every_kind():
    row = {"phase": "acute", "context": "home_cage", "interval": 1, "start_s": 0.0, "stop_s": 60.0,
           "recorded_s": 60.0, "clean_s": 50.0, "kept_fraction": 5 / 6, "amplitude_s": 4.0,
           "flat_s": 0.0, "saturated_s": 2.0, "burst_s": 4.5, "n_bursts": 3,
           "judgement": "short"}  # fmt: skip
    without = row | {"burst_s": np.nan, "n_bursts": np.nan}
    facts = {"line_noise": {"CA1": "60 Hz -9.0 dB (already notched)"}, "reference": "recorded",
             "bad_channels": ["a"], "bad_channel_reasons": {"a": "flat: 0 uV"}, "n_bursts": 3,
             "artefact_s": {"amplitude": 4.0, "flat": 0.0}}  # fmt: skip
    page = SessionPage(
        session="s", animal="r", epochs=pd.DataFrame([row, without]),
        status={"extract": {"facts": facts}},
    )  # fmt: skip
    table = epoch_table(page)
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown["bursts"].replace("\N{NO-BREAK SPACE}", " ") == "4.5 s"
    assert (shown["number of bursts"], shown["judgement"]) == ("3", "short")
    assert table.rows[1][-3:] == ("–", "–", "short")
    words = {label: value.replace("\N{NO-BREAK SPACE}", " ") for label, value in fact_list(page)}
    assert words["Mains"] == "CA1: 60 Hz -9.0 dB (already notched)"
    assert words["Why they are bad"] == "a: flat: 0 uV" and words["Reference"] == "recorded"
    assert words["Artefacts by kind (they may overlap)"] == "amplitude 4.0 s; flat 0.0 s"
