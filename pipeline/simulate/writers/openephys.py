"""Open Ephys binary format, as the GUI has written it since version 0.6."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, write_counts
from pipeline.simulate.writers.lines import Pulse, edges

#: source processor of the made-up rig
PROCESSOR = {"name": "Acquisition Board", "id": 100}
STREAM = "Acquisition_Board-100.acquisition_board"


def write_openephys(
    folder: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: float,
    channels: Sequence[str],
    uv_per_bit: float = 0.195,
    start_sample: int = 0,
    pulses: Sequence[Pulse] = (),
) -> Path:
    """Write one recording of one record node.

    Layout: ``Record Node 101/experiment1/recording1/structure.oebin`` and
    ``continuous/<stream>/`` with ``continuous.dat`` (int16, interleaved), ``sample_numbers.npy``
    (int64) and ``timestamps.npy`` (float64, seconds); Open Ephys GUI documentation, "Binary
    format".

    Parameters
    ----------
    folder : path
        Made if absent; the recording's folder, as a lab would name it in sessions.tsv.
    signals_uv : numpy.ndarray
        (time, channel) microvolts.
    rate_hz : float
        Samples per second.
    channels : sequence of str
        (channel,) names; a name with ADC in it is an analog input for the readers.
    uv_per_bit : float
        Microvolts per count; 0.195 is that of Intan headstages.
    start_sample : int
        Number of the first sample on the rig's clock.
    pulses : sequence of (line, on, off)
        TTL pulses on lines 1 to 16, in samples from the first: written to
        ``events/<stream>/TTL/`` as ``states.npy`` (int16, plus or minus the line),
        ``sample_numbers.npy``, ``timestamps.npy`` and ``full_words.npy`` (uint64, line 1 is bit
        0).

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
    recording = folder / "Record Node 101" / "experiment1" / "recording1"
    stream = recording / "continuous" / STREAM
    stream.mkdir(parents=True, exist_ok=True)
    write_counts(stream / "continuous.dat", signals, channels, uv_per_bit=uv_per_bit)
    numbers = np.arange(start_sample, start_sample + len(signals), dtype=np.int64)
    np.save(stream / "sample_numbers.npy", numbers)
    np.save(stream / "timestamps.npy", numbers / rate_hz)
    structure = {
        "GUI version": "0.6.7",
        "continuous": [
            {
                "folder_name": f"{STREAM}/",
                "sample_rate": rate_hz,
                "source_processor_name": PROCESSOR["name"],
                "source_processor_id": PROCESSOR["id"],
                "stream_name": STREAM.partition(".")[2],
                "recorded_processor": "Record Node",
                "recorded_processor_id": 101,
                "num_channels": len(channels),
                "channels": [
                    {
                        "channel_name": name,
                        "description": "Headstage data channel",
                        "identifier": "genericdata.continuous",
                        "history": f"{PROCESSOR['name']} -> Record Node",
                        "bit_volts": uv_per_bit,
                        "units": "uV",
                    }
                    for name in channels
                ],
            }
        ],
        "events": _write_ttl(recording, pulses, len(signals), start_sample, rate_hz),
        "spikes": [],
    }
    text = json.dumps(structure, indent=4) + "\n"
    (recording / "structure.oebin").write_text(text, encoding="utf-8", newline="\n")
    return folder


def _write_ttl(
    recording: Path, pulses: Sequence[Pulse], samples: int, start_sample: int, rate_hz: float
) -> list[dict[str, object]]:
    """Write the TTL folder and return its entry for structure.oebin; nothing without pulses."""
    if not pulses:
        return []
    folder = recording / "events" / STREAM / "TTL"
    folder.mkdir(parents=True, exist_ok=True)
    word = sum(1 << line - 1 for line, on, _ in pulses if on == 0)
    states, numbers, words = [], [], []
    for sample, line, rising in edges(pulses, samples=samples, lines=range(1, 17)):
        word ^= 1 << line - 1
        states.append(line if rising else -line)
        numbers.append(sample + start_sample)
        words.append(word)
    np.save(folder / "states.npy", np.array(states, dtype=np.int16))
    np.save(folder / "sample_numbers.npy", np.array(numbers, dtype=np.int64))
    np.save(folder / "timestamps.npy", np.array(numbers, dtype=np.int64) / rate_hz)
    np.save(folder / "full_words.npy", np.array(words, dtype=np.uint64))
    return [
        {
            "folder_name": f"{STREAM}/TTL/",
            "channel_name": f"{PROCESSOR['name']} TTL Input",
            "description": "TTL Events coming from the hardware source processor",
            "identifier": "sourceevent",
            "sample_rate": rate_hz,
            "type": "int16",
            "num_channels": 8,
            "source_processor": PROCESSOR["name"],
            "stream_name": STREAM.partition(".")[2],
            "initial_state": sum(1 << line - 1 for line, on, _ in pulses if on == 0),
        }
    ]
