"""One opener per recording format: what each needs, and the likely causes when it fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from pipeline.errors import InputError
from pipeline.experiment.strict import StrictModel
from pipeline.ingest.damage import (
    TRUNCATED,
    check_openephys,
    check_spikeglx,
    refuse_several_openephys,
)
from pipeline.ingest.edf_header import VOLTAGE_UNITS
from pipeline.ingest.files import sidecar
from pipeline.ingest.hdf5 import open_nwb
from pipeline.ingest.openers_rigs import (
    one_file,
    open_axona,
    open_blackrock,
    open_intan,
    open_neuralynx,
    open_neuroscope,
    open_plexon,
    open_tdt,
    through_neo,
)
from pipeline.ingest.probe import add_probe
from pipeline.ingest.streams import pick_stream
from pipeline.ingest.through_mne import open_bdf, open_brainvision

if TYPE_CHECKING:
    import h5py
    from spikeinterface import BaseRecording


@dataclass(frozen=True)
class Opener:
    """How recordings of one format are opened.

    Attributes
    ----------
    label : str
        The format in words.
    open : callable
        From (path, wanted stream or None) to a lazy recording.
    likely : str
        Likely causes when the reader fails.
    """

    label: str
    open: Callable[[Path, str | None], BaseRecording]
    likely: str = f"{TRUNCATED}; or a part of the recording was not copied"


def _openephys(path: Path, stream: str | None) -> BaseRecording:
    refuse_several_openephys(path)
    check_openephys(path)
    folder = path.parent if path.name == "structure.oebin" else path
    from spikeinterface.extractors.neoextractors import OpenEphysBinaryRecordingExtractor as Reader

    experiments = Reader.get_available_experiments(folder)
    if len(experiments) > 1:
        raise InputError(
            f"{path}: found {', '.join(experiments)}; each is a recording of its own: name one of "
            "these folders"
        )
    return through_neo("OpenEphysBinaryRecordingExtractor", folder, stream, folder=True)


def _spikeglx(path: Path, stream: str | None) -> BaseRecording:
    folder = path.parent if path.is_file() else path
    if path.is_file() and stream is None:
        # run_g0_t0.imec0.lf.bin names its own stream
        stream = ".".join(path.name.split(".")[1:-1])
    check_spikeglx(folder)
    with warnings.catch_warnings():
        # Positions of the sites are not used: regions come from the channel table.
        warnings.filterwarnings("ignore", message="Unable to find a corresponding metadata file")
        return through_neo("SpikeGLXRecordingExtractor", folder, stream, folder=True)


def _nwb(path: Path, stream: str | None) -> BaseRecording:
    from spikeinterface.extractors import read_nwb_recording
    from spikeinterface.extractors.nwbextractors import NwbRecordingExtractor

    file = one_file(path, "nwb")
    with open_nwb(file) as nwb:
        series = NwbRecordingExtractor.fetch_available_electrical_series_paths(file)
        name = pick_stream(series, wanted=stream, file=file)
        _refuse_uneven_clock(nwb[name], file)
    recording = read_nwb_recording(file, electrical_series_path=name)
    recording.annotate(stream=name)
    return recording


def _refuse_uneven_clock(series: h5py.Group, file: Path) -> None:
    """Refuse time stamps with gaps; SpikeInterface takes the rate from the first thousand."""
    import numpy as np

    if "timestamps" not in series:
        return
    clock = series["timestamps"]
    first = clock[: min(len(clock), 1000)]
    step = float(np.median(np.diff(first))) if len(first) > 1 else 0.0
    last, expected = float(clock[-1]), float(clock[0]) + step * (len(clock) - 1)
    # A rate of a few hundred ppm off is a clock's drift; more is a gap.
    if not abs(last - expected) <= max(step, 5e-4 * (expected - float(clock[0]))):
        raise InputError(
            f"{file}: {series.name}/timestamps: found the last sample at {last:.3f} s; expected "
            f"{expected:.3f} s from steps of {step * 1000:.4g} ms: samples were lost, or recording "
            "was paused"
        )


def _edf(path: Path, stream: str | None) -> BaseRecording:
    """Open EDF through SpikeInterface, with the gains of the EDF standard.

    neo divides the physical range by the number of digital steps instead of the number of
    intervals between them, which is wrong by up to one bit; gains are set from the header here.
    Streams are the sampling rates.
    """
    import pyedflib
    from spikeinterface.extractors.neoextractors import EDFRecordingExtractor

    file = one_file(path, "edf")
    with pyedflib.EdfReader(str(file)) as edf:
        headers: list[dict[str, Any]] = edf.getSignalHeaders()
    rates = list(dict.fromkeys(header["sample_frequency"] for header in headers))
    names = [f"{rate:g} Hz" for rate in rates]
    name = pick_stream(names, wanted=stream, file=file)
    rate = rates[names.index(name)]
    headers = [header for header in headers if header["sample_frequency"] == rate]
    with warnings.catch_warnings():
        # Channels that hold no voltage are left out below.
        warnings.filterwarnings("ignore", message="Found a mix of voltage and non-voltage units")
        recording = EDFRecordingExtractor(file, stream_id=str(rates.index(rate)))
    scales = [VOLTAGE_UNITS.get(header["dimension"].strip().casefold()) for header in headers]
    gains, offsets = zip(*[_edf_gain(header) for header in headers], strict=True)
    labels = [header["label"].strip() for header in headers]
    voltage = [index for index, scale in enumerate(scales) if scale is not None]
    if not voltage:
        units = sorted({header["dimension"].strip() or "no unit" for header in headers})
        raise InputError(f"{file}: found channels in {', '.join(units)}; expected uV, mV or V")
    recording.set_channel_gains([g * (s or 1.0) for g, s in zip(gains, scales, strict=True)])
    recording.set_channel_offsets([o * (s or 1.0) for o, s in zip(offsets, scales, strict=True)])
    recording.set_property("channel_name", labels)
    recording.annotate(
        stream=name,
        left_out={
            label: header["dimension"].strip() or "no unit"
            for label, header, scale in zip(labels, headers, scales, strict=True)
            if scale is None
        },
    )
    return recording.select_channels(recording.channel_ids[voltage])


def _edf_gain(header: dict[str, float]) -> tuple[float, float]:
    """Return (gain, offset) in physical units (Kemp et al. 1992, the EDF specification)."""
    gain = (header["physical_max"] - header["physical_min"]) / (
        header["digital_max"] - header["digital_min"]
    )
    return gain, header["physical_min"] - header["digital_min"] * gain


def _dtype_name(name: str) -> str:
    import numpy as np

    kind: str
    try:
        kind = np.dtype(name).kind
    except TypeError:
        kind = ""
    if kind not in "iuf" or not kind:
        raise ValueError(f"found '{name}'; expected a number type such as int16, uint16, >i2")
    return name


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"found '{twice[0]}' twice; expected each channel once")
    return names


class BinarySidecar(StrictModel):
    """JSON beside a raw binary file: what nothing in the file itself says."""

    rate_hz: float = Field(gt=0, description="Samples per second")
    channels: Annotated[tuple[str, ...], AfterValidator(_each_once)] = Field(
        min_length=1, description="Names, in the file's order"
    )
    dtype: Annotated[str, AfterValidator(_dtype_name)] = Field(description="int16, uint16, >i2")
    gain_uv: float = Field(description="Microvolts per count")
    offset_uv: float = Field(description="Microvolts at count 0 (for int16 mostly 0)")
    probe: str | None = Field(None, description="Probe file (probeinterface JSON) beside it")


def _binary(path: Path, stream: str | None) -> BaseRecording:
    """Open interleaved samples with their side-car."""
    import numpy as np
    from spikeinterface.core import BinaryRecordingExtractor

    beside = sidecar(path)
    keys = ", ".join(name for name in BinarySidecar.model_fields if name != "probe")
    if not path.is_file() or beside is None:
        raise InputError(
            f"{path}: a raw binary file says nothing of itself; expected a file "
            f"{path.name}.json beside it with {keys}"
        )
    try:
        car = BinarySidecar.model_validate_json(beside.read_text(encoding="utf-8-sig"))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise InputError(f"{beside}: {wrong}; expected {keys}") from error
    frame = np.dtype(car.dtype).itemsize * len(car.channels)
    if path.stat().st_size % frame:
        raise InputError(
            f"{path}: found {path.stat().st_size} bytes, no whole number of frames of "
            f"{len(car.channels)} channels of {car.dtype}; {TRUNCATED}, or {beside.name} is wrong"
        )
    recording = BinaryRecordingExtractor(
        path,
        sampling_frequency=car.rate_hz,
        dtype=car.dtype,
        num_channels=len(car.channels),
        channel_ids=list(car.channels),
        gain_to_uV=car.gain_uv,
        offset_to_uV=car.offset_uv,
    )
    if car.probe is not None:
        add_probe(recording, beside.parent / car.probe, sidecar=beside)
    return recording


OPENERS: dict[str, Opener] = {
    "openephys": Opener("Open Ephys recording", _openephys),
    "spikeglx": Opener(
        "SpikeGLX recording", _spikeglx, f"{TRUNCATED}; or the .meta is not its own"
    ),
    "intan": Opener("Intan recording", open_intan),
    "blackrock": Opener("Blackrock recording", open_blackrock),
    "neuralynx": Opener("Neuralynx recording", open_neuralynx),
    "plexon": Opener(
        "Plexon recording", open_plexon, f"{TRUNCATED}; .pl2 needs Plexon's own library"
    ),
    "nwb": Opener("NWB recording", _nwb),
    "edf": Opener("EDF recording", _edf, f"{TRUNCATED}; or EDF+D (with gaps), which is not read"),
    "bdf": Opener("BDF recording", open_bdf),
    "brainvision": Opener("BrainVision recording", open_brainvision),
    "tdt": Opener("TDT block", open_tdt),
    "neuroscope": Opener("Neuroscope recording", open_neuroscope),
    "axona": Opener("Axona recording", open_axona),
    "binary": Opener("raw binary recording", _binary),
}
