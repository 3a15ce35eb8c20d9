"""Openers of acquisition systems with files of their own: Intan, Blackrock, Neuralynx, Plexon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import check_blackrock
from pipeline.ingest.files import LAYOUTS
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    from spikeinterface import BaseRecording


def through_neo(
    extractor: str, path: Path, stream: str | None, *, folder: bool, **options: object
) -> BaseRecording:
    """Open one stream with a SpikeInterface class that stands on neo.

    Parameters
    ----------
    extractor : str
        Name of the class.
    path : pathlib.Path
        File or folder.
    stream : str or None
        As the config asks for.
    folder : bool
        Whether the class takes a folder.
    **options
        Further arguments of the class.
    """
    from spikeinterface.extractors import neoextractors

    reader = getattr(neoextractors, extractor)
    name = pick_stream(reader.get_streams(path)[0], wanted=stream, file=path)
    place = {"folder_path" if folder else "file_path": path}
    recording = reader(**place, stream_name=name, **options)
    recording.annotate(stream=name)
    return recording


def one_file(path: Path, format: str) -> Path:
    """Return the file itself, or the only file of that format in a folder."""
    files = LAYOUTS[format].files(path) if path.is_dir() else [path]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise InputError(
            f"{path}: found {names}; expected one {LAYOUTS[format].looks_for}: name it"
        )
    return files[0]


def intan_headers(path: Path) -> list[Path]:
    """Return the ``.rhd`` or ``.rhs`` files of a recording: one, or those that the rig split."""
    files = [f for f in LAYOUTS["intan"].files(path) if f.suffix.casefold() in (".rhd", ".rhs")]
    if len(files) > 1 and any(file.stem.casefold() == "info" for file in files):
        raise InputError(
            f"{path}: found {', '.join(file.name for file in files)}; an info file describes .dat "
            "files, the others are recordings of their own: name one file"
        )
    return files


def open_intan(path: Path, stream: str | None) -> BaseRecording:
    """Open Intan files of any layout; files that the rig split by time are joined."""
    from pipeline.ingest.intan import ADC, AMPLIFIER, ANALOG, join_pieces, open_pieces, read_header
    from pipeline.ingest.intan_flat import is_flat, open_flat

    files = intan_headers(path)
    header = read_header(files[0])
    name = pick_stream(header.streams, wanted=stream, file=path)
    if is_flat(files[0]):
        recording = open_flat(header, name)
    else:
        recording = open_pieces(join_pieces(files), name)
    channels = header.channels[ADC if name == ANALOG else AMPLIFIER]
    recording.set_property("channel_name", [custom for _, custom, _ in channels])
    recording.annotate(stream=name)
    return recording


def open_blackrock(path: Path, stream: str | None) -> BaseRecording:
    """Open one stream of a Blackrock recording (nsx2 is the file ``.ns2``)."""
    from spikeinterface.extractors.neoextractors import BlackrockRecordingExtractor

    layout = LAYOUTS["blackrock"].files(path)
    files = [file for file in layout if file.suffix.casefold().startswith(".ns")]
    signals = {f"nsx{file.suffix[-1]}": file for file in files}
    stems = sorted({file.stem for file in files})
    if len(stems) != 1:
        raise InputError(f"{path}: found recordings {', '.join(stems) or 'none'}; name one file")
    if path.is_file() and stream is None:
        stream = f"nsx{path.suffix[-1]}"
    name = pick_stream(sorted(signals), wanted=stream, file=path)
    check_blackrock(signals[name])
    recording = BlackrockRecordingExtractor(signals[name], stream_name=name)
    recording.annotate(stream=name)
    return recording


def open_neuralynx(path: Path, stream: str | None) -> BaseRecording:
    """Open the channels of one rate of a Neuralynx folder."""
    from pipeline.ingest import neuralynx

    return neuralynx.open_neuralynx(path, stream)


def open_plexon(path: Path, stream: str | None) -> BaseRecording:
    """Open the continuous channels of one kind of a Plexon ``.plx`` file."""
    from pipeline.ingest import plexon

    return plexon.open_plexon(path, stream)


def open_tdt(path: Path, stream: str | None) -> BaseRecording:
    """Open one store of a TDT block."""
    from pipeline.ingest import tdt

    return tdt.open_tdt(path, stream)


def open_neuroscope(path: Path, stream: str | None) -> BaseRecording:
    """Open the wide band or the LFP of a Neuroscope recording."""
    from pipeline.ingest import neuroscope

    return neuroscope.open_neuroscope(path, stream)


def open_axona(path: Path, stream: str | None) -> BaseRecording:
    """Open the EEG files of an Axona trial."""
    from pipeline.ingest import axona

    return axona.open_axona(path, stream)
