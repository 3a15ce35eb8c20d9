"""EDF+ (continuous), through pyedflib."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.writers.counts import checked_signals, count_blocks

#: 8 characters of header hold this range without rounding: 32767 and -32768 counts of 0.195 uV
PHYSICAL_MAX_UV = 6389.565
PHYSICAL_MIN_UV = -6389.76
#: an EDF header must hold a date, without time zone; the pipeline never reads it
START = datetime.datetime(2000, 1, 1)


def write_edf(
    path: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    channels: Sequence[str],
    start: datetime.datetime = START,
    annotations: Sequence[tuple[float, float | None, str]] = (),
) -> Path:
    """Write one EDF+C file of one-second records, 16 bits of 0.195 microvolts.

    Parameters
    ----------
    path : path
        File to write; its folder is made if absent.
    signals_uv : numpy.ndarray
        (time, channel) microvolts, within +-6389, a whole number of seconds.
    rate_hz : float
        Samples per second, whole.
    channels : sequence of str
        (channel,) labels of at most 16 ASCII characters.
    start : datetime.datetime
        Date and time of the header, without time zone.
    annotations : sequence of (onset, duration or None, text)
        Seconds from the first sample.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        Signals that do not fit names, rate or range, or do not fill whole records: EDF holds whole
        records only, and padding would add samples that were never recorded.
    """
    import pyedflib

    signals = checked_signals(signals_uv, channels, rate_hz)
    rate = round(rate_hz)
    if rate != rate_hz or len(signals) % rate:
        raise InputError(
            f"{path}: found {len(signals)} samples at {rate_hz} Hz; expected a whole rate and "
            "whole seconds, because EDF records hold one second each"
        )
    unfit = [name for name in channels if len(name) > 16 or not name.isascii()]
    if unfit:
        raise InputError(f"{path}: channels {unfit}: expected at most 16 ASCII characters")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    uv_per_bit = (PHYSICAL_MAX_UV - PHYSICAL_MIN_UV) / 65535
    counts = np.empty(signals.shape, dtype=np.int16)
    for first, block in count_blocks(signals, channels, uv_per_bit=uv_per_bit):
        counts[first : first + len(block)] = block
    header: dict[str, Any] = {
        "dimension": "uV",
        "sample_frequency": rate,
        "physical_max": PHYSICAL_MAX_UV,
        "physical_min": PHYSICAL_MIN_UV,
        "digital_max": 32767,
        "digital_min": -32768,
        "transducer": "",
        "prefilter": "",
    }
    with pyedflib.EdfWriter(str(path), len(channels), file_type=pyedflib.FILETYPE_EDFPLUS) as file:
        file.setStartdatetime(start)
        file.setSignalHeaders([{**header, "label": name} for name in channels])
        # one record: all samples of channel 1, then of channel 2 ...
        for record in counts.reshape(-1, rate, len(channels)).astype(np.int32):
            for samples in np.ascontiguousarray(record.T):
                file.writeDigitalSamples(samples)
        for onset, duration, text in annotations:
            file.writeAnnotation(onset, -1 if duration is None else duration, text)
    return path
