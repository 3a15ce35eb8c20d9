"""Raw recordings whose spikes are known, for scoring spike sorters.

Spikes of known units on a probe of two columns, in noise of three kinds: white noise of the
amplifier, small spikes of many units too far away to be sorted, and a slow rhythm that the sorter
must filter out. Each spike has its own size and its own offset within a sample, so that no two are
alike. Waveforms and their decay over distance are SpikeInterface's (``generate_templates``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.files import replacing
from pipeline.simulate.randomness import generator
from pipeline.simulate.spiking import Unit, simulate_units
from pipeline.simulate.tracks import Track
from pipeline.simulate.writers.counts import write_counts

#: waveforms from this long before to this long after their trough
BEFORE_S, AFTER_S = 0.001, 0.003
#: sub-sample offsets that a spike may have
OFFSETS = 4
#: side of the square that neighbouring sites span, and how far units lie from the probe's plane
PITCH_UM, OFF_PLANE_UM = 25.0, 12.0
#: log2 gain that leaves no spike
SILENT = -60.0
UV_PER_BIT = 0.195


@dataclass(frozen=True, kw_only=True)
class SortingSample:
    """What is recorded.

    Attributes
    ----------
    seconds, rate_hz, channels : float, float, int
        Length, samples per second, sites of the probe.
    amplitudes_uv : tuple of float
        Size of each unit's trough where it is largest, in microvolts: one unit each.
    rates_hz : tuple of float
        Lowest and highest mean rate; the units' are spread evenly over it.
    silent_s : mapping of int to (float, float)
        From when to when a unit (its position) has no spikes.
    background_units : int
        Units of 5 to 15 microvolts that no sorter can tell apart; 12 spikes a second each.
    noise_uv : float
        Standard deviation of the amplifier's noise.
    size_sd : float
        Standard deviation of the size of a unit's spikes, relative to its mean.
    seed : int
        Another seed gives another realisation.
    """

    seconds: float = 60.0
    rate_hz: float = 30_000.0
    channels: int = 16
    amplitudes_uv: tuple[float, ...] = (30, 42, 55, 70, 85, 100, 120, 150, 190, 240)
    rates_hz: tuple[float, float] = (2.0, 14.0)
    silent_s: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    background_units: int = 40
    noise_uv: float = 15.0
    size_sd: float = 0.08
    seed: int = 0

    @property
    def sites_um(self) -> np.ndarray:
        """Places of the sites, (channel, 2): two columns, the second half a pitch higher."""
        index = np.arange(self.channels)
        column, row = index % 2, index // 2
        return np.column_stack([column * PITCH_UM, (row + column / 2) * PITCH_UM])


def simulate_raw(sample: SortingSample) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the signals of a sample and when each unit fired.

    Parameters
    ----------
    sample : SortingSample
        What is recorded.

    Returns
    -------
    signals_uv : numpy.ndarray
        (time, channel) float32 microvolts.
    spike_s : list of numpy.ndarray
        Troughs of the spikes of each unit, seconds from the first sample.
    """
    draw = generator("sorting sample", seed=sample.seed)
    n_samples = round(sample.seconds * sample.rate_hz)
    signals = draw.standard_normal((n_samples, sample.channels), dtype=np.float32)
    signals *= np.float32(sample.noise_uv)
    seconds = np.arange(n_samples) / sample.rate_hz
    signals += (150.0 * np.sin(2 * np.pi * 8.0 * seconds)).astype(np.float32)[:, None]
    n_units = len(sample.amplitudes_uv)
    trains = _trains(sample, draw)
    background = [
        np.sort(draw.uniform(0, sample.seconds, draw.poisson(12.0 * sample.seconds)))
        for _ in range(sample.background_units)
    ]
    sizes = [*sample.amplitudes_uv, *draw.uniform(5.0, 15.0, sample.background_units)]
    templates = _templates(sample, sizes, draw)
    times = []
    for template, train in zip(templates, [*trains, *background], strict=True):
        times.append(_inject(signals, template, train, sample, draw))
    return signals, times[:n_units]


def write_sorting_sample(folder: str | Path, sample: SortingSample) -> Path:
    """Write a sample: raw binary with its side-car, its probe, its truth.

    Parameters
    ----------
    folder : path
        Made if absent.
    sample : SortingSample
        What is recorded.

    Returns
    -------
    pathlib.Path
        ``raw.dat`` (int16, interleaved). Beside it: ``raw.dat.json`` (side-car), ``probe.json``
        (probeinterface), ``truth.tsv`` (unit, time_s: the troughs of its spikes).
    """
    import probeinterface

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    signals, trains = simulate_raw(sample)
    channels = [f"CH{index + 1}" for index in range(sample.channels)]
    probe = probeinterface.Probe(ndim=2, si_units="um")
    probe.set_contacts(sample.sites_um, shapes="circle", shape_params={"radius": 6})
    probe.set_device_channel_indices(np.arange(sample.channels))
    with replacing(folder / "probe.json") as partial:
        probeinterface.write_probeinterface(partial, probe)
    rows = [f"{unit}\t{time:.6f}" for unit, train in enumerate(trains) for time in train]
    with replacing(folder / "truth.tsv") as partial:
        partial.write_text("\n".join(["unit\ttime_s", *rows, ""]), encoding="utf-8", newline="\n")
    car = {
        "rate_hz": sample.rate_hz,
        "channels": channels,
        "dtype": "int16",
        "gain_uv": UV_PER_BIT,
        "offset_uv": 0.0,
        "probe": "probe.json",
    }
    with replacing(folder / "raw.dat.json") as partial:
        partial.write_text(json.dumps(car, indent=1) + "\n", encoding="utf-8", newline="\n")
    # Last, so that a recording that is there is complete.
    with replacing(folder / "raw.dat") as partial:
        write_counts(partial, signals, channels, uv_per_bit=UV_PER_BIT)
    return folder / "raw.dat"


def read_truth(folder: str | Path) -> list[np.ndarray]:
    """Return when each unit of a written sample fired: (spike,) seconds, per unit."""
    rows = np.loadtxt(Path(folder) / "truth.tsv", skiprows=1, ndmin=2)
    n_units = int(rows[:, 0].max()) + 1 if len(rows) else 0
    return [rows[rows[:, 0] == unit, 1] for unit in range(n_units)]


def _trains(sample: SortingSample, draw: np.random.Generator) -> list[np.ndarray]:
    """Spike times of the units, silences left out."""
    still = Track(np.zeros(1), np.zeros(1))
    rates = np.linspace(*sample.rates_hz, len(sample.amplitudes_uv))
    units = []
    # Rates in another order than sizes: a large unit may be slow.
    for position, rate in enumerate(draw.permutation(rates)):
        gain = still
        if position in sample.silent_s:
            start, stop = sample.silent_s[position]
            gain = Track(
                np.array([0.0, start, start, stop, stop]), np.array([0, 0, SILENT, SILENT, 0.0])
            )
        units.append(Unit(region="", rate_hz=float(rate), log2_gain=gain))
    # Poisson spikes with 3 ms between them: a sorter sees a refractory period.
    return simulate_units(units, seconds=sample.seconds, phase=still, rng=draw, dead_time_s=0.003)


def _templates(
    sample: SortingSample, sizes_uv: list[float], draw: np.random.Generator
) -> np.ndarray:
    """Waveforms (unit, time, channel, offset) whose trough has the size asked for."""
    from spikeinterface.core.generate import generate_templates

    sites = sample.sites_um
    low, high = sites.min(axis=0), sites.max(axis=0)
    places = np.empty((len(sizes_uv), 3))
    # Anywhere along the probe: some units share a place.
    places[:, 1] = draw.uniform(low[1], high[1], len(sizes_uv))
    places[:, 0] = draw.uniform(low[0] - 10, high[0] + 10, len(sizes_uv))
    places[:, 2] = OFF_PLANE_UM
    templates = generate_templates(
        sites,
        places,
        sample.rate_hz,
        1000 * BEFORE_S,
        1000 * AFTER_S,
        seed=int(draw.integers(2**31)),
        upsample_factor=OFFSETS,
        unit_params={"spatial_decay": (15.0, 35.0)},
    )
    troughs = -templates.min(axis=(1, 2, 3))
    return templates * (np.asarray(sizes_uv) / troughs)[:, None, None, None].astype(np.float32)


def _inject(
    signals: np.ndarray,
    template: np.ndarray,
    train_s: np.ndarray,
    sample: SortingSample,
    draw: np.random.Generator,
) -> np.ndarray:
    """Add the spikes of one unit; return the seconds of those that fit into the recording."""
    before = round(BEFORE_S * sample.rate_hz)
    length = template.shape[0]
    fine = np.round(train_s * sample.rate_hz * OFFSETS).astype(int)
    # A later spike within the sample is a template that is read earlier.
    first = -(-fine // OFFSETS)
    offset = first * OFFSETS - fine
    inside = (first >= before) & (first - before + length <= len(signals))
    sizes = 1.0 + sample.size_sd * draw.standard_normal(len(fine))
    for start, which, size in zip(
        first[inside] - before, offset[inside], sizes[inside], strict=True
    ):
        signals[start : start + length] += np.float32(size) * template[:, :, which]
    return fine[inside] / (OFFSETS * sample.rate_hz)
