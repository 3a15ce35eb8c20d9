"""Neuroscope: parameters in XML, wide band in .dat, LFP in .lfp."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, write_counts

#: +-10 V over 16 bits behind an amplifier of 1000
VOLTAGE_RANGE, AMPLIFICATION = 20, 1000
UV_PER_BIT = VOLTAGE_RANGE * 1e6 / 2**16 / AMPLIFICATION


def write_neuroscope(
    stem: str | Path,
    *,
    wide_uv: np.ndarray | None = None,
    wide_hz: float = 20_000,
    lfp_uv: np.ndarray | None = None,
    lfp_hz: float = 1250,
    groups: Sequence[Sequence[int]],
    events: Sequence[tuple[float, str]] = (),
) -> Path:
    """Write ``<stem>.xml`` and the ``.dat``, ``.lfp`` and ``.evt`` that are given.

    Parameters
    ----------
    stem : path
        Path without suffix.
    wide_uv, lfp_uv : numpy.ndarray, optional
        (time, channel) microvolts.
    wide_hz, lfp_hz : float
        Samples per second of each.
    groups : sequence of sequence of int
        Channels of each anatomical group; together all channels.
    events : sequence of (seconds, text)
        Written in milliseconds.

    Returns
    -------
    pathlib.Path
        The ``.xml`` file.

    Raises
    ------
    InputError
        Signals that do not fit the groups or the converter.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    channels = [str(channel) for group in groups for channel in group]
    for signals, rate, suffix in ((wide_uv, wide_hz, "dat"), (lfp_uv, lfp_hz, "lfp")):
        if signals is not None:
            checked = checked_signals(signals, channels, rate)
            file = stem.with_name(f"{stem.name}.{suffix}")
            write_counts(file, checked, channels, uv_per_bit=UV_PER_BIT)
    listed = "".join(
        "<group>"
        + "".join(f'<channel skip="0">{channel}</channel>' for channel in group)
        + "</group>"
        for group in groups
    )
    text = (
        '<?xml version="1.0"?>\n<parameters version="1.0" creator="made up">\n'
        f"<acquisitionSystem><nBits>16</nBits><nChannels>{len(channels)}</nChannels>"
        f"<samplingRate>{wide_hz:g}</samplingRate><voltageRange>{VOLTAGE_RANGE}</voltageRange>"
        f"<amplification>{AMPLIFICATION}</amplification><offset>0</offset></acquisitionSystem>\n"
        f"<fieldPotentials><lfpSamplingRate>{lfp_hz:g}</lfpSamplingRate></fieldPotentials>\n"
        f"<anatomicalDescription><channelGroups>{listed}</channelGroups></anatomicalDescription>\n"
        "</parameters>\n"
    )
    file = stem.with_name(f"{stem.name}.xml")
    file.write_text(text, encoding="utf-8", newline="\n")
    if events:
        rows = "".join(f"{1000 * seconds:.3f}\t{text}\n" for seconds, text in events)
        stem.with_name(f"{stem.name}.evt").write_text(rows, encoding="utf-8", newline="\n")
    return file
