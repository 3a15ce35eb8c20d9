"""BrainVision core data format 1.0: header, markers and interleaved samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, count_blocks


def write_brainvision(
    path: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    channels: Sequence[str],
    markers: Sequence[tuple[int, str, str]] = (),
    uv_per_bit: float = 0.1,
    floats: bool = False,
    segments: Sequence[int] = (0,),
) -> Path:
    """Write ``.vhdr``, ``.vmrk`` and ``.eeg``.

    Parameters
    ----------
    path : path
        The header, ``<name>.vhdr``.
    signals_uv : numpy.ndarray
        (time, channel) microvolts.
    rate_hz : float
        Samples per second.
    channels : sequence of str
        (channel,) names.
    markers : sequence of (sample, type, description)
        As ``(100, "Stimulus", "S  1")``; positions in the file count from 1.
    uv_per_bit : float
        Resolution of 16-bit samples.
    floats : bool
        Whether samples are 32-bit floats of microvolts instead.
    segments : sequence of int
        Samples at which a "New Segment" marker stands; more than one means pauses.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        Signals that do not fit names, rate or the converter.
    """
    signals = checked_signals(signals_uv, channels, rate_hz)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data, notes = path.with_suffix(".eeg"), path.with_suffix(".vmrk")
    if floats:
        signals.astype("<f4").tofile(data)
    else:
        blocks = [c for _, c in count_blocks(signals, channels, uv_per_bit=uv_per_bit)]
        np.vstack(blocks).astype("<i2").tofile(data)
    resolution = 1 if floats else uv_per_bit
    lines = [
        "Brain Vision Data Exchange Header File Version 1.0",
        "",
        "[Common Infos]",
        "Codepage=UTF-8",
        f"DataFile={data.name}",
        f"MarkerFile={notes.name}",
        "DataFormat=BINARY",
        "DataOrientation=MULTIPLEXED",
        f"NumberOfChannels={len(channels)}",
        f"DataPoints={len(signals)}",
        f"SamplingInterval={1e6 / rate_hz:.10g}",
        "",
        "[Binary Infos]",
        f"BinaryFormat={'IEEE_FLOAT_32' if floats else 'INT_16'}",
        "",
        "[Channel Infos]",
        *(f"Ch{i}={name},,{resolution:g},µV" for i, name in enumerate(channels, 1)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    rows = [(sample, "New Segment", "") for sample in segments] + list(markers)
    listed = [
        f"Mk{i}={kind},{text},{sample + 1},1,0{',20000101000000000000' * (kind == 'New Segment')}"
        for i, (sample, kind, text) in enumerate(sorted(rows), 1)
    ]
    lines = [
        "Brain Vision Data Exchange Marker File, Version 1.0",
        "",
        "[Common Infos]",
        "Codepage=UTF-8",
        f"DataFile={data.name}",
        "",
        "[Marker Infos]",
        *listed,
    ]
    notes.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path
