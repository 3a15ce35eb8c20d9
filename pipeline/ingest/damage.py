"""Damage that the readers' libraries pass over: truncated files, missing metadata, gaps.

neo takes the length of a SpikeGLX or Open Ephys file from its size and never compares it with what
the metadata say, so half a recording would be analysed as if it were whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.ingest.files import recording_files, spikeglx_pairs

TRUNCATED = "truncated: the copy or the recording did not finish"


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
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{structure}: found no readable description of the streams ({error}); {TRUNCATED}"
            ) from error
        for stream in streams:
            folder = structure.parent / "continuous" / stream["folder_name"]
            # Labs delete the wide-band stream once it is sorted; the reader passes over it too.
            if folder.is_dir():
                _check_openephys_stream(folder, stream)


def _check_openephys_stream(folder: Path, stream: dict[str, Any]) -> None:
    import numpy as np

    data, numbers = folder / "continuous.dat", folder / "sample_numbers.npy"
    if not numbers.is_file():
        # Before GUI 0.6 the sample numbers were called timestamps; later ones hold seconds.
        numbers = folder / "timestamps.npy"
    for file in (data, numbers):
        if not file.is_file():
            raise InputError(f"{file}: not found; copy the whole folder of the recording")
    frame = 2 * len(stream["channels"])
    samples, rest = divmod(data.stat().st_size, frame)
    try:
        clock = np.load(numbers, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{numbers}: cannot be read ({error}); {TRUNCATED}") from error
    if clock.dtype.kind not in "iu":
        raise InputError(
            f"{numbers}: found {clock.dtype} numbers; expected whole sample numbers: "
            "sample_numbers.npy was not copied"
        )
    if rest or samples != len(clock):
        raise InputError(
            f"{data}: found {samples} samples of {len(stream['channels'])} channels and {rest} "
            f"bytes; expected {len(clock)} as in {numbers.name}; {TRUNCATED}"
        )
    if samples and int(clock[-1]) - int(clock[0]) + 1 != samples:
        raise InputError(
            f"{numbers}: found numbers {int(clock[0])} to {int(clock[-1])} for {samples} samples; "
            "expected one after the other: samples were lost while recording, or acquisition was "
            "paused"
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
        declared = _spikeglx_entry(meta, "fileSizeBytes")
        size = binary.stat().st_size
        if str(size) != declared:
            raise InputError(
                f"{binary}: found {size} bytes; expected {declared} as in {meta.name} "
                f"(fileSizeBytes); {TRUNCATED}"
            )


def _spikeglx_entry(meta: Path, key: str) -> str:
    for line in meta.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip()
    raise InputError(f"{meta}: found no {key}; {TRUNCATED}")
