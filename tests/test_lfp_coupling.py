"""Coupling between regions: which windows, agreement with MNE, closed forms, recovery over SNR."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.lfp import cell_coupling, lfp_array, open_lfp
from pipeline.lfp import coupling as module
from pipeline.lfp.coupling import MEASURES, band_coupling, evenly, window_starts
from pipeline.lfp.metrics import (
    coherence,
    debiased_wpli,
    imaginary_coherence,
    pairwise_phase_consistency,
)
from pipeline.lfp.multitaper import LEAST_CONCENTRATION
from pipeline.lfp.signal import write_lfp

METRICS = (coherence, pairwise_phase_consistency, imaginary_coherence, debiased_wpli)
RATE, LENGTH = 250.0, 500
#: MNE's names of the measures
IN_MNE = {
    "coherence": "coh",
    "pairwise_phase_consistency": "ppc",
    "imaginary_coherence": "imcoh",
    "debiased_wpli": "wpli2_debiased",
}


def options(windows=40, **changes):
    return {"window_s": 2.0, "windows": windows, "half_bandwidth_hz": 1.5} | changes


def measured(values, regions, *, windows=40, intervals=None, line_hz=None, rate=RATE, **others):
    """Coupling of signals (samples, channels)."""
    names = [f"ch{index}" for index in range(len(regions))]
    lfp = lfp_array(
        values,
        rate_hz=rate,
        channels=names,
        region=dict(zip(names, regions, strict=True)),
        **others,
    )
    within = [[0, len(values) / rate]] if intervals is None else intervals
    return cell_coupling(lfp, within, options=options(windows), line_hz=line_hz)


def noise(n_windows, n_channels, seed, *, length=LENGTH):
    return np.random.default_rng(seed).standard_normal((n_windows * length, n_channels))


def coupled(n_windows, seed, *, snr, delay=0):
    """One white source in two channels of noise, `delay` samples later in the second."""
    rng = np.random.default_rng(seed)
    n = n_windows * LENGTH
    source = np.sqrt(snr) * rng.standard_normal(n + delay)
    return np.column_stack((source[delay:], source[:n])) + rng.standard_normal((n, 2))


def one(coupling, measure, low=5.0, high=95.0):
    """A measure's frequencies and values of the only pair."""
    spectrum = coupling.spectra[measure].isel(pair=0)
    spectrum = spectrum.sel(frequency=slice(low, high))
    return spectrum.frequency.values, spectrum.values


# --- agreement with MNE ---------------------------------------------------------------------------


def by_mne(epochs, indices, monkeypatch, *, least, **band):
    """All measures by MNE, (connection, frequency), with orthonormal tapers.

    ``mode="multitaper"``, ``mt_adaptive=False``, ``mt_low_bias=True``; MNE's own tapers are the
    first n values of tapers of length n + 1, and its limit of concentration is 0.9.
    """
    import mne.time_frequency.multitaper as mne_multitaper
    from mne_connectivity import spectral_connectivity_epochs

    stock = mne_multitaper.dpss_windows

    def concentrated(n, half_nbw, most, **_):
        windows, held = stock(n, half_nbw, most, sym=True, low_bias=False)
        return windows[held >= least], held[held >= least]

    with monkeypatch.context() as patched:
        patched.setattr(mne_multitaper, "dpss_windows", concentrated)
        found = spectral_connectivity_epochs(
            epochs,
            method=list(IN_MNE.values()),
            indices=indices,
            sfreq=RATE,
            mode="multitaper",
            mt_bandwidth=2 * 1.5,
            mt_adaptive=False,
            mt_low_bias=True,
            verbose="error",
            **band,
        )
    return {name: one.get_data() for name, one in zip(IN_MNE, found, strict=True)}


@pytest.mark.parametrize(("tapers", "least"), [(None, LEAST_CONCENTRATION), (5, 0.9)])
def test_all_measures_agree_with_mne(monkeypatch, tapers, least):
    """Three channels of two regions, shared source with and without lag, falling spectrum."""
    rng = np.random.default_rng(11)
    steps = rng.standard_normal((40 * LENGTH + 3, 4))
    walk = np.cumsum(steps, axis=0)
    signals = np.column_stack((walk[3:, :2], walk[:-3, 0])) + 2 * walk[3:, [3, 2, 1]]
    lfp = lfp_array(
        signals,
        rate_hz=RATE,
        channels=["a", "b", "c"],
        region={"a": "CA1", "b": "CA1", "c": "mPFC"},
        pass_band_hz=100.0,
    )
    ours = cell_coupling(lfp, [[0, 80]], options=options(), line_hz=None, tapers=tapers)
    assert (ours.n_windows, ours.n_blocks, ours.n_tapers) == (40, 1, tapers or 3)
    epochs = lfp.values.astype(float).reshape(40, LENGTH, 3).transpose(0, 2, 1)
    pairs = (np.array([0, 1]), np.array([2, 2]))
    theirs = by_mne(epochs, pairs, monkeypatch, least=least, fmin=0.4, fmax=100.1)
    assert (np.abs(theirs["imaginary_coherence"]) > 0.1).any()  # there is something to agree on
    for name in MEASURES:
        np.testing.assert_allclose(
            ours.spectra[name].values[0], theirs[name].mean(axis=0), rtol=0, atol=1e-9
        )
    # MNE takes both ends of a band; the bins of [6, 10) end with 9.5.
    theta = by_mne(epochs, pairs, monkeypatch, least=least, fmin=6, fmax=9.5, faverage=True)
    for name in MEASURES:
        (value,) = band_coupling(ours, name, bands={"theta": (6, 10)})
        assert value.value == pytest.approx(theta[name].mean(), abs=1e-9)


def test_stock_settings_of_mne_differ_by_their_tapers_only():
    """Without orthonormal tapers MNE still gives the same to 0.02."""
    from mne_connectivity import spectral_connectivity_epochs

    signals = coupled(40, 5, snr=1.0, delay=2)
    lfp = lfp_array(signals, rate_hz=RATE, channels=["a", "b"], region={"a": "A", "b": "B"})
    ours = cell_coupling(lfp, [[0, 80]], options=options(), line_hz=None, tapers=5)
    epochs = lfp.values.astype(float).reshape(40, LENGTH, 2).transpose(0, 2, 1)
    theirs = spectral_connectivity_epochs(
        epochs, method="coh", indices=([0], [1]), sfreq=RATE, mt_bandwidth=3.0, fmin=0.4,
        verbose="error",
    )  # fmt: skip
    difference = ours.spectra["coherence"].values - theirs.get_data()
    assert np.abs(difference[:, :-1]).max() < 0.02


def test_blocks_are_averaged_and_windows_dealt_out_in_turn(monkeypatch):
    """95 windows, 40 per estimate: 80 of them, the even ones in one block, the odd in another."""
    signals = coupled(95, 6, snr=1.0, delay=3)
    ours = measured(signals, ["A", "B"], pass_band_hz=100.0)
    assert (ours.n_windows, ours.n_blocks, ours.seconds) == (80, 2, 160.0)
    epochs = signals.astype(np.float32).astype(float).reshape(95, LENGTH, 2).transpose(0, 2, 1)
    used = epochs[evenly(np.arange(95), 80)]
    blocks = [
        by_mne(used[first::2], ([0], [1]), monkeypatch, least=0.999, fmin=0.4, fmax=100.1)
        for first in (0, 1)
    ]
    for name in MEASURES:
        mean = (blocks[0][name] + blocks[1][name]) / 2
        np.testing.assert_allclose(ours.spectra[name].values, mean, rtol=0, atol=1e-9)


# --- which windows --------------------------------------------------------------------------------


def test_windows_lie_inside_one_interval_on_its_own_grid():
    ranges = np.array([[100, 1099], [2000, 3500], [4000, 4499], [5000, 5500]])
    assert window_starts(ranges, 500).tolist() == [100, 2000, 2500, 3000, 5000]
    assert window_starts(np.empty((0, 2), dtype=int), 500).tolist() == []


@pytest.mark.parametrize(("n", "keep"), [(119, 80), (81, 80), (80, 80), (299, 280)])
def test_what_is_left_out_is_left_out_evenly(n, keep):
    kept = evenly(np.arange(n), keep)
    assert len(set(kept.tolist())) == keep and (np.diff(kept) > 0).all()
    # every stretch of the cell loses its share, to one window
    lost = n * np.arange(1, 5) // 4 - np.searchsorted(kept, n * np.arange(1, 5) // 4)
    assert np.abs(lost - (n - keep) * np.arange(1, 5) / 4).max() <= 1


def test_nothing_outside_the_intervals_counts_and_intervals_are_pooled():
    clean = noise(60, 2, 1)
    dirty = np.full((80 * LENGTH, 2), np.nan)
    dirty[2 * LENGTH : 32 * LENGTH] = clean[: 30 * LENGTH]
    dirty[45 * LENGTH + 7 : 75 * LENGTH + 7] = clean[30 * LENGTH :]
    parts = [[4, 64], [90 + 7 / RATE, 150 + 7 / RATE], [155, 156.9]]
    ours = measured(dirty, ["A", "B"], windows=20, intervals=parts)
    assert ours.n_windows == 60
    for name in MEASURES:
        whole = measured(clean, ["A", "B"], windows=20).spectra[name]
        np.testing.assert_array_equal(ours.spectra[name], whole)


def test_too_little_or_one_region_gives_none():
    signals = noise(39, 3, 2)
    assert measured(signals, ["A", "B", "B"]) is None
    assert measured(signals, ["A", "B", "B"], windows=39) is not None
    assert measured(signals, ["A", "A", "A"], windows=39) is None
    assert measured(signals, ["A", "", ""], windows=39) is None
    assert measured(signals, ["A", "B", "B"], windows=39, bad=["ch0"]) is None
    assert measured(signals, ["A", "B", "B"], windows=39, intervals=[]) is None
    with pytest.raises(InputError, match="overlap"):
        measured(signals, ["A", "B", "B"], windows=10, intervals=[[0, 30], [20, 60]])


def test_lazy_file_and_limits_of_memory_change_nothing(tmp_path, monkeypatch):
    signals = noise(50, 5, 3)
    names, regions = list("vwxyz"), ["B", "A", "", "C", "B"]
    lfp = lfp_array(
        signals, rate_hz=RATE, channels=names, region=dict(zip(names, regions, strict=True))
    )
    expected = cell_coupling(lfp, [[0, 40], [41, 100]], options=options(10), line_hz=50.0)
    assert (expected.n_windows, expected.n_blocks) == (40, 4)
    path = write_lfp(
        tmp_path / "lfp.nc",
        [lfp.values],
        n_samples=len(signals),
        rate_hz=RATE,
        channels=names,
        region=dict(zip(names, regions, strict=True)),
    )
    monkeypatch.setattr(module, "_HELD_BYTES", 1)
    monkeypatch.setattr(module, "_READ_BYTES", 40_000)
    lazy = cell_coupling(open_lfp(path), [[0, 40], [41, 100]], options=options(10), line_hz=50.0)
    for name in MEASURES:
        np.testing.assert_allclose(lazy.spectra[name], expected.spectra[name], rtol=0, atol=1e-14)


# --- pairs, channels, bands -----------------------------------------------------------------------


def test_pairs_are_in_the_order_of_names_and_mean_over_good_channels():
    signals = noise(40, 5, 4)
    signals[:, 4] = signals[:, 0]
    ours = measured(signals, ["mPFC", "CA1", "CA1", "NAc", "CA1"], bad=["ch2"])
    assert ours.spectra.pair.values.tolist() == ["CA1~NAc", "CA1~mPFC", "NAc~mPFC"]
    assert ours.spectra.region_b.values.tolist() == ["NAc", "mPFC", "mPFC"]
    for name in MEASURES:
        each = [
            measured(signals[:, [channel, 0]], ["CA1", "mPFC"]).spectra[name].values[0]
            for channel in (1, 4)
        ]
        found = ours.spectra[name].sel(pair="CA1~mPFC")
        np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-12)


def test_identical_signals_are_wholly_coherent_without_a_lag():
    signals = noise(40, 1, 5)
    ours = measured(np.column_stack((signals, 2 * signals)), ["A", "B"])
    for name, value in zip(MEASURES, (1.0, 1.0, 0.0, 0.0), strict=True):
        np.testing.assert_allclose(ours.spectra[name], value, rtol=0, atol=1e-12)


def test_mains_is_left_out_and_bands_that_cannot_be_stated_too():
    signals = noise(80, 2, 6)
    line = 3 * np.sin(2 * np.pi * 50 * np.arange(len(signals)) / RATE)
    clean = measured(signals, ["A", "B"], line_hz=50.0)
    dirty = measured(signals + line[:, None], ["A", "B"], line_hz=50.0)
    bands = {"low": (30, 55), "line": (49, 51.5), "high": (110, 125), "beyond": (110, 130)}
    for metric in METRICS:
        chosen = {"lfp": {"bands": bands}, "recording": {"line_noise_hz": 50.0}}
        before = metric.compute(coupling=clean, options=chosen)
        after = metric.compute(coupling=dirty, options=chosen)
        assert [value.band for value in before] == ["low", "high"]
        for x, y in zip(before, after, strict=True):
            assert x.value == pytest.approx(y.value, abs=0.01)
    frequency = clean.spectra.frequency.values
    hidden = np.isnan(clean.spectra["coherence"].values[0])
    assert frequency[hidden].tolist() == [*np.arange(48, 52.5, 0.5), *np.arange(98, 102.5, 0.5)]
    seen = measured(signals + line[:, None], ["A", "B"]).spectra["coherence"]
    assert not np.isnan(seen).any() and seen.sel(frequency=50.0).item() > 0.99


def test_band_is_the_mean_over_its_bins():
    ours = measured(noise(40, 2, 7), ["A", "B"])
    (value,) = band_coupling(ours, "coherence", bands={"theta": (6, 10)})
    assert value.value == pytest.approx(one(ours, "coherence", 6, 9.5)[1].mean(), abs=1e-15)
    assert (value.region, value.region_b, value.band) == ("A", "B", "theta")
    assert (value.n_effective, value.n_effective_unit) == (120.0, "tapered windows")


def test_silent_channel_leaves_its_pairs_without_a_value():
    signals = noise(40, 4, 8)
    signals[:, 1] = 7.0
    ours = measured(signals, ["A", "B", "C", "C"])
    for metric in METRICS:
        values = metric.compute(
            coupling=ours,
            options={"lfp": {"bands": {"theta": (6, 10)}}, "recording": {"line_noise_hz": None}},
        )
        assert [(value.region, value.region_b) for value in values] == [("A", "C")]


def test_declarations():
    for metric in METRICS:
        declared = metric.METRIC
        assert declared.name == metric.__name__.rsplit(".", 1)[1]
        assert declared.name in MEASURES
        assert (declared.domain, declared.entity) == ("coupling", "region_pair")
        assert (declared.grain, declared.per_band, declared.needs) == ("cell", True, ("coupling",))
        # a logit exists for coherence only: the others lie around zero
        assert declared.scale == ("logit" if declared.name == "coherence" else "linear")


# --- closed forms ---------------------------------------------------------------------------------


def test_delay_turns_the_phase_and_its_sign_says_who_leads():
    """A pure delay d: coherency exp(2 pi i f d), so imaginary coherence sin(2 pi f d)."""
    delay = 3  # samples, 12 ms
    signals = coupled(40, 9, snr=1e6, delay=delay)
    leads = measured(signals, ["A", "B"])
    frequency, imaginary = one(leads, "imaginary_coherence")
    # the delayed window has lost 3 of its 500 samples: 1 % of its coherence at most
    np.testing.assert_allclose(
        imaginary, np.sin(2 * np.pi * frequency * delay / RATE), rtol=0, atol=0.012
    )
    assert imaginary[frequency < 40].min() > 0.1  # the first region leads: above zero
    lags = measured(signals, ["B", "A"])
    np.testing.assert_allclose(one(lags, "imaginary_coherence")[1], -imaginary, atol=1e-12)
    for name in ("coherence", "pairwise_phase_consistency"):
        assert one(leads, name)[1].min() > 0.98
    assert one(leads, "debiased_wpli", 10, 30)[1].min() > 0.98


def test_source_without_lag_is_seen_by_two_measures_and_not_by_the_others():
    """Equal SNR of 4 in both: coherence 4 / 5, and nothing that lags (means over 181 bins)."""
    ours = measured(coupled(400, 10, snr=4.0), ["A", "B"])
    assert one(ours, "coherence")[1].mean() == pytest.approx(0.8, abs=0.005)
    assert one(ours, "pairwise_phase_consistency")[1].mean() > 0.7
    for name in ("imaginary_coherence", "debiased_wpli"):
        values = one(ours, name)[1]
        assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values) / 6)
        assert abs(values.mean()) < 0.01


# --- recovery over signal to noise ----------------------------------------------------------------


def drawn(coherency, seed, *, n=300, repeats=100, n_tapers=3):
    """Truth and standard deviation of the measures, from complex normal eigenspectra alone.

    No time series, no tapers: `repeats` estimates from `n` windows each (measure, 2).
    """
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, repeats, n, n_tapers, 2)) @ np.array([1, 1j])
    y = np.conj(coherency) * x + np.sqrt(1 - abs(coherency) ** 2) * y
    cross = (x * y.conj()).sum(axis=2)
    unit, lag = cross / abs(cross), cross.imag
    power = np.sqrt((abs(x) ** 2).sum((1, 2)) * (abs(y) ** 2).sum((1, 2)))
    spread = (
        abs(cross.sum(1)) / power,
        (abs(unit.sum(1)) ** 2 - n) / (n * (n - 1)),
        cross.sum(1).imag / power,
        (lag.sum(1) ** 2 - (lag**2).sum(1)) / (abs(lag).sum(1) ** 2 - (lag**2).sum(1)),
    )
    truth = (
        abs(coherency),
        abs(unit.mean()) ** 2,
        coherency.imag,
        (lag.mean() / abs(lag).mean()) ** 2,
    )
    return np.column_stack((truth, np.std(spread, axis=1)))


@pytest.mark.parametrize("snr", [0.1, 0.3, 1.0, 3.0, 10.0])
def test_truth_is_recovered_over_signal_to_noise(snr):
    """Source with 12 ms delay: coherence snr / (1 + snr), lag known; 300 windows in one estimate.

    Bias (mean over 18 to 24 Hz and 6 seeds) under 0.02; error of one frequency as large as chance
    alone makes it.
    """
    cells = [
        measured(coupled(300, seed, snr=snr, delay=3), ["A", "B"], windows=300)
        for seed in range(20, 26)
    ]
    frequency, _ = one(cells[0], "coherence", 18, 24)
    coherency = snr / (1 + snr) * np.exp(2j * np.pi * frequency * 3 / RATE)
    aims = np.array([drawn(value, index) for index, value in enumerate(coherency)])
    for index, name in enumerate(MEASURES):
        truth, spread = aims[:, index].T
        off = np.array([one(cell, name, 18, 24)[1] for cell in cells]) - truth
        assert abs(off.mean()) < 0.02, name
        assert 0.6 < np.sqrt((off**2).mean() / (spread**2).mean()) < 1.5, name


# --- real recordings ------------------------------------------------------------------------------


@pytest.mark.real
def test_hippocampus_and_entorhinal_cortex_share_theta_with_a_lag(real_data):
    """Rat CA1 and EC3, 60 s: theta at 8 Hz and its harmonic at 16 Hz stand out of their flanks."""
    folder = real_data / "bycycle_rat_ca1_ec3"
    signals = np.column_stack([np.load(folder / f"{name}.npy") for name in ("ca1", "ec3")])
    ours = measured(1000 * signals, ["CA1", "EC3"], windows=30, rate=1250.0)
    for name in ("coherence", "pairwise_phase_consistency", "debiased_wpli"):
        frequency, values = one(ours, name, 3, 100)
        assert 7.0 <= frequency[np.argmax(values)] <= 9.0
        at = dict(zip(frequency, values, strict=True))
        assert at[8.0] > 0.9
        assert at[16.5] > max(at[12.5], at[25.0])
    _, lag = one(ours, "imaginary_coherence", 7, 9)
    assert (lag > 0.1).all() and (lag < 0.4).all()


def test_a_band_above_200_hz_is_followed_when_asked_for():
    rng = np.random.default_rng(61)
    lfp = lfp_array(
        rng.standard_normal((20_000, 2)),
        rate_hz=1000.0,
        channels=["a", "b"],
        region={"a": "A", "b": "B"},
        pass_band_hz=400.0,
    )

    def found(**limit):
        coupling = cell_coupling(lfp, [[0, 20]], options=options(10), line_hz=None, **limit)
        return {value.band for value in band_coupling(coupling, "coherence", bands=bands)}

    bands = {"theta": (6, 10), "ripple": (150, 250)}
    assert found() == {"theta"} and found(highest_hz=250.0) == {"theta", "ripple"}
