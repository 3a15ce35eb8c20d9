"""BDF and BrainVision recordings, read lazily through mne."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.edf_header import read_annotations, read_edf_header
from pipeline.ingest.files import LAYOUTS
from pipeline.ingest.openers_rigs import one_file
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    import numpy as np
    from mne.io import BaseRaw
    from spikeinterface import BaseRecording

#: bytes per value of BrainVision's binary formats
_WIDTHS = {"INT_16": 2, "UINT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


def open_bdf(path: Path, stream: str | None) -> BaseRecording:
    """Open the channels of one rate of a BDF file; streams are the rates ("2048 Hz").

    Raises
    ------
    InputError
        Two channels of one name, no voltage, gaps (BDF+D), a size that is not what the header
        says.
    """
    import mne

    file = one_file(path, "bdf")
    header = read_edf_header(file)
    if header.width != 3:
        raise InputError(f"{file}: found an EDF file; rename it to .edf, or set recording_format")
    # This refuses gaps.
    read_annotations(header)
    signals = [signal for signal in header.signals if not (signal.annotations or signal.status)]
    labels = [signal.label for signal in signals]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise InputError(f"{file}: found several channels called {', '.join(repeated)}")
    rates = list(dict.fromkeys(header.rate_hz(signal) for signal in signals))
    names = [f"{rate:g} Hz" for rate in rates]
    name = pick_stream(names, wanted=stream, file=file)
    rate = rates[names.index(name)]
    voltage, left_out = [], {}
    for signal in (signal for signal in signals if header.rate_hz(signal) == rate):
        if signal.uv_per_unit is None:
            left_out[signal.label] = signal.unit or "no unit"
        else:
            voltage.append(signal.label)
    if not voltage:
        raise InputError(f"{file}: found channels in {', '.join(left_out.values())}; expected uV")
    raw = mne.io.read_raw_bdf(
        file, include=voltage, stim_channel=None, preload=False, verbose="error"
    )
    recording = _wrap(raw, voltage)
    recording.annotate(stream=name, left_out=left_out)
    return recording


def open_brainvision(path: Path, stream: str | None) -> BaseRecording:
    """Open a BrainVision recording: ``.vhdr`` with its ``.vmrk`` and ``.eeg``.

    Raises
    ------
    InputError
        A data file that is missing, lies elsewhere, or has another size than the header says;
        recording that was paused.
    """
    import mne

    file = brainvision_header(path)
    _check_brainvision(file)
    raw = mne.io.read_raw_brainvision(file, preload=False, verbose="error")
    late = [
        onset
        for onset, said in zip(raw.annotations.onset, raw.annotations.description, strict=True)
        if said.startswith("New Segment") and onset > 0
    ]
    if late:
        raise InputError(
            f"{file}: found a new segment {late[0]:.3f} s after the first sample; expected one "
            "recording without gaps: recording was paused; export each segment as a file of its "
            "own and list them in the recordings table with starts_at_s"
        )
    volts = 107  # FIFF_UNIT_V
    voltage = [c["ch_name"] for c in raw.info["chs"] if int(c["unit"]) == volts]
    left_out = {name: "no voltage" for name in raw.ch_names if name not in voltage}
    if not voltage:
        raise InputError(f"{file}: found no channel in volts")
    name = pick_stream([f"{raw.info['sfreq']:g} Hz"], wanted=stream, file=file)
    recording = _wrap(raw, voltage)
    recording.annotate(stream=name, left_out=left_out)
    return recording


def brainvision_header(path: Path) -> Path:
    """Return the only ``.vhdr`` file of a recording."""
    files = [f for f in LAYOUTS["brainvision"].files(path) if f.suffix.casefold() == ".vhdr"]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise InputError(f"{path}: found {names}; expected one *.vhdr: name it")
    return files[0]


def brainvision_entry(text: str, key: str) -> str | None:
    """Return the value of ``key=`` in a BrainVision header."""
    match = re.search(rf"^\s*{key}\s*=\s*(.*?)\s*$", text, flags=re.M | re.I)
    return match.group(1) if match else None


def _check_brainvision(file: Path) -> None:
    text = file.read_text(encoding="utf-8", errors="replace")
    for key, needed in (("DataFile", True), ("MarkerFile", False)):
        named = brainvision_entry(text, key)
        named = named.replace("$b", file.stem) if named else named
        if not named:
            if needed:
                raise InputError(f"{file}: found no {key}= in the header; {TRUNCATED}")
            continue
        if Path(named).name != named or "\\" in named:
            raise InputError(
                f"{file}: {key}: found '{named}'; expected a file beside the header: give only its "
                "name"
            )
        if not (file.parent / named).is_file():
            raise InputError(
                f"{file.parent / named}: not found, but named in {file.name}; copy all files of "
                "the recording, and keep their names"
            )
    data = file.parent / (brainvision_entry(text, "DataFile") or "").replace("$b", file.stem)
    channels = brainvision_entry(text, "NumberOfChannels")
    width = _WIDTHS.get((brainvision_entry(text, "BinaryFormat") or "").upper())
    if not channels or not channels.isdigit() or width is None:
        return  # text data, or a header that mne refuses
    points, rest = divmod(data.stat().st_size, int(channels) * width)
    declared = brainvision_entry(text, "DataPoints")
    if rest or (declared and declared.isdigit() and int(declared) not in (0, points)):
        raise InputError(
            f"{data}: found {points} samples of {channels} channels and {rest} bytes; expected "
            f"{declared or 'whole samples'} as in {file.name}; {TRUNCATED}"
        )


def _wrap(raw: BaseRaw, channels: Sequence[str]) -> BaseRecording:
    """Return a recording in microvolts around an mne object that reads from its file."""
    import numpy as np

    from pipeline.ingest.lazy import LazyRecording

    picks = [raw.ch_names.index(channel) for channel in channels]

    def read(start: int, end: int) -> np.ndarray:
        if start >= end:
            return np.zeros((0, len(picks)))
        return raw.get_data(picks=picks, start=start, stop=end).T * 1e6

    return LazyRecording(
        read,
        samples=raw.n_times,
        rate_hz=float(raw.info["sfreq"]),
        channels=channels,
        dtype="float64",
    )
