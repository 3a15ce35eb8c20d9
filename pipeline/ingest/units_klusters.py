"""Sortings of Klusters and Neuroscope: ``.clu.<group>`` and ``.res.<group>`` of each shank.

Cluster 0 holds artefacts, 1 what was not sorted; both are left out. Waveforms come from
``.spk.<group>``, rate and channels from the ``.xml``.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.units_form import MICROVOLTS, SortedUnits, rows_by_label, shape_of, stacked
from pipeline.ingest.units_layouts import klusters_groups

_LEFT_OUT = (0, 1)


def read_klusters(path: Path) -> SortedUnits:
    """Read all groups of a recording: units ``2:5`` of group and cluster."""
    from pipeline.ingest.neuroscope import read_session

    groups = klusters_groups(path)
    first = next(iter(groups.values()))[0]
    header = first.with_name(f"{first.name.rsplit('.clu.', 1)[0]}.xml")
    if not header.is_file():
        raise InputError(f"{header}: not found; Neuroscope's .xml gives the sampling rate")
    session = read_session(header)
    if "dat" not in session.rates_hz:
        raise InputError(f"{header}: found no sampling rate of the .dat; expected samplingRate")
    wires = _spike_groups(header)
    names, times, shapes, places = [], [], [], []
    for group, (clu, res) in groups.items():
        labels, samples = _numbers(clu), _numbers(res)
        labels = labels[1:]  # the first line counts the clusters
        if len(labels) != len(samples):
            raise InputError(
                f"{clu}: found {len(labels)} spikes; expected {len(samples)} as in {res.name}: the "
                "two files are of different sortings"
            )
        stored = _stored(
            clu.with_name(clu.name.replace(".clu.", ".spk.")), wires.get(group), len(labels)
        )
        for cluster, mine in zip(*rows_by_label(labels), strict=True):
            if cluster in _LEFT_OUT:
                continue
            names.append(f"{group}:{cluster}")
            times.append(samples[mine] / session.rates_hz["dat"])
            shape = None
            if stored is not None:
                shape = shape_of(stored, mine, np.full(stored.shape[2], session.gain_uv))
            shapes.append(shape)
            places.append(-1 if shape is None else wires[group][1][shape.wire])
    if not names:
        raise InputError(
            f"{path}: found no sorted cluster: all spikes are of clusters 0 (artefacts) and 1 (not "
            "sorted)"
        )
    known = any(shape is not None for shape in shapes)
    unknown = np.empty(0, dtype=np.float32)
    return SortedUnits(
        unit_id=tuple(names),
        region=("",) * len(names),
        quality=("",) * len(names),
        spike_times=tuple(times),
        channel=("",) * len(names),
        position=tuple(places) if known else (),
        n_channels=session.channels,
        amplitude=tuple(
            np.full(len(train), np.nan, np.float32) if shape is None else shape.sizes
            for train, shape in zip(times, shapes, strict=True)
        )
        if known
        else (),
        amplitude_units=MICROVOLTS,
        waveform=stacked([unknown if shape is None else shape.mean for shape in shapes])
        if known
        else None,
        waveform_rate_hz=session.rates_hz["dat"],
        waveform_units=MICROVOLTS,
        sample_rate_hz=session.rates_hz["dat"],
    )


def _numbers(file: Path) -> np.ndarray:
    if not file.is_file():
        raise InputError(f"{file}: not found; each .clu file has a .res file, and the reverse")
    try:
        words = file.read_text(encoding="ascii").split()
        return np.array(words, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{file}: found something else than whole numbers ({error})") from error


def _spike_groups(header: Path) -> dict[int, tuple[int, list[int]]]:
    """Return samples per waveform and channels of each group, counted from 1."""
    # read_session has refused what is no XML and what has entities
    root = ElementTree.fromstring(header.read_text(encoding="utf-8", errors="replace"))
    found = {}
    for number, group in enumerate(root.findall("spikeDetection/channelGroups/group"), start=1):
        words = [channel.text or "" for channel in group.findall("channels/channel")]
        samples = group.findtext("nSamples", default="").strip()
        if samples.isdecimal() and words and all(word.strip().isdecimal() for word in words):
            found[number] = int(samples), [int(word) for word in words]
    return found


def _stored(file: Path, group: tuple[int, list[int]] | None, number: int) -> np.ndarray | None:
    """Open the waveforms (spike, sample, channel); None where there are none."""
    if group is None or not file.is_file() or not number:
        return None
    shape = number, group[0], len(group[1])
    if file.stat().st_size != 2 * int(np.prod(shape)):
        raise InputError(
            f"{file}: found {file.stat().st_size} bytes; expected {2 * int(np.prod(shape))} for "
            f"{number} spikes of {shape[1]} samples on {shape[2]} channels; {TRUNCATED}"
        )
    return np.memmap(file, dtype="<i2", mode="r", shape=shape)
