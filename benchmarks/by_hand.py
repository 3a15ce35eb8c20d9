"""End to end against a script that a lab would write with mne, elephant and SpikeInterface.

One recording (raw file at 30 kHz, a sorting, its LFP at 1 kHz), six epochs (two contexts in three
phases). The pipeline's part is the jobs ``extract`` and ``measure`` with default options: all that
is registered, artefacts, bad channels, tests of single units and all files included. The script's
part is a process that makes the outcomes of :data:`SECTIONS` with the packages' own functions and
the same windows, bands, pairs and numbers of surrogates, and writes nothing. What neither package
has (high-frequency oscillations, complexity, tests of units, decoding, artefacts, quality) the
script leaves out.

The script needs an environment with elephant, which is none of the project's packages::

    python -m venv peers
    peers/bin/pip install elephant==1.2.1 pynapple==0.11.4 mne==1.13.2 mne-connectivity==0.9.0 \
        specparam==2.0.0rc7 spikeinterface==0.105.3
    PEERS_PYTHON=peers/bin/python python -m benchmarks.run by_hand
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import session_growth, spikes_outcomes
from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

MODULE = "benchmarks.by_hand"
#: how many times as much CPU as the pipeline the script should need
GOAL = 5.0
RATE_HZ = 1000.0
BANDS = spikes_outcomes.BANDS
PAIRS = (("theta", "low_gamma"), ("theta", "high_gamma"), ("theta", "hfo"))
N_EPOCHS, N_SURROGATES, N_PHASES = 6, 200, 18
TILING_S, BINS_S, FANO_S = 0.05, (0.1, 1.0), 0.1


def write_session(folder: Path, *, seconds: float, channels: int, units: int) -> None:
    """Write what both parts read: the session of :mod:`benchmarks.session_growth`, and as arrays.

    Half of channels and of units belong to either region.
    """
    from pipeline.lfp import open_lfp

    session_growth.write_session(folder, seconds=seconds, channels=channels, units=units)
    session_growth.write_raw(folder, seconds=seconds, channels=channels, units=units)
    with open_lfp(folder / "lfp.nc") as lfp:
        np.save(folder / "lfp.npy", np.ascontiguousarray(lfp.values.T))
    trains = spikes_outcomes.make_trains(units, seconds)
    np.savez(folder / "trains.npz", *trains)


# --- the script ----------------------------------------------------------------------------------


class Session:
    """What the script has loaded: LFP (channel, sample), spike trains, epochs in seconds."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder, self.n_raw = folder, channels
        self.lfp = np.load(folder / "lfp.npy").astype(float)
        with np.load(folder / "trains.npz") as file:
            self.trains = [file[name] for name in file.files]
        self.seconds = self.lfp.shape[1] / RATE_HZ
        edges = np.linspace(0, self.seconds, N_EPOCHS + 1)
        self.epochs = list(pairwise(edges))
        self.regions = [np.arange(channels // 2), np.arange(channels // 2, channels)]
        half = len(self.trains) // 2
        self.units = [range(half), range(half, len(self.trains))]
        self.psd: list[tuple[np.ndarray, np.ndarray]] = []

    def windows(self, start: float, stop: float, *, length_s: float, step_s: float) -> np.ndarray:
        """LFP windows (window, channel, sample) of an epoch."""
        first = np.arange(start, stop - length_s + 1e-9, step_s)
        size = round(length_s * RATE_HZ)
        return np.stack([self.lfp[:, round(s * RATE_HZ) :][:, :size] for s in first])

    def neo_trains(self, start: float, stop: float) -> list[Any]:
        """The trains of an epoch as elephant takes them."""
        import neo

        return [
            neo.SpikeTrain(t[(t >= start) & (t < stop)], units="s", t_start=start, t_stop=stop)
            for t in self.trains
        ]


def lfp_with_spikeinterface(session: Session) -> int:
    """Raw file to 1 kHz, ten seconds at a time."""
    from spikeinterface.core import BinaryRecordingExtractor
    from spikeinterface.preprocessing import resample

    recording = BinaryRecordingExtractor(
        [session.folder / "raw.dat"],
        sampling_frequency=session_growth.RAW_HZ,
        dtype="int16",
        num_channels=session.n_raw,
        gain_to_uV=0.195,
        offset_to_uV=0.0,
    )
    low = resample(recording, round(RATE_HZ))
    n, step = low.get_num_samples(), round(10 * RATE_HZ)
    parts = [low.get_traces(start_frame=i, end_frame=min(i + step, n)) for i in range(0, n, step)]
    return len(np.concatenate(parts) * 0.195)


def band_power_with_mne(session: Session) -> int:
    """Multitaper spectra of 4-s windows that share half; power of bands, relative; entropy."""
    from mne.time_frequency import psd_array_multitaper

    values = []
    for start, stop in session.epochs:
        windows = session.windows(start, stop, length_s=4.0, step_s=2.0)
        psd, f = psd_array_multitaper(
            windows, RATE_HZ, fmin=1, fmax=250, bandwidth=2.0, normalization="full", verbose="error"
        )
        psd = psd.mean(axis=0)
        session.psd.append((f, psd))
        total = psd[:, (f >= 1) & (f <= 100)].sum(axis=1)
        for low, high in BANDS.values():
            power = psd[:, (f >= low) & (f <= high)]
            values += [power.mean(axis=1), power.sum(axis=1) / total]
        share = psd / psd.sum(axis=1, keepdims=True)
        values.append(-(share * np.log(share)).sum(axis=1) / np.log(len(f)))
    return np.size(values)


def aperiodic_with_specparam(session: Session) -> int:
    """Exponent, offset and peaks of each region's mean spectrum, in two ranges."""
    from specparam import SpectralModel

    values = 0
    for f, psd in session.psd:
        for region in session.regions:
            for fit_hz in ((2, 100), (60, 250)):
                model = SpectralModel(
                    peak_width_limits=(2, 12), max_n_peaks=6, min_peak_height=0.1, verbose=False
                )
                model.fit(f, psd[region].mean(axis=0), list(fit_hz))
                values += 2
    return values


def coupling_with_mne_connectivity(session: Session) -> int:
    """Coherence, its imaginary part, PPC and debiased wPLI of all pairs between the regions."""
    from mne_connectivity import spectral_connectivity_epochs

    first, second = session.regions
    indices = (np.repeat(first, len(second)), np.tile(second, len(first)))
    values = 0
    for start, stop in session.epochs:
        found = spectral_connectivity_epochs(
            session.windows(start, stop, length_s=2.0, step_s=2.0),
            method=["coh", "imcoh", "ppc", "wpli2_debiased"],
            indices=indices,
            sfreq=RATE_HZ,
            mode="multitaper",
            mt_bandwidth=3.0,
            fmin=tuple(low for low, _ in BANDS.values()),
            fmax=tuple(high for _, high in BANDS.values()),
            faverage=True,
            verbose="error",
        )
        values += sum(one.get_data().shape[1] for one in found)
    return values


def _analytic(signals: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    from scipy.signal import butter, hilbert, sosfiltfilt

    sos = butter(2, band, "bandpass", fs=RATE_HZ, output="sos")
    return hilbert(sosfiltfilt(sos, signals, axis=-1), axis=-1)


def _index(phase_bin: np.ndarray, envelope: np.ndarray) -> float:
    """Modulation index of Tort et al. 2010."""
    mean = np.bincount(phase_bin, weights=envelope, minlength=N_PHASES)
    mean = mean / np.bincount(phase_bin, minlength=N_PHASES)
    share = mean / mean.sum()
    return float(1 + (share * np.log(share)).sum() / np.log(N_PHASES))


def phase_amplitude_in_a_loop(session: Session) -> int:
    """Modulation index and its z over 200 shifted envelopes, each channel, epoch and pair."""
    rng = np.random.default_rng(0)
    values = 0
    phases = {slow: np.angle(_analytic(session.lfp, BANDS[slow])) for slow, _ in PAIRS}
    bins = {
        slow: np.minimum(((phase + np.pi) / (2 * np.pi) * N_PHASES).astype(int), N_PHASES - 1)
        for slow, phase in phases.items()
    }
    for slow, fast in PAIRS:
        envelopes = np.abs(_analytic(session.lfp, BANDS[fast]))
        for start, stop in session.epochs:
            here = slice(round(start * RATE_HZ), round(stop * RATE_HZ))
            for phase_bin, envelope in zip(bins[slow][:, here], envelopes[:, here], strict=True):
                shifts = rng.integers(RATE_HZ, len(envelope) - RATE_HZ, N_SURROGATES)
                null = [_index(phase_bin, np.roll(envelope, shift)) for shift in shifts]
                index = _index(phase_bin, envelope)
                values += np.size((index, (index - np.mean(null)) / np.std(null)))
    return values


def rates_with_elephant(session: Session) -> int:
    """Rate, CV2, LV, LvR and Fano factor of every unit."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.statistics import cv2, isi, lv, lvr, mean_firing_rate

    values = 0
    for start, stop in session.epochs:
        for train in session.neo_trains(start, stop):
            mean_firing_rate(train)
            values += 1
            if len(train) > 20:
                intervals = isi(train)
                cv2(intervals), lv(intervals), lvr(intervals, R=5 * pq.ms)
                binned = BinnedSpikeTrain(train, bin_size=FANO_S * pq.s)
                counts = binned.to_array()[0]
                values += 3 + np.size(counts.var(ddof=1) / counts.mean())
    return values


def correlations_with_elephant(session: Session) -> int:
    """Correlations of counts in two bins, all pairs."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    values = 0
    for start, stop in session.epochs:
        trains = [train for train in session.neo_trains(start, stop) if len(train)]
        for bin_s in BINS_S:
            values += np.size(
                correlation_coefficient(BinnedSpikeTrain(trains, bin_size=bin_s * pq.s))
            )
    return values


def tiling_with_elephant(session: Session) -> int:
    """Spike-time tiling of all pairs of units."""
    import quantities as pq
    from elephant.spike_train_correlation import spike_time_tiling_coefficient

    values = 0
    for start, stop in session.epochs:
        trains = [train for train in session.neo_trains(start, stop) if len(train) >= 50]
        for one in range(len(trains)):
            for other in range(one):
                spike_time_tiling_coefficient(trains[one], trains[other], dt=TILING_S * pq.s)
                values += 1
    return values


def locking_with_elephant(session: Session) -> int:
    """Pairwise phase consistency of every unit with one channel of its region, every band.

    The pipeline also gives that with the other region, and tests.
    """
    import neo
    import quantities as pq
    from elephant.phase_analysis import spike_triggered_phase

    values = 0
    for region, units in zip(session.regions, session.units, strict=True):
        for band in BANDS.values():
            signal = neo.AnalogSignal(
                _analytic(session.lfp[region[0]], band), units="uV", sampling_rate=RATE_HZ * pq.Hz
            )
            trains = [
                neo.SpikeTrain(session.trains[u], units="s", t_stop=session.seconds) for u in units
            ]
            phases, _, _ = spike_triggered_phase(signal, trains, interpolate=False)
            for train, phase in zip(trains, phases, strict=True):
                times = train.magnitude[: len(phase)]
                for start, stop in session.epochs:
                    angles = np.asarray(phase)[(times >= start) & (times < stop)]
                    n = len(angles)
                    if n >= 50:
                        consistency = (np.abs(np.exp(1j * angles).sum()) ** 2 - n) / (n * (n - 1))
                        values += np.size(consistency)
    return values


SECTIONS: dict[str, Callable[[Session], int]] = {
    "LFP from the raw file, SpikeInterface": lfp_with_spikeinterface,
    "power of bands, spectral entropy, mne": band_power_with_mne,
    "aperiodic fits, specparam": aperiodic_with_specparam,
    "coupling of regions, mne-connectivity": coupling_with_mne_connectivity,
    "phase-amplitude coupling, a loop": phase_amplitude_in_a_loop,
    "rates, CV2, LV, LvR, Fano, elephant": rates_with_elephant,
    "correlations, elephant": correlations_with_elephant,
    "tiling, elephant": tiling_with_elephant,
    "locking, elephant": locking_with_elephant,
}


def script(folder: Path, *, channels: int) -> Callable[[], dict[str, Any]]:
    """All sections one after the other, with the CPU seconds of each."""

    def work() -> dict[str, Any]:
        session = Session(folder, channels)
        taken, values = {}, {}
        for name, section in SECTIONS.items():
            start = time.process_time()
            values[name] = int(section(session))
            taken[name] = round(time.process_time() - start, 3)
        return {"sections_s": taken, "values": values}

    return work


def their_versions(folder: Path) -> Callable[[], dict[str, Any]]:
    """Versions of what the script rests on."""
    names = ("elephant", "mne", "mne-connectivity", "specparam", "spikeinterface", "numpy", "scipy")
    return lambda: versions(*names)


# --- the table -----------------------------------------------------------------------------------


def benchmark(
    folder: Path,
    *,
    seconds: float = 600.0,
    channels: int = 16,
    units: int = 20,
    repeats: int = 2,
    peers: str | None = None,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Run both parts, print the table, write by_hand.json.

    `peers` is the Python that has elephant; else PEERS_PYTHON of the environment; without either
    the pipeline alone is measured.
    """
    python = peers or os.environ.get("PEERS_PYTHON")
    write_session(folder, seconds=seconds, channels=channels, units=units)
    ours = {
        job: run(session_growth.MODULE, name, folder, repeats=repeats)
        for job, name in (("extract", "extracting"), ("measure", "measuring"))
    }
    ours_s = sum(job.process_s for job in ours.values())
    content: dict[str, Any] = {
        "versions": {"ours": versions("numpy", "scipy", "xarray"), "theirs": {}},
        "session": {"seconds": seconds, "channels": channels, "units": units, "epochs": N_EPOCHS},
        "goal": GOAL,
        "ours": {
            job: {"cpu_s": one.process_s, "peak_mb": one.peak_mb} for job, one in ours.items()
        },
        "metrics": len(ours["measure"].facts["all_metrics"]),
    }
    rows: list[tuple[Any, ...]] = [
        (f"the job {job}, imports included", one.process_s, None) for job, one in ours.items()
    ]
    if python:
        theirs = run(MODULE, "script", folder, python=python, channels=channels)
        sections = theirs.facts["sections_s"]
        # where one section decides, the ratio without it says what the rest is worth
        largest = max(sections, key=lambda name: sections[name])
        content["versions"]["theirs"] = dict(
            run(MODULE, "their_versions", folder, python=python).facts
        )
        content["theirs"] = {
            "cpu_s": theirs.process_s,
            "peak_mb": theirs.peak_mb,
            "sections_s": sections,
            "values": theirs.facts["values"],
        }
        content["ratio"] = round(theirs.process_s / ours_s, 2)
        content["ratio_without_largest"] = round((theirs.process_s - sections[largest]) / ours_s, 2)
        rows += [
            (f"script: {name}", taken, f"{taken / ours_s:.2f}") for name, taken in sections.items()
        ]
        imports = theirs.process_s - sum(sections.values())
        without = theirs.process_s - sections[largest]
        rows += [
            ("script: imports and loading", imports, f"{imports / ours_s:.2f}"),
            (f"script without: {largest}", without, f"{content['ratio_without_largest']:.2f}"),
            ("script in all", theirs.process_s, f"{content['ratio']:.2f}"),
        ]
    rows.append(("the pipeline in all", ours_s, "1"))
    print_table(
        f"End to end: {channels} channels, {units} units, {seconds / 60:g} minutes, {N_EPOCHS} "
        "epochs" + ("" if python else " (PEERS_PYTHON is not set)"),
        ("", "CPU s", "times the pipeline"),
        rows,
    )
    write_result("by_hand", content, results)
    return content
