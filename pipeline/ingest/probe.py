"""Probe files: which channel lies where on which shank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    from spikeinterface import BaseRecording


def add_probe(recording: BaseRecording, file: Path, *, sidecar: Path) -> None:
    """Give channels their shank and place, from a probeinterface JSON file.

    Sets the properties ``shank`` (text; empty for channels that are not on the probe) and
    ``location`` (micrometres; NaN likewise). No channel is dropped or moved.

    Parameters
    ----------
    recording : spikeinterface.BaseRecording
        Changed in place.
    file : pathlib.Path
        Probe file, beside the recording.
    sidecar : pathlib.Path
        Where it is named, for messages.

    Raises
    ------
    InputError
        A path that leaves the recording's folder, no such file, a probe without wiring, or wired
        to channels that the recording does not have.
    """
    import numpy as np
    import probeinterface

    if file.parent.resolve() != sidecar.parent.resolve():
        raise InputError(f"{sidecar}: probe: found a path; expected a file beside {sidecar.name}")
    if not file.is_file():
        raise InputError(f"{file}: not found, but named as probe in {sidecar.name}")
    with reading(file, "probe file", likely="it is no probeinterface JSON file"):
        group = probeinterface.read_probeinterface(file)
    channels = recording.get_num_channels()
    shanks = [""] * channels
    places = np.full((channels, 2), np.nan)
    for number, probe in enumerate(group.probes):
        wiring = probe.device_channel_indices
        if wiring is None:
            raise InputError(
                f"{file}: found a probe without device_channel_indices; expected the channel of "
                "each contact: set the wiring with probeinterface"
            )
        names = probe.shank_ids if probe.shank_ids is not None else [""] * len(wiring)
        for contact, channel in enumerate(int(index) for index in wiring):
            if channel >= channels:
                raise InputError(
                    f"{file}: contact {contact}: found channel {channel}; expected 0 to "
                    f"{channels - 1} as in {sidecar.name}: the probe file is another rig's"
                )
            if channel >= 0:
                shank = str(names[contact])
                shanks[channel] = f"{number}:{shank}" if len(group.probes) > 1 else shank
                places[channel] = probe.contact_positions[contact][:2]
    recording.set_property("shank", shanks)
    recording.set_property("location", places)
