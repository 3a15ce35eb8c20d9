"""Guard of units: signals that cannot be microvolts are refused before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

#: median absolute value that a real signal in microvolts can have: amplifier noise is above 0.1,
#: and a saturated headstage stays below 10000
LOWEST_UV, HIGHEST_UV = 0.01, 100_000.0
#: pieces of the recording that are looked at, and their length
PIECES, PIECE_S = 10, 1.0


@dataclass(frozen=True)
class UnitCheck:
    """What the guard saw.

    Attributes
    ----------
    median_abs_uv : dict of str to float
        Median absolute value per channel, in microvolts.
    flat : tuple of str
        Channels without any change in what was looked at, or without a finite sample: dead,
        disconnected or stuck at the rail.
    """

    median_abs_uv: dict[str, float]
    flat: tuple[str, ...]


def assert_microvolts(traces: np.ndarray, *, file: object, channels: Sequence[str]) -> UnitCheck:
    """Refuse signals whose size no amplifier in microvolts gives.

    Parameters
    ----------
    traces : numpy.ndarray
        (time, channel) microvolts, from several places of the recording.
    file : object
        The recording, for the message.
    channels : sequence of str
        (channel,) names.

    Returns
    -------
    UnitCheck
        Medians, and the flat channels by name: a dead channel is no error of units.

    Raises
    ------
    InputError
        When the median absolute value of a channel lies outside 0.01 to 100000 microvolts; all
        such channels are named.
    """
    import numpy as np

    names = [str(channel) for channel in channels]
    finite = np.isfinite(traces)
    highest = np.where(finite, traces, -np.inf).max(axis=0, initial=-np.inf)
    lowest = np.where(finite, traces, np.inf).min(axis=0, initial=np.inf)
    flat = highest <= lowest
    medians = np.zeros(len(names))
    if not flat.all():
        medians[~flat] = np.nanmedian(
            np.where(finite, np.abs(traces), np.nan)[:, ~flat].astype(np.float64), axis=0
        )
    wrong = [
        f"channel {name}: found a median absolute value of {median:.3g} microvolts"
        for name, median, dead in zip(names, medians, flat, strict=True)
        if not dead and not LOWEST_UV <= median <= HIGHEST_UV
    ]
    if wrong:
        raise InputError(
            f"{file}: {'; '.join(wrong)}; expected {LOWEST_UV:g} to {HIGHEST_UV:g}. Volts or "
            "millivolts were probably taken for microvolts, or the gain is missing or wrong"
        )
    return UnitCheck(
        dict(zip(names, medians.tolist(), strict=True)),
        tuple(name for name, dead in zip(names, flat, strict=True) if dead),
    )


def check_microvolts(recording: BaseRecording, *, file: object) -> UnitCheck:
    """Run the guard on pieces spread evenly over a recording, a few seconds in all.

    Parameters
    ----------
    recording : spikeinterface.BaseRecording
        Of one segment, with gains.
    file : object
        Its path, for the message.

    Returns
    -------
    UnitCheck

    Raises
    ------
    InputError
        As :func:`assert_microvolts`.
    """
    import numpy as np

    samples = recording.get_num_samples()
    length = min(samples, max(1, round(PIECE_S * recording.sampling_frequency)))
    starts = np.unique(np.linspace(0, samples - length, PIECES).astype(int))
    traces = np.concatenate(
        [
            recording.get_traces(start_frame=s, end_frame=s + length, return_in_uV=True)
            for s in starts.tolist()
        ]
    )
    return assert_microvolts(traces, file=file, channels=recording.channel_ids)
