"""TDT blocks: index (.tsq), store list (.Tbk), samples (.tev) and the empty .tdx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.simulate.writers.counts import checked_signals

#: time of the block's start, seconds since 1970
START = 1_718_182_800.0
#: samples per chunk
CHUNK = 64
_STREAM, _ON, _OFF, _MARK = 0x8101, 0x101, 0x102, 0x8801


def write_tdt(
    folder: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    store: str = "LFP1",
    epocs: Sequence[tuple[str, float, float | None]] = (),
    volts: bool = True,
    starts_s: float = 0.01,
    gap: tuple[int, float] | None = None,
) -> Path:
    """Write one block.

    Layout: TDT tank format: index records of 40 bytes (size in words, kind, store, channel, sort
    code, time, place in the .tev, format, rate), samples of one channel per chunk in the .tev.

    Parameters
    ----------
    folder : path
        The block's folder, made if absent; files are called ``<parent>_<folder>``.
    signals_uv : numpy.ndarray
        (time, channel) microvolts; whole chunks of 64 samples.
    rate_hz : float
        Samples per second.
    store : str
        Four letters.
    epocs : sequence of (name, on, off or None)
        Three letters; seconds from the first sample. Beginnings are stored as "PC0/", ends as
        "PC0\\\\".
    volts : bool
        Whether samples are 32-bit floats in volts; else 16-bit microvolts.
    starts_s : float
        First sample after the block's start.
    gap : tuple of (chunk, seconds), optional
        Chunks from this one on come later.

    Returns
    -------
    pathlib.Path
        ``folder``.
    """
    signals = checked_signals(signals_uv, [str(c) for c in range(np.shape(signals_uv)[1])], rate_hz)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{folder.parent.name}_{folder.name}"
    index = np.dtype("<i4,<i4,S4,<u2,<u2,<f8,<i8,<i4,<f4")
    first = START + starts_s
    samples = signals * 1e-6 if volts else np.rint(signals)
    samples = samples.astype("<f4" if volts else "<i2")
    words = CHUNK * samples.itemsize // 4
    kind = 0 if volts else 2
    rows: list[Any] = []
    data: list[Any] = []
    for chunk in range(len(samples) // CHUNK):
        late = gap[1] if gap and chunk >= gap[0] else 0.0
        time = first + chunk * CHUNK / rate_hz + late
        for channel in range(samples.shape[1]):
            place = len(data) * words * 4
            rows.append(
                (words + 10, _STREAM, store.encode(), channel + 1, 0, time, place, kind, rate_hz)
            )
            data.append(samples[chunk * CHUNK : (chunk + 1) * CHUNK, channel].tobytes())
    for name, on, off in epocs:
        rows.append((10, _ON, f"{name}/".encode(), 0, 0, first + on, 0, 4, 0))
        if off is not None:
            rows.append((10, _OFF, f"{name}\\".encode(), 0, 0, first + off, 0, 4, 0))
    rows.sort(key=lambda row: row[5])
    last = first + len(samples) / rate_hz + 1
    rows = [
        (0, 0, b"", 0, 0, 0.0, 0, 0, 0),
        (10, _MARK, b"\x01", 0, 0, START, 0, 0, 0),
        *rows,
        (10, _MARK, b"\x02", 0, 0, last, 0, 0, 0),
    ]
    np.array(rows, dtype=index).tofile(f"{stem}.tsq")
    Path(f"{stem}.tev").write_bytes(b"".join(data))
    Path(f"{stem}.tdx").write_bytes(b"")
    Path(f"{stem}.Tbk").write_bytes(_store_list(store, samples, rate_hz, kind, epocs))
    return folder


def _store_list(
    store: str,
    samples: np.ndarray,
    rate_hz: float,
    kind: int,
    epocs: Sequence[tuple[str, float, float | None]],
) -> bytes:
    items = [(store, samples.shape[1], _STREAM, CHUNK, kind, rate_hz)]
    items += [(f"{name}/", 1, _ON, 1, 4, 0) for name in dict.fromkeys(name for name, *_ in epocs)]
    text = ""
    for name, channels, code, points, format, rate in items:
        entries = {
            "StoreName": ("S", name),
            "HeadName": ("S", name),
            "Enabled": ("L", 1),
            "CircType": ("L", 0),
            "NumChan": ("L", channels),
            "StrobeMode": ("L", 0),
            "TankEvType": ("L", code),
            "NumPoints": ("L", points),
            "DataFormat": ("L", format),
            "SampleFreq": ("D", f"{rate:.6f}"),
        }
        text += "[STOREHDRITEM]\r\n" if text else ""
        text += "".join(f"NAME={k};TYPE={t};VALUE={v};\r\n" for k, (t, v) in entries.items())
    return (text + "[USERNOTEDELIMITER]\r\n").encode("ascii")
