"""Damage that the readers' libraries pass over: truncated files, missing metadata, gaps.

neo takes the length of a SpikeGLX or Open Ephys file from its size and never compares it with what
the metadata say, so half a recording would be analysed as if it were whole.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.files import recording_files, spikeglx_pairs

if TYPE_CHECKING:
    import numpy as np

TRUNCATED = "truncated: the copy or the recording did not finish"
#: folders of one Open Ephys session
_OF_SESSION = ("Record Node", "experiment", "recording")


def refuse_several_openephys(path: Path) -> None:
    """Refuse a folder above several Open Ephys sessions: the reader would take one of them.

    Parameters
    ----------
    path : pathlib.Path
        As the table names it; a session's folder may hold several record nodes and recordings.

    Raises
    ------
    InputError
        That names the sessions found.
    """
    below = (file.relative_to(path).parts[:-1] for file in path.rglob("structure.oebin"))
    tops = {parts[0] for parts in below if len(parts) > 2 and not parts[0].startswith(_OF_SESSION)}
    if len(tops) > 1:
        raise InputError(
            f"{path}: found Open Ephys sessions in {', '.join(sorted(tops))}; expected one: name "
            "its own folder"
        )


def check_openephys(path: Path) -> None:
    """Refuse Open Ephys recordings with missing, truncated or interrupted streams.

    Parameters
    ----------
    path : pathlib.Path
        Any folder of the recording, or its ``structure.oebin``.

    Raises
    ------
    InputError
        Broken ``structure.oebin``; a stream without samples or sample numbers; samples that do not
        fill whole frames or do not match the sample numbers; sample numbers with gaps.
    """
    structures = [
        file for file in recording_files(path, "openephys") if file.name == "structure.oebin"
    ]
    if not structures:
        raise InputError(f"{path}: found no structure.oebin; expected an Open Ephys binary folder")
    for structure in structures:
        try:
            streams = json.loads(structure.read_text(encoding="utf-8"))["continuous"]
            folders = [str(stream["folder_name"]) for stream in streams]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{structure}: found no readable description of the streams ({error}); {TRUNCATED}"
            ) from error
        outside = [name for name in folders if ".." in Path(name).parts or Path(name).is_absolute()]
        if outside:
            raise InputError(
                f"{structure}: folder_name: found '{outside[0]}'; expected a folder beside this "
                "file: nothing outside the recording is read"
            )
        for name, stream in zip(folders, streams, strict=True):
            folder = structure.parent / "continuous" / name
            # Labs delete the wide-band stream once it is sorted; the reader passes over it too.
            if folder.is_dir():
                _check_openephys_stream(folder, stream)


def _check_openephys_stream(folder: Path, stream: dict[str, Any]) -> None:
    data, numbers = folder / "continuous.dat", sample_numbers_file(folder)
    for file in (data, numbers):
        if not file.is_file():
            raise InputError(f"{file}: not found; copy the whole folder of the recording")
    frame = 2 * len(stream["channels"])
    samples, rest = divmod(data.stat().st_size, frame)
    clock = load_numbers(numbers)
    if rest or samples != len(clock):
        raise InputError(
            f"{data}: found {samples} samples of {len(stream['channels'])} channels and {rest} "
            f"bytes; expected {len(clock)} as in {numbers.name}; {TRUNCATED}"
        )
    if samples:
        refuse_gaps(lambda index: int(clock[index]), samples, step=1, place=f"{numbers}: sample")


def sample_numbers_file(folder: Path) -> Path:
    """Return the file of sample numbers in an Open Ephys folder of signals or events.

    Before GUI 0.6 the sample numbers were called timestamps; later ones hold seconds.
    """
    numbers = folder / "sample_numbers.npy"
    return numbers if numbers.is_file() else folder / "timestamps.npy"


def load_numbers(file: Path, *, whole: bool = True) -> np.ndarray:
    """Open a ``.npy`` file of numbers without reading it whole.

    Parameters
    ----------
    file : pathlib.Path
        One-dimensional array.
    whole : bool
        Whether only whole numbers will do (sample numbers, states).

    Raises
    ------
    InputError
        Missing, broken or pickled; other numbers than expected.
    """
    import numpy as np

    if not file.is_file():
        raise InputError(f"{file}: not found; copy the whole folder of the recording")
    try:
        numbers = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        objects = "Python objects" in str(error) or "pickle" in str(error)
        likely = "pickles are never loaded: expected an array of numbers" if objects else TRUNCATED
        raise InputError(f"{file}: cannot be read ({error}); {likely}") from error
    if numbers.ndim != 1 or numbers.dtype.kind not in ("iu" if whole else "iuf"):
        raise InputError(
            f"{file}: found {numbers.dtype} numbers of shape {numbers.shape}; expected "
            + (
                "whole sample numbers: sample_numbers.npy was not copied"
                if whole
                else "one number per entry"
            )
        )
    return numbers


#: places at which a long list of sample numbers is looked at
_PLACES = 1000


def refuse_gaps(number_at: Callable[[int], int], count: int, *, step: int, place: str) -> None:
    """Refuse numbers that do not grow evenly, without reading all of them.

    The last number, and a thousand others, must be the first plus what lies between: any sample
    lost, any pause and any restart of the clock shows from there on. The first wrong one is then
    looked for between two places.

    Parameters
    ----------
    number_at : callable
        From an index to the sample number there.
    count : int
        Numbers in all.
    step : int
        Expected distance of one to the next.
    place : str
        File and what the index counts, for the message.

    Raises
    ------
    InputError
        Numbers that jump or run backwards.
    """
    first = number_at(0)
    good = 0
    for part in range(1, _PLACES + 1):
        index = (count - 1) * part // _PLACES
        if number_at(index) == first + index * step:
            good = index
            continue
        while index - good > 1:
            middle = (good + index) // 2
            if number_at(middle) == first + middle * step:
                good = middle
            else:
                index = middle
        raise InputError(
            f"{place} {index}: found number {number_at(index)}; expected {first + index * step}, "
            f"one after the other from {first} on: samples were lost, recording was paused or its "
            "clock restarted; export the pieces as recordings of their own and list them in the "
            "recordings table with starts_at_s"
        )


def check_spikeglx(folder: Path) -> None:
    """Refuse SpikeGLX streams without their other half, or of another length than declared.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the run.

    Raises
    ------
    InputError
        A ``.bin`` without ``.meta`` or the reverse; a size that is not ``fileSizeBytes``.
    """
    pairs = spikeglx_pairs(folder)
    if not pairs:
        raise InputError(f"{folder}: found no *.ap, *.lf or *.nidq .bin and .meta files")
    for binary, meta in pairs:
        for file, other in ((binary, meta), (meta, binary)):
            if not file.is_file():
                raise InputError(f"{file}: not found beside {other.name}; copy both")
        declared = spikeglx_meta(meta)["fileSizeBytes"]
        size = binary.stat().st_size
        if str(size) != declared:
            raise InputError(
                f"{binary}: found {size} bytes; expected {declared} as in {meta.name} "
                f"(fileSizeBytes); {TRUNCATED}"
            )


def spikeglx_meta(file: Path) -> dict[str, str]:
    """Return the entries of a SpikeGLX ``.meta`` file.

    Raises
    ------
    InputError
        When ``fileSizeBytes`` or ``nSavedChans`` is not among them.
    """
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = {
        name: value.strip() for name, sign, value in (line.partition("=") for line in lines) if sign
    }
    for key in ("fileSizeBytes", "nSavedChans"):
        if key not in entries:
            raise InputError(f"{file}: found no {key}; {TRUNCATED}")
    return entries


def check_blackrock(file: Path) -> None:
    """Refuse NSx files that end within a data packet.

    neo notices that only when the missing samples are read.

    Parameters
    ----------
    file : pathlib.Path
        ``.ns1`` to ``.ns6``, specification 2.1 to 3.0.

    Raises
    ------
    InputError
        A header that is no NSx header or ends early; data that end before the packet does.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(314)
        kind = head[:8]
        if kind == b"NEURALSG" and len(head) >= 32:
            (channels,) = struct.unpack_from("<I", head, 28)
            if (size - 32 - 4 * channels) % max(2 * channels, 1):
                raise InputError(f"{file}: found no whole number of samples; {TRUNCATED}")
            return
        if kind not in (b"NEURALCD", b"BRSMPGRP") or len(head) < 314:
            raise InputError(
                f"{file}: found no NSx identifier and header; expected a Blackrock recording: "
                f"{TRUNCATED}, or another kind of file has this name"
            )
        (place,) = struct.unpack_from("<I", head, 10)
        (resolution,) = struct.unpack_from("<I", head, 290)
        (channels,) = struct.unpack_from("<I", head, 310)
        packet = struct.Struct("<BQI" if kind == b"BRSMPGRP" else "<BII")
        if kind == b"BRSMPGRP" and resolution == 1_000_000_000:
            # Precise time protocol: one sample per packet.
            if (size - place) % (packet.size + 2 * channels):
                raise InputError(f"{file}: found no whole number of packets; {TRUNCATED}")
            return
        while place < size:
            stream.seek(place)
            data = stream.read(packet.size)
            samples = packet.unpack(data)[2] if len(data) == packet.size else 0
            end = place + packet.size + 2 * channels * samples
            if len(data) < packet.size or end > size:
                raise InputError(
                    f"{file}: data packet at byte {place}: found {size - place} bytes; expected "
                    f"{end - place} for {samples} samples of {channels} channels; {TRUNCATED}"
                )
            place = end
