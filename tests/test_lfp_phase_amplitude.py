"""Phase-amplitude coupling: filters, closed forms, recovery, nulls, equal lengths, known traps."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import InputError
from pipeline.lfp import PhaseAmplitude, cell_phase_amplitude, lfp_array
from pipeline.lfp.analytic import (
    Piece,
    analytic_signals,
    band_gain,
    channels_by_region,
    cut_pieces,
    filter_bank,
    piece_spectra,
)
from pipeline.lfp.metrics import modulation_index as index_metric
from pipeline.lfp.metrics import modulation_index_z as z_metric
from pipeline.lfp.modulation import (
    N_BINS,
    BlockDealer,
    mean_by_phase,
    modulation_index,
    phase_bins,
    shifted_indices,
)
from pipeline.lfp.phase_amplitude import (
    MARGIN_S,
    PHASE_RAMP_HZ,
    block_begins,
    block_shifts,
    too_narrow,
)

GOLD = Path(__file__).parent / "data" / "gold"
REAL = Path(__file__).parents[2] / "shared" / "data" / "real"
RATE = 500.0
BANDS = {"theta": (6, 10), "low_gamma": (30, 60), "hfo": (110, 180), "slim": (70, 85)}
OPTIONS = {"pairs": [["theta", "low_gamma"]], "seconds": 20.0, "surrogates": 200}


def oracles():
    found = importlib.util.spec_from_file_location("lfp_oracles", GOLD / "lfp_oracles.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module, json.loads((GOLD / "lfp_oracles.json").read_text())


def cosine_index(depth):
    """Index of an envelope 1 + depth cos(phase), in closed form: 18 bins, each its mean."""
    centre = (np.arange(N_BINS) + 0.5) * 2 * np.pi / N_BINS - np.pi
    share = (1 + depth * np.sinc(1 / N_BINS) * np.cos(centre)) / N_BINS
    return float(np.sum(share * np.log(share * N_BINS)) / math.log(N_BINS))


def wandering_phase(n, rng, *, n_channels=1, hz=8.0, sd_hz=0.6, rate_hz=RATE):
    """Phase of a rhythm whose frequency wanders (correlated over 0.5 s), (n_channels, n)."""
    points = n // 50 + 2
    keep = math.exp(-50 / rate_hz / 0.5)
    drift = np.zeros((n_channels, points))
    for at in range(1, points):
        shock = rng.standard_normal(n_channels) * math.sqrt(1 - keep**2)
        drift[:, at] = keep * drift[:, at - 1] + shock
    frequency = hz + sd_hz * np.repeat(drift, 50, axis=1)[:, :n]
    start = rng.random((n_channels, 1)) * 2 * np.pi
    return start + 2 * np.pi * np.cumsum(frequency, axis=1) / rate_hz


def shaped(n, rng, density, *, n_channels=1, rate_hz=RATE):
    """Gaussian noise of a density, unit variance, (n_channels, n)."""
    gain = np.sqrt(density(np.fft.rfftfreq(n, 1 / rate_hz)))
    parts = rng.standard_normal((2, n_channels, len(gain)), dtype=np.float32)
    signal = np.fft.irfft(gain * (parts[0] + 1j * parts[1]), n)
    return signal / signal.std(axis=1, keepdims=True)


def simulated(
    seconds,
    *,
    depth,
    seed,
    n_channels=1,
    theta=1.0,
    gamma=0.3,
    noise=0.05,
    carrier=(42, 48),
    rate_hz=RATE,
):
    """Theta, gamma whose envelope is 1 + depth cos(theta's phase), and 1/f noise: (n, channel)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    shape = {"n_channels": n_channels, "rate_hz": rate_hz}
    rhythm = np.cos(wandering_phase(n, rng, **shape))
    fast = shaped(n, rng, lambda f: ((f > carrier[0]) & (f < carrier[1])) * 1.0, **shape)
    slope = shaped(n, rng, lambda f: np.maximum(f, 1.0) ** -1.0 * (f > 0), **shape)
    return (theta * rhythm + gamma * fast * (1 + depth * rhythm) + noise * slope).T


def as_lfp(values, *, rate_hz=RATE, regions=None, **labels):
    names = [f"ch{index:03d}" for index in range(values.shape[1])]
    region = dict(zip(names, regions or names, strict=True))
    return lfp_array(values, rate_hz=rate_hz, channels=names, region=region, **labels)


def coupling(values, intervals=None, *, bands=BANDS, line_hz=None, rate_hz=RATE, **changes):
    labels = {key: changes.pop(key) for key in ("regions", "bad", "pass_band_hz") if key in changes}
    lfp = as_lfp(values, rate_hz=rate_hz, **labels)
    whole = [[0, len(values) / rate_hz]]
    options = {**OPTIONS, **changes}
    return cell_phase_amplitude(
        lfp, whole if intervals is None else intervals, bands=bands, options=options,
        line_hz=line_hz,
    )  # fmt: skip


# --- filters ----------------------------------------------------------------------------


def test_gain_is_one_inside_half_at_the_edges_and_zero_outside():
    frequency = np.array([0.0, 5.4, 5.5, 6.0, 6.5, 8.0, 9.5, 10.0, 10.5, 10.6, 100.0])
    gain = band_gain(frequency, 6.0, 10.0, ramp_hz=1.0)
    expected = [0, 0, 0, 0.5, 1, 1, 1, 0.5, 0, 0, 0]
    np.testing.assert_allclose(gain, expected, atol=1e-7)
    frequency = np.array([55.0, 58.0, 58.5, 59.0, 60.0, 61.0, 61.5, 62.0, 120.0])
    gain = band_gain(frequency, 40.0, 130.0, ramp_hz=4.0, line_hz=60.0)
    np.testing.assert_allclose(gain, [1, 1, 0.5, 0, 0, 0, 0.5, 1, 0], atol=1e-7)


@pytest.mark.parametrize("band", [(1, 3), (6, 10), (11, 13)])
def test_reach_of_the_slow_filters_stays_within_the_margin(band):
    frequency = np.arange(8001) / 64  # 64 s
    response = np.fft.irfft(band_gain(frequency, *band, ramp_hz=PHASE_RAMP_HZ).astype(float))
    power = np.fft.fftshift(response**2)
    away = np.abs(np.arange(len(power)) - len(power) // 2) / len(power) * 64
    assert power[away > MARGIN_S].sum() < 2e-4 * power.sum()


@pytest.mark.parametrize(("hz", "band"), [(8.0, (6, 10)), (145.3, (110, 180)), (45.0, (30, 60))])
def test_sine_has_its_own_envelope_and_phase_on_any_grid(hz, band):
    # 62.5 Hz is less than the width of 110-180 Hz: folding must not matter.
    time = np.arange(20000) / 1000.0
    piece = Piece(first=4000, past=16000, margin=2000, n_fft=16000)
    samples = 3.0 * np.cos(2 * np.pi * hz * time[2000:18000] + 0.5)[np.newaxis] + 7.0
    spectra = piece_spectra(samples, piece)
    bank = filter_bank([band], n_fft=16000, rate_hz=1000.0, ramp_hz=1.0)
    for step in (8, 16):
        found = analytic_signals(spectra, bank, piece, step=step)[0, 0]
        true = 3.0 * np.exp(1j * (2 * np.pi * hz * time[4000:16000:step] + 0.5))
        np.testing.assert_allclose(found, true, atol=0.01)


def test_pieces_keep_margins_inside_the_ranges():
    ranges = np.array([[0, 1000], [2000, 2250], [3000, 9000]])
    pieces = cut_pieces(ranges, longest=2000, shortest=100, margin=100, multiple=16)
    kept = [(piece.first, piece.past) for piece in pieces]
    # 800 samples, none (50 < 100), then 5800: 2000 (a multiple of 16), 2000, 1792
    assert kept == [(100, 900), (3100, 5100), (5100, 7100), (7100, 8892)]
    for piece in pieces:
        assert piece.n_fft % 16 == 0 and piece.n_fft >= piece.length + 200


# --- modulation index -------------------------------------------------------------------


def test_index_of_known_distributions():
    assert modulation_index(np.full(18, 2.0)) == pytest.approx(0.0, abs=1e-15)
    assert modulation_index(np.eye(18)[3]) == pytest.approx(1.0)
    half = np.repeat([1.0, 0.0], 9)
    assert modulation_index(half) == pytest.approx(math.log(2) / math.log(18))
    assert np.isnan(modulation_index(np.zeros(18)))
    assert np.isnan(modulation_index(np.r_[np.nan, np.ones(17)]))


@pytest.mark.parametrize("depth", [0.05, 0.3, 0.9])
def test_cosine_has_its_closed_form(depth):
    phase = np.linspace(-np.pi, np.pi, 180001)[:-1]
    bins = phase_bins(np.exp(1j * phase))[np.newaxis]
    means = mean_by_phase(bins, (1 + depth * np.cos(phase))[np.newaxis])
    assert modulation_index(means)[0, 0] == pytest.approx(cosine_index(depth), rel=1e-3)
    # weak coupling: depth^2 / (4 log 18)
    if depth < 0.1:
        assert cosine_index(depth) == pytest.approx(depth**2 / (4 * math.log(18)), rel=0.02)


def test_crest_lies_in_the_tenth_bin_and_edges_wrap():
    turns = np.array([0.001, -0.001, np.pi - 0.001, -np.pi + 0.001])
    assert phase_bins(np.exp(1j * turns)).tolist() == [9, 8, 17, 0]
    assert phase_bins(np.array([-1.0 + 0j, complex(-1.0, -0.0)])).tolist() == [17, 0]


def test_means_and_shifts_agree_with_plain_loops():
    rng = np.random.default_rng(1)
    bins = rng.integers(0, 18, (2, 700)).astype(np.uint8)
    envelopes = rng.rayleigh(1, (3, 700)).astype(np.float32)
    means = mean_by_phase(bins, envelopes)
    for phase in range(2):
        for band in range(3):
            for number in range(18):
                plain = envelopes[band, bins[phase] == number].mean(dtype=float)
                assert means[phase, band, number] == pytest.approx(plain, rel=1e-5)
    shifts = np.array([1, 350, 699])
    found = shifted_indices(bins[0], envelopes, shifts)
    for column, shift in enumerate([0, *shifts]):
        turned = np.roll(envelopes, -shift, axis=1)
        plain = modulation_index(mean_by_phase(bins[:1], turned))[0]
        np.testing.assert_allclose(found[:, column], plain, rtol=1e-6)


def test_index_of_tensorpac():
    module, answers = oracles()
    for entry, expected in zip(module.DEPTHS, answers["tensorpac_modulation_index"], strict=True):
        phase, envelope = module.phases_and_envelopes(*entry)
        means = mean_by_phase(phase_bins(np.exp(1j * phase))[np.newaxis], envelope[np.newaxis])
        assert modulation_index(means)[0, 0] == pytest.approx(expected, rel=1e-6)


def test_pactools_and_the_closed_form_on_one_signal():
    # Filters differ (pactools' are shorter), so that a tenth is what can be expected.
    module, answers = oracles()
    bands = {"theta": (6, 10), "fast": (90, 150)}
    for (depth, seed), other in zip(
        ((0.3, 1), (0.6, 2), (0.9, 3)), answers["pactools_tort"], strict=True
    ):
        values = module.coupled(depth, seed)[:, np.newaxis]
        found = coupling(
            values, bands=bands, rate_hz=1000.0, pairs=[["theta", "fast"]], seconds=60.0
        )
        index = float(found.index[0, 0])
        assert index == pytest.approx(other, rel=0.1)
        assert index == pytest.approx(cosine_index(depth), rel=0.06)


# --- blocks -----------------------------------------------------------------------------


def test_blocks_are_spread_evenly():
    assert block_begins(59, 60) == []
    assert block_begins(60, 60) == [0]
    assert block_begins(100, 60) == [20]
    assert block_begins(130, 60) == [2, 67]


def test_dealt_blocks_are_those_of_the_whole():
    rng = np.random.default_rng(2)
    whole = rng.random((2, 3, 1000))
    cuts = np.sort(rng.integers(0, 1000, 9))
    begins = block_begins(1000, 140)
    dealer = BlockDealer(begins, 140)
    found = []
    for part in np.split(whole, cuts, axis=-1):
        found += list(dealer.deal(part, part[0]))
    assert [number for number, _ in found] == list(range(7))
    for begin, (_, (first, second)) in zip(begins, found, strict=True):
        np.testing.assert_array_equal(first, whole[..., begin : begin + 140])
        np.testing.assert_array_equal(second, whole[0, :, begin : begin + 140])


def test_shifts_are_spread_over_blocks_and_keep_their_distance():
    many = block_shifts(10, 2500, least=125, total=200)
    assert many.shape == (10, 20) and many.min() >= 125 and many.max() <= 2375
    assert block_shifts(1, 2500, least=125, total=200).shape == (1, 200)
    assert block_shifts(100, 2500, least=125, total=200).shape == (100, 4)
    np.testing.assert_array_equal(block_shifts(1, 2500, least=125, total=20)[0], many[0])
    with pytest.raises(InputError, match="expected more than 2 s"):
        block_shifts(1, 250, least=125, total=200)


def test_short_cells_have_no_value():
    values = simulated(40, depth=0.5, seed=3)
    assert coupling(values, [[0, 23.9]]) is None  # 4 s are the filters' margins
    found = coupling(values, [[0, 24.1]])
    assert (found.n_blocks, found.seconds) == (1, pytest.approx(20.0, abs=0.05))
    assert coupling(values, [[0, 12], [12.5, 24.5], [25, 37]]).n_blocks == 1  # 8 + 8 + 8
    assert coupling(values, [[0, 3], [10, 14]]) is None
    assert coupling(values, []) is None


def test_only_clean_time_counts_and_order_does_not():
    values = simulated(100, depth=0.5, seed=4, n_channels=2)
    intervals = [[0, 20], [30, 61], [70, 99]]
    dirty = values.copy()
    times = np.arange(len(values)) / RATE
    inside = np.any([(times >= a) & (times < b) for a, b in intervals], axis=0)
    dirty[~inside] = 1e3
    results = [coupling(values, intervals), coupling(dirty, intervals),
               coupling(values, intervals[::-1])]  # fmt: skip
    for other in results[1:]:
        for name in ("index", "index_z", "comodulogram"):
            np.testing.assert_array_equal(getattr(results[0], name), getattr(other, name))
        xr.testing.assert_identical(results[0].rhythm, other.rhythm)


def test_pair_and_channel_do_not_depend_on_what_else_is_measured():
    values = simulated(30, depth=0.5, seed=5, n_channels=3)
    pairs = [["theta", "hfo"], ["theta", "low_gamma"]]
    both, alone = coupling(values, pairs=pairs), coupling(values[:, [1]])
    for name in ("index", "index_z"):
        many = getattr(both, name).sel(region="ch001", pair="theta-low_gamma")
        assert float(many) == pytest.approx(float(getattr(alone, name)[0, 0]), rel=1e-5)


# --- recovery ---------------------------------------------------------------------------


def test_index_is_monotone_and_near_its_closed_form():
    found = []
    for depth in (0.1, 0.2, 0.4, 0.8):
        result = coupling(simulated(64, depth=depth, seed=6, n_channels=2, noise=0.0))
        floor = 0.0003  # of 20 s without coupling, see below
        assert float(result.index.mean()) == pytest.approx(cosine_index(depth), rel=0.1, abs=floor)
        assert float(result.index_z.min()) > 2
        found.append(float(result.index.mean()))
    assert np.all(np.diff(found) > 0)


def test_noise_in_the_fast_band_can_only_lower_it():
    # Error over signal-to-noise: gamma over 1/f noise of growing strength.
    found = [
        float(coupling(simulated(64, depth=0.6, seed=7, n_channels=2, noise=noise)).index.mean())
        for noise in (0.0, 0.3, 1.0, 3.0)
    ]
    true = cosine_index(0.6)
    assert found[0] == pytest.approx(true, rel=0.1)
    assert np.all(np.diff(found) < 0) and found[-1] > 0


def test_comodulogram_peaks_where_the_coupling_is():
    grid = coupling(simulated(64, depth=0.8, seed=8, noise=0.1, carrier=(88, 92))).comodulogram
    best = grid[0].argmax(...)
    assert float(grid.phase_frequency[best["phase_frequency"]]) == 8.0
    assert abs(float(grid.amplitude_frequency[best["amplitude_frequency"]]) - 90.0) <= 10.0
    assert float(grid[0].max()) == pytest.approx(cosine_index(0.8), rel=0.2)
    assert grid.sizes == {"region": 1, "phase_frequency": 11, "amplitude_frequency": 18}


def test_rhythm_tells_whether_there_is_a_phase():
    with_theta = coupling(simulated(64, depth=0.0, seed=9, n_channels=4, noise=1.0))
    without = coupling(simulated(64, depth=0.0, seed=9, n_channels=4, noise=1.0, theta=0.0))
    assert float(with_theta.rhythm["peak_db"].min()) > 10
    assert float(without.rhythm["peak_db"].max()) < 3
    added = with_theta.rhythm["power"].values - without.rhythm["power"].values
    assert added.mean() == pytest.approx(0.5, rel=0.1)  # cosine of amplitude 1


# --- nulls and equal lengths ------------------------------------------------------------


def test_without_coupling_z_is_standard_and_the_index_does_not_fall_with_length():
    # 90 channels; cells of 1, 3 and 6 blocks
    values = simulated(124, depth=0.0, seed=10, n_channels=90, noise=0.5, carrier=(35, 55))
    cells = [coupling(values, [[0, stop]]) for stop in (24.1, 64.1, 124)]
    assert [cell.n_blocks for cell in cells] == [1, 3, 6]
    floors = np.array([cell.index.values[:, 0] for cell in cells])
    for floor, error in zip(floors.mean(axis=1), floors.std(axis=1) / math.sqrt(90), strict=True):
        assert floor == pytest.approx(floors[2].mean(), abs=3.5 * error)
        assert 1e-4 < floor < 4e-4
    for cell in cells:
        z = cell.index_z.values[:, 0]
        sd = 1 / math.sqrt(cell.n_blocks)
        assert abs(z.mean()) < 3.3 * sd / math.sqrt(90)
        assert z.std() == pytest.approx(sd, rel=0.25)


def test_z_does_not_grow_with_the_length_of_the_cell():
    values = simulated(164, depth=0.15, seed=11, n_channels=20, noise=0.3)
    short, long = coupling(values, [[0, 24.1]]), coupling(values)
    assert (short.n_blocks, long.n_blocks) == (1, 8)
    assert float(long.index_z.mean()) > 3
    assert float(short.index_z.mean()) == pytest.approx(float(long.index_z.mean()), rel=0.25)


def test_null_comparison_of_epochs_keeps_its_rate():
    # 100 experiments of 8 animals with theta but no coupling; baseline 1 block, acute 3 blocks.
    n_experiments, n_animals = 100, 8
    options = {"pairs": [["theta", "low_gamma"]], "seconds": 4.0, "surrogates": 40}
    n_channels = n_experiments * n_animals
    values = simulated(
        26.4, depth=0.0, seed=12, n_channels=n_channels, noise=0.5, rate_hz=250.0
    ).astype(np.float32)
    cells = [coupling(values, [span], rate_hz=250.0, **options) for span in ([0, 8.2], [10, 26.4])]
    assert [cell.n_blocks for cell in cells] == [1, 3]
    for first, second in (
        [np.log2(cell.index.values) for cell in cells],
        [cell.index_z.values for cell in cells],
    ):
        change = (second - first).reshape(n_experiments, n_animals)
        t = change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(n_animals))
        # 5 % point of t with 7 degrees of freedom; 0.1 % limit of a binomial of 100
        assert np.mean(np.abs(t) > 2.3646) <= 0.13


# --- traps ------------------------------------------------------------------------------


def test_harmonics_that_reach_the_fast_band_look_like_coupling():
    # A known limit of every such index (Aru et al. 2015), stated in the metric's definition: a
    # sawtooth has no second rhythm, and yet its edges lie at one phase of the first.
    rng = np.random.default_rng(13)
    phase = wandering_phase(round(64 * RATE), rng)
    noise = 0.1 * shaped(phase.shape[1], rng, lambda f: np.maximum(f, 1.0) ** -1.0 * (f > 0))
    cosine, doubled = np.cos(phase), np.cos(phase) + 0.25 * np.cos(2 * phase)
    sawtooth = sum(np.sin(order * phase) / order for order in range(1, 9))
    index = [
        coupling((wave + noise).T, seconds=60.0).index.item()
        for wave in (cosine, doubled, sawtooth)
    ]
    assert index[0] < 3e-4 and index[1] < 3e-4  # one harmonic at 16 Hz stays out of 30-60 Hz
    assert index[2] > 0.02


def test_mains_hide_coupling_unless_left_out():
    values = simulated(64, depth=0.6, seed=14, noise=0.05)
    line = 1.0 * np.sin(2 * np.pi * 50.02 * np.arange(len(values)) / RATE)[:, np.newaxis]
    clean = coupling(values, line_hz=50.0).index.item()
    kept_out = coupling(values + line, line_hz=50.0).index.item()
    hidden = coupling(values + line, line_hz=None).index.item()
    assert kept_out == pytest.approx(clean, rel=0.03)
    assert hidden < 0.2 * clean


def test_band_too_narrow_for_the_sidebands_has_no_value():
    pairs = [["theta", "slim"], ["theta", "low_gamma"]]
    assert too_narrow(BANDS, pairs) == ["theta-slim"]  # 15 Hz < 2 x 10 Hz
    found = coupling(simulated(30, depth=0.6, seed=15), pairs=pairs)
    assert found.too_narrow == ("theta-slim",)
    assert found.index["pair"].values.tolist() == ["theta-low_gamma"]
    # why: a carrier at 77.5 Hz, fully modulated
    values = simulated(64, depth=0.8, seed=15, carrier=(76, 79), noise=0.0)
    wide = coupling(values, bands={**BANDS, "low_gamma": (62, 93)}).index.item()
    narrow_as_wide = {"theta": (6, 7), "low_gamma": (70.5, 84.5)}
    narrow = coupling(values, bands=narrow_as_wide).index.item()
    assert wide == pytest.approx(cosine_index(0.8), rel=0.1) and narrow < 0.5 * wide


def test_pairs_beyond_the_pass_band_are_left_out():
    pairs = [["theta", "hfo"], ["theta", "low_gamma"]]
    found = coupling(simulated(30, depth=0.3, seed=16), pairs=pairs, pass_band_hz=150.0)
    assert found.index["pair"].values.tolist() == ["theta-low_gamma"]
    assert float(found.comodulogram["amplitude_frequency"].max()) == 130.0  # 130 + 12 < 150
    none = coupling(simulated(30, depth=0.3, seed=16), pairs=pairs[:1], pass_band_hz=150.0)
    assert none.index.size == 0 and none.rhythm.sizes["phase_band"] == 1


def test_regions_are_means_of_good_channels():
    values = simulated(30, depth=0.5, seed=17, n_channels=4)
    regions = ["mPFC", "CA1", "", "CA1"]
    found = coupling(values, regions=regions)
    each = coupling(values)
    assert found.index["region"].values.tolist() == ["CA1", "mPFC"]
    for region, used in (("CA1", ["ch001", "ch003"]), ("mPFC", ["ch000"])):
        mean = each.index.sel(region=used).mean().item()
        assert found.index.sel(region=region).item() == pytest.approx(mean, rel=1e-5)
        mean = each.comodulogram.sel(region=used).mean("region")
        np.testing.assert_allclose(found.comodulogram.sel(region=region), mean, rtol=1e-4)
    fewer = coupling(values, regions=regions, bad=["ch003"])
    assert fewer.index.sel(region="CA1").item() == pytest.approx(each.index[1, 0].item(), rel=1e-5)
    assert coupling(values, regions=[""] * 4) is None


def test_evenly_picked_channels():
    lfp = as_lfp(np.zeros((10, 9)), regions=["a"] * 8 + ["b"], bad=["ch000"])
    assert {k: v.tolist() for k, v in channels_by_region(lfp, at_most=3).items()} == {
        "a": [2, 4, 6],
        "b": [8],
    }


# --- metrics ----------------------------------------------------------------------------


def test_values_of_the_metrics():
    coords = {"region": ["CA1", "mPFC"], "pair": ["theta-low_gamma", "theta-hfo"]}
    index = xr.DataArray([[0.01, 0.02], [0.03, np.nan]], coords, ("region", "pair"))
    source = PhaseAmplitude(index, 100 * index, xr.Dataset(), xr.DataArray(0.0), 9, 540.0)
    values = index_metric.compute(phase_amplitude=source, options={})
    assert [(v.region, v.band, v.value, v.n_effective, v.n_effective_unit) for v in values] == [
        ("CA1", "theta-low_gamma", 0.01, 9, "blocks"),
        ("mPFC", "theta-low_gamma", 0.03, 9, "blocks"),
        ("CA1", "theta-hfo", 0.02, 9, "blocks"),
    ]
    of_z = z_metric.compute(phase_amplitude=source, options={})
    assert [v.value for v in of_z] == [1.0, 3.0, 2.0]
    assert index_metric.METRIC.scale == "log2" and z_metric.METRIC.scale == "linear"
    for module in (index_metric, z_metric):
        declared = module.METRIC
        assert (declared.grain, declared.domain, declared.per_band) == ("cell", "coupling", True)


def test_silent_channel_gives_no_value():
    values = np.zeros((round(30 * RATE), 1))
    found = coupling(values)
    assert index_metric.compute(phase_amplitude=found, options={}) == []
    assert z_metric.compute(phase_amplitude=found, options={}) == []


# --- real recordings --------------------------------------------------------------------


@pytest.mark.real
def test_theta_of_a_real_hippocampus_carries_gamma(real_data):
    file = real_data / "neurodsp_rat_hpc" / "sample_data_2.npy"
    values = np.load(file).reshape(-1, 1)
    found = coupling(values, rate_hz=1000.0, bands={**BANDS, "theta": (5, 10)}, seconds=60.0)
    assert found.n_blocks == 2
    assert found.rhythm["peak_db"].item() > 6
    assert found.index_z.item() > 4 and 3e-4 < found.index.item() < 0.01
