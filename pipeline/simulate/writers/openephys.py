"""Open Ephys binary format, as the GUI has written it since version 0.6."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, write_counts

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
        "events": [],
        "spikes": [],
    }
    text = json.dumps(structure, indent=4) + "\n"
    (recording / "structure.oebin").write_text(text, encoding="utf-8", newline="\n")
    return folder
