"""Which stream of a recording is the one to analyse: said by the lab, or beyond doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean

#: streams that hold no brain signals: sync words, analog and digital inputs, supply voltages
_NOT_NEURAL = re.compile(r"sync|adc|aux|digital|supply|temperature|nidq|ni-daq|analog-in", re.I)
#: imec0.lf, ProbeA-LFP, processing/ecephys/LFP/ElectricalSeries
_LFP = re.compile(r"(?<![a-z])(lf|lfp)(?![a-z])", re.I)


def pick_stream(names: Sequence[str], *, wanted: str | None, file: object) -> str:
    """Return the one stream to read.

    Parameters
    ----------
    names : sequence of str
        All streams of the recording.
    wanted : str or None
        What the config says under ``recording: {stream: ...}``.
    file : object
        The recording, for the message.

    Returns
    -------
    str
        ``wanted``; else the only stream; else the only one with brain signals; else the only one
        of these that is called LF or LFP.

    Raises
    ------
    InputError
        When there is none, ``wanted`` does not exist, or several would do.
    """
    listed = ", ".join(f"'{name}'" for name in names)
    if not names:
        raise InputError(
            f"{file}: found no stream of signals: a recording of events only, or truncated"
        )
    if wanted:
        if wanted in names:
            return wanted
        raise InputError(
            f"{file}: found streams {listed}; the config asks for '{wanted}'"
            f"{did_you_mean(wanted, names)}: set recording: {{stream: ...}} to one of them"
        )
    neural = [name for name in names if not _NOT_NEURAL.search(name)] or list(names)
    lfp = [name for name in neural if _LFP.search(name)]
    for candidates in (names, neural, lfp):
        if len(candidates) == 1:
            return candidates[0]
    raise InputError(
        f"{file}: found streams {listed}; which one holds the signals to analyse? Set "
        "recording: {stream: ...} to one of them"
    )
