"""Intan RHD and RHS files, as the RHX software writes them (version 3; 128 samples per block)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.writers.counts import checked_signals, count_blocks
from pipeline.simulate.writers.lines import Pulse, digital_words

MAGIC = {"rhd": 0xC6912702, "rhs": 0xD69127AC}
UV_PER_BIT = 0.195
BLOCK = 128
#: +-10.24 V over 16 bits, as both families have it today
ADC_UV_PER_BIT = 312.5
LAYOUTS = ("one file", "file per type", "file per channel")


def write_intan(
    path: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    channels: Sequence[str],
    pulses: Sequence[Pulse] = (),
    lines: Sequence[int] = range(16),
    start_sample: int = 0,
    layout: str = "one file",
    analog_uv: np.ndarray | None = None,
) -> Path:
    """Write an Intan recording; the path's suffix, ``.rhd`` or ``.rhs``, is its family.

    Layout of the header and of the data blocks: Intan, "RHD2000 data file formats" and "RHS2000
    data file formats". RHD files of the layout ``one file`` hold auxiliary inputs and a supply
    voltage too, RHS files a stimulation word per channel, because a reader must step over them.

    Parameters
    ----------
    path : path
        File to write; in the layouts with ``.dat`` files its name is ``info.rhd`` or ``info.rhs``.
    signals_uv : numpy.ndarray
        (time, channel) microvolts; whole blocks of 128 samples for ``one file``.
    rate_hz : float
        Samples per second.
    channels : sequence of str
        (channel,) custom names; native names are A-000, A-001 ...
    pulses : sequence of (line, on, off)
        Of the digital inputs, in samples from the first.
    lines : sequence of int
        Digital inputs that were enabled: DIGITAL-IN-00 is bit 0.
    start_sample : int
        First time stamp.
    layout : {"one file", "file per type", "file per channel"}
        As in the software.
    analog_uv : numpy.ndarray, optional
        (time, channel) microvolts at the analog inputs.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        Signals that do not fit names, rate, the converter or whole blocks.
    """
    path = Path(path)
    kind = path.suffix[1:]
    signals = checked_signals(signals_uv, channels, rate_hz)
    if layout == LAYOUTS[0] and len(signals) % BLOCK:
        raise InputError(f"{path}: found {len(signals)} samples; expected whole blocks of {BLOCK}")
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = np.vstack([c for _, c in count_blocks(signals, channels, uv_per_bit=UV_PER_BIT)])
    analog = np.zeros((len(signals), 0)) if analog_uv is None else np.asarray(analog_uv)
    names = [f"ANALOG-IN-{index}" for index in range(analog.shape[1])]
    adc = np.zeros((len(signals), 0), dtype=np.int16)
    if names:
        adc = np.vstack([c for _, c in count_blocks(analog, names, uv_per_bit=ADC_UV_PER_BIT)])
    words = digital_words(pulses, samples=len(signals)).astype("<u2")
    header = _header(kind, rate_hz, channels, names, lines, auxiliary=layout == LAYOUTS[0])
    times = np.arange(start_sample, start_sample + len(signals), dtype="<i4")
    if layout == LAYOUTS[0]:
        blocks = _blocks(kind, times, counts, adc, words if len(lines) else None)
        path.write_bytes(header + blocks)
        return path
    path.write_bytes(header)
    times.tofile(path.parent / "time.dat")
    _flat(path.parent, layout, counts, adc, words, lines)
    if kind == "rhs" and layout == "file per type":
        np.zeros(counts.shape, dtype="<u2").tofile(path.parent / "stim.dat")
    return path


def _unsigned(counts: np.ndarray) -> np.ndarray:
    return (counts.astype(np.int32) + 32768).astype("<u2")


def _blocks(
    kind: str,
    times: np.ndarray,
    counts: np.ndarray,
    adc: np.ndarray,
    words: np.ndarray | None,
) -> bytes:
    """Return data blocks: of each signal 128 samples of one channel after the other."""

    number = len(times) // BLOCK

    def by_channel(columns: np.ndarray) -> np.ndarray:
        blocks = columns.reshape(number, BLOCK, columns.shape[1]).transpose(0, 2, 1)
        return blocks.reshape(number, BLOCK * columns.shape[1])

    stamps = times.view("<u2").reshape(number, 2 * BLOCK)
    parts = [stamps, by_channel(_unsigned(counts))]
    if kind == "rhd":
        # three auxiliary inputs at a quarter of the rate, one supply voltage per block
        parts += [np.full((number, 3 * BLOCK // 4), 7), np.full((number, 1), 9)]
    else:
        parts.append(np.full((number, counts.shape[1] * BLOCK), 5))
    parts.append(by_channel(_unsigned(adc)))
    if words is not None:
        parts.append(words.reshape(number, BLOCK))
    return np.hstack(parts).astype("<u2").tobytes()


def _flat(
    folder: Path,
    layout: str,
    counts: np.ndarray,
    adc: np.ndarray,
    words: np.ndarray,
    lines: Sequence[int],
) -> None:
    if layout == "file per type":
        counts.astype("<i2").tofile(folder / "amplifier.dat")
        if adc.shape[1]:
            _unsigned(adc).tofile(folder / "analogin.dat")
        words.tofile(folder / "digitalin.dat")
        return
    for index in range(counts.shape[1]):
        counts[:, index].astype("<i2").tofile(folder / f"amp-A-{index:03d}.dat")
    for index in range(adc.shape[1]):
        _unsigned(adc[:, index]).tofile(folder / f"board-ANALOG-IN-{index}.dat")
    for line in lines:
        (words >> line & 1).astype("<u2").tofile(folder / f"board-DIGITAL-IN-{line:02d}.dat")


def _text(value: str) -> bytes:
    encoded = value.encode("utf-16-le")
    return struct.pack("<I", len(encoded)) + encoded


def _header(
    kind: str,
    rate_hz: float,
    channels: Sequence[str],
    analog: Sequence[str],
    lines: Sequence[int],
    *,
    auxiliary: bool,
) -> bytes:
    rhd = kind == "rhd"
    head = struct.pack("<IhhfH", MAGIC[kind], 3, 1, rate_hz, 1)
    head += (
        struct.pack("<6f", 1, 0.1, 7500, 1, 0.1, 7500) if rhd else struct.pack("<8f", *[1.0] * 8)
    )
    head += struct.pack("<hff", 0, 1000, 1000)
    if not rhd:
        head += struct.pack("<hhfff", 0, 0, 1e-6, 1e-9, 0)
    head += _text("") * 3
    # RHD: temperature sensors, board mode; RHS: DC amplifiers saved, board mode
    head += struct.pack("<hh", 0, 13) + _text("n/a")
    digital = 4 if rhd else 5
    groups = [
        [(f"A-{index:03d}", name, index, 0) for index, name in enumerate(channels)],
        [(name, name, index, 3) for index, name in enumerate(analog)],
        [(f"DIGITAL-IN-{line:02d}", f"DIGITAL-IN-{line:02d}", line, digital) for line in lines],
    ]
    if rhd and auxiliary:
        groups[0] += [(f"A-AUX{index}", f"A-AUX{index}", index, 1) for index in (1, 2, 3)]
        groups[0] += [("A-VDD1", "A-VDD1", 0, 2)]
    head += struct.pack("<h", len(groups))
    for group, items in zip(("Port A", "Analog", "Digital"), groups, strict=True):
        amplifiers = sum(signal == 0 for *_, signal in items)
        head += _text(group) + _text(group[0])
        head += struct.pack("<hhh", bool(items), len(items), amplifiers)
        for native, custom, order, signal in items:
            head += _text(native) + _text(custom)
            head += struct.pack("<hhhh", order, order, signal, 1)
            head += struct.pack("<hhhhhh" if rhd else "<hhhhhhh", *[0] * (6 if rhd else 7))
            head += struct.pack("<ff", 0, 0)
    return head
