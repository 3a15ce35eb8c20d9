"""Axona DacqUSB trials: .set, .eeg (8 bits, 250 Hz) or .egf (16 bits, 4800 Hz), .inp."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, count_blocks
from pipeline.simulate.writers.lines import Pulse, edges

RANGE_MV = 1500
#: bits and rate of each kind of file
KINDS = {"eeg": (8, 250), "egf": (16, 4800)}


def write_axona(
    stem: str | Path,
    signals_uv: np.ndarray,
    *,
    kind: str = "egf",
    gains: Sequence[int],
    pulses: Sequence[Pulse] | None = None,
    keys: Sequence[tuple[float, str]] = (),
) -> Path:
    """Write ``<stem>.set``, one ``.eeg`` or ``.egf`` file per channel and ``<stem>.inp``.

    Layout: Axona, "DacqUSB file formats": lines of text, ``data_start``, data, ``data_end``.

    Parameters
    ----------
    stem : path
        Path without suffix.
    signals_uv : numpy.ndarray
        (time, channel) microvolts.
    kind : {"eeg", "egf"}
        Which files.
    gains : sequence of int
        (channel,) gains; a count is 1500 mV / full count / gain.
    pulses : sequence of (line, on, off), optional
        Digital inputs 0 to 15, in samples from the first.
    keys : sequence of (seconds, letter)
        Key presses.

    Returns
    -------
    pathlib.Path
        The ``.set`` file.

    Raises
    ------
    InputError
        Signals that do not fit the gains or the converter.
    """
    bits, rate = KINDS[kind]
    names = [str(index) for index in range(len(gains))]
    signals = checked_signals(signals_uv, names, rate)
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    count_key = f"num_{kind.upper()}_samples"
    # Channel 2 k of the amplifiers feeds EEG k, so that numbers cannot be taken for each other.
    setup = [f"duration {len(signals) // rate}", f"ADC_fullscale_mv {RANGE_MV}"]
    for index, gain in enumerate(gains):
        setup += [f"gain_ch_{2 * index + 1} {gain}", f"EEG_ch_{index + 1} {2 * index + 2}"]
        setup += [f"gain_ch_{2 * index} {7 * gain}", f"saveEEG_ch_{index + 1} 1"]
        uv_per_bit = RANGE_MV * 1000 / 2 ** (bits - 1) / gain
        blocks = count_blocks(
            signals[:, index : index + 1], [names[index]], uv_per_bit=uv_per_bit, bits=bits
        )
        counts = np.concatenate([block[:, 0] for _, block in blocks])
        data = counts.astype("<i1" if bits == 8 else "<i2").tobytes()
        lines = [
            "trial_date Wednesday, 12 Jun 2024",
            f"sample_rate {rate}{'.0' if kind == 'eeg' else ''} hz",
            f"bytes_per_sample {bits // 8}",
            f"{count_key} {len(signals)}",
        ]
        number = index + 1 if index else ""
        _write(stem.with_name(f"{stem.name}.{kind}{number}"), lines, data)
    text = "\r\n".join(setup) + "\r\n"
    file = stem.with_name(f"{stem.name}.set")
    file.write_text(text, encoding="latin-1", newline="")
    if pulses is not None or keys:
        _write_inputs(stem.with_name(f"{stem.name}.inp"), pulses or (), keys, len(signals), rate)
    return file


def _write(file: Path, lines: Sequence[str], data: bytes) -> None:
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    file.write_bytes(head + b"data_start" + data + b"\r\ndata_end\r\n")


def _write_inputs(
    file: Path,
    pulses: Sequence[Pulse],
    keys: Sequence[tuple[float, str]],
    samples: int,
    rate: int,
) -> None:
    timebase = 1000
    word = 0
    rows = [(round(seconds * timebase), b"K", ord(letter)) for seconds, letter in keys]
    for sample, line, _ in edges(pulses, samples=samples, lines=range(16)):
        word ^= 1 << line
        rows.append((round(sample / rate * timebase), b"I", word))
    rows.sort(key=lambda row: row[0])
    data = b"".join(struct.pack(">IcH", *row) for row in rows)
    lines = ["bytes_per_sample 7", f"timebase {timebase} hz", f"num_inp_samples {len(rows)}"]
    _write(file, lines, data)
