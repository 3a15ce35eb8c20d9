"""EDF, BDF, BrainVision and NWB: samples through mne, annotations, markers, containers."""

import struct
from datetime import UTC, datetime

import h5py
import numpy as np
import pyedflib
import pynwb
import pytest
from pynwb.event import EventsTable
from test_ingest_events import PULSES, assert_same, truth
from test_ingest_formats import assert_samples, cut, signals

from pipeline.errors import InputError
from pipeline.ingest import detect_format, left_out_channels, open_recording, read_events
from pipeline.ingest.edf_header import read_annotations, read_edf_header
from pipeline.ingest.files import recording_files
from pipeline.simulate.writers import write_bdf, write_brainvision, write_edf, write_nwb

NAMES = ["mPFC1", "mPFC2", "CA1"]
NOTES = [(0.5, None, "go"), (2.25, 1.5, "laser on"), (2.25, None, "é")]
NOTED = [("go", 0.5, np.nan), ("laser on", 2.25, 3.75), ("é", 2.25, np.nan)]


def x(seconds=4, rate=500):
    return signals(seconds * rate)


# --- EDF


def test_edf_annotations(tmp_path):
    path = write_edf(tmp_path / "a.edf", x(), rate_hz=500, channels=NAMES, annotations=NOTES)
    assert_same(read_events(path), NOTED)
    with pyedflib.EdfReader(str(path)) as edf:
        onsets, _, texts = edf.readAnnotations()
    ours = read_annotations(read_edf_header(path))
    assert [item[1] for item in ours] == pytest.approx(onsets.tolist())
    assert [item[0] for item in ours] == texts.tolist()


def test_edf_annotations_count_from_the_first_sample(tmp_path):
    """A file that starts a fraction of a second after its header says so in every record."""
    shifted = [(o + 0.5, d, t) for o, d, t in NOTES]
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES, annotations=shifted)
    header = read_edf_header(path)
    raw = bytearray(path.read_bytes())
    place = header.place(header.signals[-1])
    for record in range(4):
        start = header.size + record * header.record_bytes + place.start
        stop = header.size + record * header.record_bytes + place.stop
        notes = bytes(raw[start:stop]).replace(
            f"+{record}\x14\x14\0".encode(), f"+{record}.5\x14\x14\0".encode()
        )
        raw[start:stop] = notes[: stop - start]
    path.write_bytes(bytes(raw))
    assert_same(read_events(path), NOTED)


def test_edf_without_annotations_has_no_events(tmp_path):
    path = write_edf(tmp_path / "a.edf", x(), rate_hz=500, channels=NAMES)
    assert len(read_events(path)) == 0


# --- BDF


def test_bdf_samples_words_and_annotations(tmp_path):
    path = write_bdf(
        tmp_path / "a.bdf",
        x(),
        rate_hz=500,
        channels=NAMES,
        pulses=[*PULSES, (15, 900, 950)],
        annotations=NOTES,
    )
    assert detect_format(path) == "bdf"
    recording = open_recording(path)
    assert_samples(recording, x(), uv_per_bit=0.03125)
    assert list(recording.channel_ids) == NAMES and recording.sampling_frequency == 500
    events = read_events(path)
    texts = events.line.map(lambda line: isinstance(line, str))
    lines = events[~texts]
    assert_same(lines, truth([*PULSES, (15, 900, 950)], 500))
    assert_same(events[texts], NOTED)
    with pyedflib.EdfReader(str(path)) as edf:
        theirs = np.column_stack([edf.readSignal(i) for i in range(3)])
    assert np.abs(theirs - recording.get_traces(return_in_uV=True)).max() < 1e-3


def test_bdf_without_status_or_annotations_has_no_events(tmp_path):
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES)
    assert len(read_events(path)) == 0


@pytest.mark.parametrize(("unit", "factor"), [(b"mV", 1e3), (b"V ", 1e6), (b"uV", 1)])
def test_bdf_units(tmp_path, unit, factor):
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES)
    path.write_bytes(path.read_bytes().replace(b"uV", unit))
    read = open_recording(path).get_traces(return_in_uV=True)
    assert np.allclose(read, x() * factor, rtol=0, atol=0.017 * factor)


def test_bdf_channels_without_voltage_are_left_out_by_name(tmp_path):
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES)
    path.write_bytes(path.read_bytes().replace(b"uV", b"C ", 1))
    recording = open_recording(path)
    assert list(recording.channel_ids) == NAMES[1:]
    assert left_out_channels(recording) == {"mPFC1": "C"}
    assert np.abs(recording.get_traces(return_in_uV=True) - x()[:, 1:]).max() < 0.02


def test_bdf_of_one_channel_twice(tmp_path):
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES)
    path.write_bytes(path.read_bytes().replace(b"mPFC2", b"mPFC1", 1))
    with pytest.raises(InputError, match=r"several channels called mPFC1"):
        open_recording(path)


def test_bdf_with_a_gap(tmp_path):
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES, annotations=[])
    path.write_bytes(path.read_bytes().replace(b"+2\x14\x14\0", b"+7\x14\x14\0"))
    with pytest.raises(InputError, match=r"data record 2: found it 7.000 s .* 2.000 s.*paused"):
        open_recording(path)


def test_bdf_truncated_or_not_closed(tmp_path):
    path = write_bdf(tmp_path / "a.bdf", x(), rate_hz=500, channels=NAMES)
    whole = path.read_bytes()
    cut(path, bytes_off=10)
    with pytest.raises(InputError, match=r"a.bdf: found 19\d+ bytes; expected 19\d+ for 4 records"):
        open_recording(path)
    path.write_bytes(whole[:236] + b"-1      " + whole[244:])
    with pytest.raises(InputError, match=r"found -1 data records.*not stopped properly"):
        open_recording(path)
    path.write_bytes(whole[:300])
    with pytest.raises(InputError, match=r"header ends after 300 bytes"):
        open_recording(path)
    path.write_bytes(b"nothing of the sort" * 20)
    with pytest.raises(InputError, match=r"as number of signals; expected a number"):
        open_recording(path)


def test_edf_that_is_called_bdf(tmp_path):
    path = write_edf(tmp_path / "a.edf", x(), rate_hz=500, channels=NAMES)
    with pytest.raises(InputError, match=r"found an EDF file; rename it"):
        open_recording(path.rename(tmp_path / "a.bdf"))


# --- BrainVision

MARKERS = [(100, "Stimulus", "S  1"), (150, "Response", "R  2"), (300, "Stimulus", "S  1")]


def brainvision(folder, **options):
    return write_brainvision(folder / "rat.vhdr", x(), rate_hz=500, channels=NAMES, **options)


@pytest.mark.parametrize("floats", [False, True])
def test_brainvision_samples_and_markers(tmp_path, floats):
    path = brainvision(tmp_path, markers=MARKERS, floats=floats)
    assert detect_format(tmp_path) == "brainvision"
    names = [file.name for file in recording_files(path)]
    assert names == ["rat.eeg", "rat.vhdr", "rat.vmrk"]
    recording = open_recording(tmp_path)
    assert_samples(recording, x(), uv_per_bit=0 if floats else 0.1)
    assert list(recording.channel_ids) == NAMES
    expected = [(f"{kind}/{text}", sample / 500, np.nan) for sample, kind, text in MARKERS]
    assert_same(read_events(path), expected)


def test_brainvision_resolution_of_each_channel(tmp_path):
    path = brainvision(tmp_path)
    path.write_text(path.read_text().replace("Ch2=mPFC2,,0.1", "Ch2=mPFC2,,0.25"))
    read = open_recording(path).get_traces(return_in_uV=True)
    assert np.allclose(read, x() * [1, 2.5, 1], rtol=0, atol=0.13)


def test_brainvision_paused(tmp_path):
    path = brainvision(tmp_path, segments=(0, 750))
    with pytest.raises(InputError, match=r"new segment 1.500 s after the first sample.*paused"):
        open_recording(path)


def test_brainvision_damage(tmp_path):
    path = brainvision(tmp_path)
    cut(tmp_path / "rat.eeg", bytes_off=8)
    with pytest.raises(InputError, match=r"rat.eeg: found 1998 samples of 3 channels and 4 bytes"):
        open_recording(path)
    (tmp_path / "rat.eeg").rename(tmp_path / "other.eeg")
    with pytest.raises(InputError, match=r"rat.eeg: not found, but named in rat.vhdr"):
        open_recording(path)
    path.write_text(path.read_text().replace("DataFile=rat.eeg", "DataFile=../../etc/passwd"))
    with pytest.raises(InputError, match=r"DataFile: found '../../etc/passwd'.*only its name"):
        open_recording(path)


def test_brainvision_two_recordings_in_a_folder(tmp_path):
    brainvision(tmp_path)
    write_brainvision(tmp_path / "b.vhdr", x(), rate_hz=500, channels=NAMES)
    with pytest.raises(InputError, match=r"found b.vhdr, rat.vhdr; expected one"):
        open_recording(tmp_path)
    assert open_recording(tmp_path / "b.vhdr").get_num_samples() == 2000


# --- NWB


@pytest.fixture
def nwb(tmp_path):
    """An NWB file whose recording starts 2 s after the session, with every container of events."""
    path = write_nwb(
        tmp_path / "s.nwb",
        signals_uv=signals(3000),
        rate_hz=1000,
        channels=NAMES,
        regions=["mPFC", "mPFC", "CA1"],
        session_start=datetime(2024, 6, 12, 9, tzinfo=UTC),
        identifier="s",
        subject_id="r",
    )
    with h5py.File(path, "a") as file:
        file["acquisition/ElectricalSeries/starting_time"][()] = 2.0
    with pynwb.NWBHDF5IO(path, "a") as io:
        file = io.read()
        levels = np.zeros(3000, dtype=np.uint8)
        levels[:50] = levels[400:420] = levels[2900:] = 1
        file.add_acquisition(
            pynwb.TimeSeries(
                name="camera", data=levels, unit="n.a.", rate=1000.0, starting_time=2.0
            )
        )
        file.add_acquisition(
            pynwb.TimeSeries(
                name="running", data=np.arange(100), unit="cm/s", rate=10.0, starting_time=2.0
            )
        )
        file.add_acquisition(
            pynwb.misc.IntervalSeries(
                name="laser",
                data=np.array([1, -1, 2, -2], dtype=np.int8),
                timestamps=[2.5, 2.75, 3.0, 3.5],
            )
        )
        file.add_acquisition(
            pynwb.misc.AnnotationSeries(
                name="notes", data=["injection", "door"], timestamps=[3.25, 4.0]
            )
        )
        table = EventsTable(name="licks", description="Licks of the left spout")
        for time in (2.125, 2.25, 4.5):
            table.add_row(timestamp=time)
        file.add_events_table(table)
        io.write(file)
    return path


EXPECTED = [
    ("camera", np.nan, 0.05),
    ("camera", 0.4, 0.42),
    ("camera", 2.9, np.nan),
    ("laser/1", 0.5, 0.75),
    ("laser/2", 1.0, 1.5),
    ("injection", 1.25, np.nan),
    ("door", 2.0, np.nan),
    ("licks", 0.125, np.nan),
    ("licks", 0.25, np.nan),
    ("licks", 2.5, np.nan),
]


def in_order(rows):
    return sorted(rows, key=lambda row: (-1.0 if np.isnan(row[1]) else row[1], str(row[0])))


def test_nwb_events_of_every_container(nwb):
    assert_same(read_events(nwb), in_order(EXPECTED))


def extension(file, kind, name, *, times, data=None, labels=()):
    """Write a container of the ndx-events extension, whose types the file does not declare."""
    group = file.create_group(f"acquisition/{name}")
    group.attrs["neurodata_type"] = kind
    group["timestamps"] = np.asarray(times)
    if data is not None:
        group["data"] = np.asarray(data, dtype=np.uint8)
        group["data"].attrs["labels"] = list(labels)


def test_nwb_ttls_of_the_events_extension(nwb):
    with h5py.File(nwb, "a") as file:
        extension(
            file, "TTLs", "ttl", times=[2.5, 3.5, 4.5], data=[1, 0, 1], labels=["lever", "cue"]
        )
        extension(file, "Events", "beam", times=[2.75])
    added = [("ttl/cue", 0.5, np.nan), ("ttl/lever", 1.5, np.nan), ("ttl/cue", 2.5, np.nan)]
    assert_same(read_events(nwb), in_order([*EXPECTED, *added, ("beam", 0.75, np.nan)]))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            [2.5, 2.25, 3],
            r"ttl/timestamps: row 1: found 2.25 after 2.5; expected .*clock was reset",
        ),
        ([2.5, np.nan, 3], r"ttl/timestamps: row 1: found nan after 2.5"),
        ([-1, 2.5, 2.0], r"ttl/timestamps: row 2"),
        ([2.5, 3.0], r"ttl: found 3 values for 2 timestamps"),
    ],
)
def test_nwb_event_times_that_make_no_sense(nwb, times, said):
    with h5py.File(nwb, "a") as file:
        extension(file, "TTLs", "ttl", times=times, data=[1, 0, 1], labels=["a", "b"])
    with pytest.raises(InputError, match=said):
        read_events(nwb)


def test_nwb_with_levels_of_its_own_time_stamps(nwb):
    with h5py.File(nwb, "a") as file:
        group = file.create_group("acquisition/gate")
        group.attrs["neurodata_type"] = "TimeSeries"
        group["timestamps"] = [2.0, 2.1, 2.5, 3.0]
        group["data"] = np.array([0, 5, 5, 0], dtype=np.int16)
    found = read_events(nwb)
    assert_same(found[found.line == "gate"], [("gate", 0.1, 1.0)])


def test_status_word_is_little_endian_and_unsigned(tmp_path):
    path = write_bdf(
        tmp_path / "a.bdf", x(1), rate_hz=500, channels=NAMES, pulses=[(7, 3, 4), (8, 5, 6)]
    )
    header = read_edf_header(path)
    place = header.place(header.signals[3])
    with path.open("rb") as file:
        file.seek(header.size + place.start + 3 * 3)
        low = struct.unpack("<3B", file.read(3))
    assert low == (128, 0, 0b1001_0000)
