"""Extraction of the LFP from a raw recording: speed, peak memory, and what passes above 500 Hz.

The same file of int16 for all: 32 channels at 30 kHz, brought to 1 kHz. Each contender is used as
its documentation shows, in pieces where the whole would not fit into memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

RATE_HZ = 30_000.0
OUT_HZ = 1000.0
GAIN_UV = 0.195
#: pieces of those that do not stream by themselves, seconds, with overlap against edge effects
PIECE_S, MARGIN_S = 10.0, 1.0
ALIAS_HZ, ALIAS_COUNTS = 550.0, 10_000
MODULE = "benchmarks.extraction"


# --- data ----------------------------------------------------------------------------------------


def write_noise(folder: Path, *, channels: int, seconds: float) -> Path:
    """Write noise with a slow wave, piece by piece."""
    rng = np.random.default_rng(0)
    block = rng.normal(0, 300, (round(RATE_HZ), channels)).astype(np.int16)
    wave = (500 * np.sin(2 * np.pi * 8 * np.arange(len(block)) / RATE_HZ)).astype(np.int16)
    with _start(folder, channels).open("wb") as file:
        for second in range(int(seconds)):
            # the noise of each second is another one, without drawing it anew
            (np.roll(block, 997 * second, axis=0) + wave[:, None]).tofile(file)
    return folder


def write_tone(folder: Path, *, channels: int = 2, seconds: float = 10.0) -> Path:
    """Write a tone above the new Nyquist frequency."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = np.round(ALIAS_COUNTS * np.sin(2 * np.pi * ALIAS_HZ * times)).astype(np.int16)
    np.repeat(tone[:, None], channels, axis=1).tofile(_start(folder, channels))
    return folder


def _start(folder: Path, channels: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shape.json").write_text(json.dumps({"channels": channels}))
    return folder / "raw.dat"


def _mapped(folder: Path) -> np.memmap:
    channels = json.loads((folder / "shape.json").read_text())["channels"]
    return np.memmap(folder / "raw.dat", dtype=np.int16, mode="r").reshape(-1, channels)


def _recording(folder: Path) -> Any:
    from spikeinterface.core import BinaryRecordingExtractor

    channels = json.loads((folder / "shape.json").read_text())["channels"]
    return BinaryRecordingExtractor(
        [folder / "raw.dat"],
        sampling_frequency=RATE_HZ,
        dtype="int16",
        num_channels=channels,
        gain_to_uV=GAIN_UV,
        offset_to_uV=0.0,
    )


# --- contenders: each work gives its output, whose level is told after the clock has stopped -----


Facts = Callable[[], dict[str, float]]


def _level(pieces: Iterable[np.ndarray]) -> Facts:
    """Root mean square of the first channel away from the ends, microvolts."""
    outputs = list(pieces)
    return lambda: _root_mean_square(outputs)


def _root_mean_square(outputs: Sequence[np.ndarray]) -> dict[str, float]:
    column = np.concatenate([np.asarray(piece[:, 0], dtype=float) for piece in outputs])
    inside = column[len(column) // 10 : -(len(column) // 10)]
    return {"rms_uv": float(np.sqrt(np.mean(inside**2)))}


def ours_to_netcdf(folder: Path) -> Callable[[], Facts]:
    """Stream to lfp.nc, as the workflow does."""
    from pipeline.lfp import extract_lfp_to_netcdf, open_lfp

    recording = _recording(folder)

    def facts() -> dict[str, float]:
        with open_lfp(folder / "lfp.nc") as lfp:
            return _root_mean_square([lfp[:, :1].values])

    def work() -> Facts:
        extract_lfp_to_netcdf(recording, folder / "lfp.nc")
        return facts

    return work


def ours_to_memory(folder: Path) -> Callable[[], Facts]:
    """The same without the file."""
    from pipeline.lfp import extract_lfp

    recording = _recording(folder)
    return lambda: _level([extract_lfp(recording).values])


def spikeinterface_to_file(folder: Path) -> Callable[[], Facts]:
    """``spikeinterface.preprocessing.resample``, saved as its documentation shows: 1-s chunks."""
    from spikeinterface.preprocessing import resample

    resampled, to = resample(_recording(folder), OUT_HZ), folder / "spikeinterface"

    def facts() -> dict[str, float]:
        counts = np.fromfile(next(to.glob("*.raw")), resampled.get_dtype())
        return _root_mean_square([counts.reshape(-1, resampled.get_num_channels()) * GAIN_UV])

    def work() -> Facts:
        resampled.save(folder=to, overwrite=True, n_jobs=1, chunk_duration="1s", progress_bar=False)
        return facts

    return work


def spikeinterface_to_memory(folder: Path) -> Callable[[], Facts]:
    """The same, its traces asked for in chunks of a second."""
    from spikeinterface.preprocessing import resample

    resampled = resample(_recording(folder), OUT_HZ)

    def work() -> Facts:
        n, step = resampled.get_num_samples(), round(OUT_HZ)
        return _level(
            resampled.get_traces(start_frame=first, end_frame=min(first + step, n)) * GAIN_UV
            for first in range(0, n, step)
        )

    return work


def scipy_resample_poly(folder: Path) -> Callable[[], Facts]:
    """``scipy.signal.resample_poly`` with its own filter, in pieces with a margin."""
    from scipy.signal import resample_poly

    factor = round(RATE_HZ / OUT_HZ)
    return lambda: _level(_in_pieces(folder, lambda part: resample_poly(part, 1, factor, axis=0)))


def scipy_decimate(folder: Path) -> Callable[[], Facts]:
    """``scipy.signal.decimate`` with its own filter, in two steps as its documentation asks."""
    from scipy.signal import decimate

    def down(part: np.ndarray) -> np.ndarray:
        return decimate(decimate(part, 5, axis=0), 6, axis=0)

    return lambda: _level(_in_pieces(folder, down))


def mne_resample(folder: Path) -> Callable[[], Facts]:
    """``mne.filter.resample`` (by FFT), in pieces with a margin."""
    from mne.filter import resample

    factor = RATE_HZ / OUT_HZ

    def down(part: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(part.T, dtype=np.float64)
        return resample(rows, down=factor, axis=-1, verbose="error").T

    return lambda: _level(_in_pieces(folder, down))


def memory_mapped_read(folder: Path) -> Callable[[], None]:
    """No resampling: the sum of all samples, which is what reading them costs."""

    def work() -> None:
        _mapped(folder).sum(dtype=np.int64)

    return work


def _in_pieces(folder: Path, down: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    raw = _mapped(folder)
    ratio = round(RATE_HZ / OUT_HZ)
    step, margin = round(PIECE_S * RATE_HZ), round(MARGIN_S * RATE_HZ)
    for first in range(0, len(raw), step):
        start, stop = max(0, first - margin), min(len(raw), first + step + margin)
        part = raw[start:stop].astype(np.float32) * np.float32(GAIN_UV)
        skip, keep = (first - start) // ratio, (min(first + step, len(raw)) - first) // ratio
        yield down(part)[skip : skip + keep].astype(np.float32)


# --- memory over length --------------------------------------------------------------------------


def long_recording(folder: Path, *, channels: int, seconds: float) -> Callable[[], None]:
    """Stream a recording of any length, whose samples are made when they are asked for."""
    from spikeinterface.core import BaseRecording, BaseRecordingSegment

    from pipeline.lfp import extract_lfp_to_netcdf

    second = np.random.default_rng(0).normal(0, 300, (round(RATE_HZ), channels)).astype(np.int16)

    class Segment(BaseRecordingSegment):
        def get_num_samples(self) -> int:
            return round(seconds * RATE_HZ)

        def get_traces(self, start_frame, end_frame, channel_indices):
            rows = np.arange(start_frame, end_frame) % len(second)
            return second[rows][:, channel_indices if channel_indices is not None else slice(None)]

    recording = BaseRecording(RATE_HZ, [str(n) for n in range(channels)], np.int16)
    recording.add_recording_segment(Segment(sampling_frequency=RATE_HZ))
    recording.set_channel_gains(GAIN_UV)
    recording.set_channel_offsets(0.0)

    def work() -> None:
        extract_lfp_to_netcdf(recording, folder / "long.nc").unlink()

    return work


# --- the run -------------------------------------------------------------------------------------

RESAMPLERS = {
    "ours, to netCDF": ours_to_netcdf,
    "ours, to memory": ours_to_memory,
    "spikeinterface resample, to file": spikeinterface_to_file,
    "spikeinterface resample, to memory": spikeinterface_to_memory,
    "scipy resample_poly, to memory": scipy_resample_poly,
    "scipy decimate (5, then 6), to memory": scipy_decimate,
    "mne resample, to memory": mne_resample,
}
PACKAGES = ("numpy", "scipy", "spikeinterface", "mne", "h5netcdf")


def benchmark(
    folder: Path,
    *,
    channels: int = 32,
    seconds: float = 300.0,
    repeats: int = 2,
    memory_channels: int = 64,
    memory_s: tuple[float, ...] = (60.0, 240.0, 7200.0),
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Run all contenders on one file, print the tables, write extraction.json."""
    noise = write_noise(folder / "noise", channels=channels, seconds=seconds)
    tone = write_tone(folder / "tone")
    megabytes = channels * seconds * RATE_HZ * 2 / 1e6
    rows: dict[str, dict[str, Any]] = {}
    for title, contender in RESAMPLERS.items():
        slow = title.startswith("mne")
        found = run(MODULE, contender.__name__, noise, repeats=1 if slow else repeats)
        alias = run(MODULE, contender.__name__, tone).facts["rms_uv"]
        planted = ALIAS_COUNTS * GAIN_UV / np.sqrt(2)
        rows[title] = {
            "cpu_s": found.cpu_s,
            "mb_per_s": round(megabytes / max(found.cpu_s, 1e-9), 1),
            "peak_mb": found.peak_mb,
            "above_imports_mb": found.above_mb,
            "alias_550_hz_db": round(float(20 * np.log10(max(alias, 1e-9) / planted)), 1),
        }
    found = run(MODULE, memory_mapped_read.__name__, noise, repeats=repeats)
    rows["memory-mapped read (sum)"] = {
        "cpu_s": found.cpu_s,
        "mb_per_s": round(megabytes / max(found.cpu_s, 1e-9), 1),
        "peak_mb": found.peak_mb,
        "above_imports_mb": found.above_mb,
        "alias_550_hz_db": None,
    }
    for title, row in rows.items():
        # what ends in a file is compared with the file, what stays in memory with memory
        ours = "ours, to netCDF" if "file" in title or "netCDF" in title else "ours, to memory"
        row["times_ours"] = round(row["cpu_s"] / max(rows[ours]["cpu_s"], 1e-9), 2)
    (noise / "raw.dat").unlink()
    memory = {}
    for length in memory_s:
        found = run(
            MODULE, "long_recording", folder / "tone", channels=memory_channels, seconds=length
        )
        memory[f"{length:g}"] = {"peak_mb": found.peak_mb, "above_imports_mb": found.above_mb}
    content = {
        "versions": versions(*PACKAGES),
        "file": {"channels": channels, "seconds": seconds, "rate_hz": RATE_HZ, "mb": megabytes},
        "contenders": rows,
        "memory": {"channels": memory_channels, "by_seconds": memory},
    }
    print_table(
        f"Extraction: {channels} channels x {seconds:g} s, int16 at 30 kHz ({megabytes:.0f} MB)",
        ("", "CPU s", "MB/s", "times ours", "peak MB", "above imports", "550 Hz, dB"),
        [
            (
                title,
                row["cpu_s"],
                row["mb_per_s"],
                row["times_ours"],
                row["peak_mb"],
                row["above_imports_mb"],
                row["alias_550_hz_db"],
            )
            for title, row in rows.items()
        ],
    )
    print_table(
        f"Peak memory of extraction over length, {memory_channels} channels",
        ("seconds", "peak MB", "above imports"),
        [(length, row["peak_mb"], row["above_imports_mb"]) for length, row in memory.items()],
    )
    write_result("extraction", content, results)
    return content
