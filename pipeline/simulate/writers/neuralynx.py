"""Neuralynx folders: one NCS file per channel, TTL words and comments in Events.nev."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, count_blocks
from pipeline.simulate.writers.lines import Pulse, edges

HEADER_BYTES = 16384
RECORD = 512
#: +-1 mV over 16 bits
UV_PER_BIT = 1000 / 32768


def write_neuralynx(
    folder: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    channels: Sequence[str],
    start_us: int = 0,
    pulses: Sequence[Pulse] | None = None,
    port: int = 0,
    inverted: bool = False,
    gap: tuple[int, int] | None = None,
) -> Path:
    """Write ``<channel>.ncs`` for each channel and, with pulses, ``Events.nev``.

    Layout: Neuralynx "Data file formats": a header of 16 KiB text; records of 512 samples with
    their time in microseconds; event records of 184 bytes.

    Parameters
    ----------
    folder : path
        Made if absent.
    signals_uv : numpy.ndarray
        (time, channel) microvolts, within +-1000.
    rate_hz : float
        Samples per second.
    channels : sequence of str
        (channel,) names.
    start_us : int
        Time of the first sample on the rig's clock.
    pulses : sequence of (line, on, off), optional
        Lines 0 to 15 of the TTL word, in samples from the first.
    port : int
        Port of board 0 that the pulses came in at.
    inverted : bool
        Whether counts are written upside down, with InputInverted True in the header.
    gap : tuple of int, optional
        (record, microseconds): records from this one on come later.

    Returns
    -------
    pathlib.Path
        ``folder``.

    Raises
    ------
    InputError
        Signals that do not fit names, rate or the converter.
    """
    signals = checked_signals(signals_uv, channels, rate_hz)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts = np.vstack([c for _, c in count_blocks(signals, channels, uv_per_bit=UV_PER_BIT)])
    for index, name in enumerate(channels):
        column = -counts[:, index].astype(np.int32) if inverted else counts[:, index]
        records = []
        for number, first in enumerate(range(0, len(column), RECORD)):
            samples = column[first : first + RECORD].astype("<i2")
            late = gap[1] if gap and number >= gap[0] else 0
            time = start_us + round(first / rate_hz * 1e6) + late
            head = struct.pack("<QIII", time, index, round(rate_hz), len(samples))
            records.append(head + samples.tobytes().ljust(2 * RECORD, b"\0"))
        header = _header(f"{name}.ncs", "CSC", index, name, rate_hz, inverted)
        (folder / f"{name}.ncs").write_bytes(header + b"".join(records))
    if pulses is not None:
        _write_events(folder / "Events.nev", pulses, len(signals), rate_hz, start_us, port)
    return folder


def _header(file: str, kind: str, index: int, name: str, rate_hz: float, inverted: bool) -> bytes:
    lines = [
        "######## Neuralynx Data File Header",
        f'-OriginalFileName "C:\\CheetahData\\2024-06-12_09-00-00\\{file}"',
        "-TimeCreated 2024/06/12 09:00:00",
        "-TimeClosed 2024/06/12 10:00:00",
        f"-FileType {kind}",
        "-FileVersion 3.4",
        f"-RecordSize {1044 if kind == 'CSC' else 184}",
        '-ApplicationName Cheetah "6.3.2"',
        "-HardwareSubSystemName AcqSystem1",
        "-HardwareSubSystemType DigitalLynxSX",
    ]
    if kind == "CSC":
        lines += [
            f"-SamplingFrequency {rate_hz:g}",
            "-ADMaxValue 32767",
            f"-ADBitVolts {UV_PER_BIT * 1e-6:.24f}",
            f"-AcqEntName {name}",
            "-NumADChannels 1",
            f"-ADChannel {index}",
            "-InputRange 1000",
            f"-InputInverted {inverted}",
            "-DSPLowCutFilterEnabled True",
            "-DspLowCutFrequency 0.1",
            "-DspLowCutNumTaps 0",
            '-DspLowCutFilterType "DCO"',
            "-DSPHighCutFilterEnabled True",
            "-DspHighCutFrequency 500",
            "-DspHighCutNumTaps 128",
            '-DspHighCutFilterType "FIR"',
            '-DspDelayCompensation "Enabled"',
            "-DspFilterDelay_us 0",
        ]
    return "\r\n".join(lines).encode("latin-1").ljust(HEADER_BYTES, b"\0")


def _write_events(
    file: Path,
    pulses: Sequence[Pulse],
    samples: int,
    rate_hz: float,
    start_us: int,
    port: int,
) -> None:
    word = sum(1 << line for line, on, _ in pulses if on == 0)
    records = [_event(start_us, 19, word, "Starting Recording")]
    listed = edges(pulses, samples=samples, lines=range(16))
    for index, (sample, line, _) in enumerate(listed):
        word ^= 1 << line
        if index + 1 < len(listed) and listed[index + 1][0] == sample:
            continue
        text = f"TTL Input on AcqSystem1_0 board 0 port {port} value (0x{word:04X})."
        records.append(_event(start_us + round(sample / rate_hz * 1e6), 11, word, text))
    end = start_us + round(samples / rate_hz * 1e6)
    records.append(_event(end, 19, word, "Stopping Recording"))
    file.write_bytes(_header(file.name, "Event", 0, "Events", 0, False) + b"".join(records))


def _event(time_us: int, number: int, word: int, text: str) -> bytes:
    head = struct.pack("<hhhQhHhhh", 0, 0, 2, time_us, number, word, 0, 0, 0)
    return head + struct.pack("<8i128s", *[0] * 8, text.encode())
