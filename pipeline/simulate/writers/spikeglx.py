"""SpikeGLX: the LF band of a Neuropixels 2.0 probe (14 bits, as CatGT derives it), and nidq."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.writers.counts import checked_signals, write_counts
from pipeline.simulate.writers.lines import Pulse, digital_words

#: Neuropixels 2.0 (NP2000): volts at the converter's end of range, its largest count, gain
RANGE_VOLTS = 0.5
MAX_COUNT = 8192
GAIN = 80
#: 0.763 microvolts, against 4.7 for the 10-bit LF band of a Neuropixels 1.0 probe
UV_PER_BIT = RANGE_VOLTS / MAX_COUNT / GAIN * 1e6
#: full scale of the NI device's 16-bit analog inputs
NI_RANGE_VOLTS = 5.0


def write_spikeglx(
    folder: str | Path,
    name: str,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    channels: Sequence[str],
    start_sample: int = 0,
    pulses: Sequence[Pulse] = (),
) -> Path:
    """Write ``<name>_g0_t0.imec0.lf.bin`` and ``.meta``.

    int16, interleaved, with the sync word ``SY0`` as last channel. Metadata keys as the
    SpikeGLX "Metadata" help page lists them. Microvolts = count x imAiRangeMax / imMaxInt /
    imChan0apGain x 1e6, here 0.763 per bit.

    Parameters
    ----------
    folder : path
        Made if absent.
    name : str
        Name of the run.
    signals_uv : numpy.ndarray
        (time, channel) microvolts, within +-6250.
    rate_hz : float
        Samples per second.
    channels : sequence of str
        (channel,) names for the channel map; a name with SY in it would be read as sync.
    start_sample : int
        Number of the first sample since the run began.
    pulses : sequence of (line, on, off)
        Bits of the sync word, in samples from the first; the sync input is line 6.

    Returns
    -------
    pathlib.Path
        The ``.bin`` file.

    Raises
    ------
    InputError
        Signals that do not fit names, rate or the converter; names that the format cannot hold.
    """
    signals = checked_signals(signals_uv, channels, rate_hz)
    unfit = [channel for channel in channels if "SY" in channel or set(channel) & set("();:,=")]
    if unfit:
        raise InputError(
            f"channels: found {unfit}; SpikeGLX names hold neither 'SY' (sync) nor ( ) ; : , ="
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / f"{name}_g0_t0.imec0.lf.bin"
    words = digital_words(pulses, samples=len(signals))[:, None]
    write_counts(binary, signals, channels, uv_per_bit=UV_PER_BIT, bits=14, extra=words)
    number = len(channels)
    entries = {
        "acqApLfSy": f"0,{number},1",
        "appVersion": "20230905",
        "fileName": binary.name,
        "fileSizeBytes": binary.stat().st_size,
        "fileTimeSecs": f"{len(signals) / rate_hz:.9g}",
        "firstSample": start_sample,
        "imAiRangeMax": RANGE_VOLTS,
        "imAiRangeMin": -RANGE_VOLTS,
        "imChan0apGain": GAIN,
        "imDatPrb_pn": "NP2000",
        "imDatPrb_port": 1,
        "imDatPrb_slot": 2,
        "imDatPrb_sn": 0,
        "imDatPrb_type": 21,
        "imMaxInt": MAX_COUNT,
        "imSampRate": f"{rate_hz:.12g}",
        "nSavedChans": number + 1,
        "snsApLfSy": f"0,{number},1",
        "snsSaveChanSubset": f"0:{number}",
        "typeThis": "imec",
        "~imroTbl": f"(21,{number})" + "".join(f"({index} 1 0 0)" for index in range(number)),
        "~snsChanMap": f"(0,{number},1)"
        + "".join(f"({channel};{index}:{index})" for index, channel in enumerate(channels))
        + f"(SY0;{number}:{number})",
    }
    _write_meta(binary, entries)
    return binary


def write_spikeglx_nidq(
    folder: str | Path,
    name: str,
    pulses: Sequence[Pulse],
    *,
    rate_hz: float,
    samples: int,
    words: int = 1,
    analog_uv: np.ndarray | None = None,
    start_sample: int = 0,
) -> Path:
    """Write ``<name>_g0_t0.nidq.bin`` and ``.meta``: auxiliary analog inputs and digital words.

    Parameters
    ----------
    folder : path
        Made if absent.
    name : str
        Name of the run.
    pulses : sequence of (line, on, off)
        Line 16 k + b is bit b of word k; in samples from the first.
    rate_hz : float
        Samples per second, of this device's own clock.
    samples : int
        Length.
    words : int
        16-bit digital words per sample, 1 to 4.
    analog_uv : numpy.ndarray, optional
        (time, channel) microvolts at the inputs XA0, XA1 ..., within 5 V.
    start_sample : int
        Number of the first sample since the run began.

    Returns
    -------
    pathlib.Path
        The ``.bin`` file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / f"{name}_g0_t0.nidq.bin"
    word = digital_words(pulses, samples=samples, bits=16 * words)
    digital = np.column_stack([word >> np.uint64(16 * k) & np.uint64(0xFFFF) for k in range(words)])
    analog = np.zeros((samples, 0)) if analog_uv is None else np.asarray(analog_uv)
    inputs = [f"XA{index}" for index in range(analog.shape[1])]
    if inputs:
        write_counts(binary, analog, inputs, uv_per_bit=NI_RANGE_VOLTS / 32768 * 1e6, extra=digital)
    else:
        binary.write_bytes(digital.astype("<u2").tobytes())
    names = [*inputs, *(f"XD{k}" for k in range(words))]
    entries = {
        "acqMnMaXaDw": f"0,0,{len(inputs)},{words}",
        "fileName": binary.name,
        "fileSizeBytes": binary.stat().st_size,
        "fileTimeSecs": f"{samples / rate_hz:.9g}",
        "firstSample": start_sample,
        "nSavedChans": len(names),
        "niAiRangeMax": NI_RANGE_VOLTS,
        "niAiRangeMin": -NI_RANGE_VOLTS,
        "niMAGain": 1,
        "niMNGain": 200,
        "niSampRate": f"{rate_hz:.12g}",
        "niXDBytes1": 2 * words,
        "snsMnMaXaDw": f"0,0,{len(inputs)},{words}",
        "snsSaveChanSubset": f"0:{len(names) - 1}",
        "typeThis": "nidq",
        "~snsChanMap": f"(0,0,1,{len(inputs)},{words})"
        + "".join(f"({channel};{index}:{index})" for index, channel in enumerate(names)),
    }
    _write_meta(binary, entries)
    return binary


def _write_meta(binary: Path, entries: Mapping[str, object]) -> None:
    text = "".join(f"{key}={value}\n" for key, value in entries.items())
    binary.with_suffix(".meta").write_text(text, encoding="utf-8", newline="\n")
