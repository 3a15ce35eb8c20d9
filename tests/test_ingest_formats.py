"""Formats of acquisition systems: files written to their published layout read back to the bit."""

import shutil
import struct

import neo.rawio
import numpy as np
import pytest
from test_ingest_events import PULSES, assert_same, truth

from pipeline.errors import InputError
from pipeline.ingest import (
    detect_format,
    left_out_channels,
    open_recording,
    read_events,
    recording_start_s,
)
from pipeline.simulate.writers import write_blackrock, write_intan, write_neuralynx

NAMES = ["mPFC1", "mPFC2", "CA1"]
#: the pulses of the other tests on lines that every rig has
LINES = [*PULSES, (15, 700, 800)]


def signals(samples=1280, channels=3, *, size=200.0):
    rng = np.random.default_rng(11)
    x = rng.normal(0, size, (samples, channels)).clip(-990, 990)
    return (x * np.arange(1, channels + 1) / channels).astype(np.float32)


def assert_samples(recording, written, *, uv_per_bit):
    read = recording.get_traces(return_in_uV=True)
    assert read.shape == written.shape
    # half a bit, and what float32 cannot hold of an offset of thousands of microvolts
    assert np.abs(read - written).max() <= uv_per_bit / 2 + 1e-3
    # any piece is that piece of the whole
    rng = np.random.default_rng(4)
    for _ in range(20):
        start, end = np.sort(rng.integers(0, len(written) + 1, 2)).tolist()
        piece = recording.get_traces(start_frame=start, end_frame=end, return_in_uV=True)
        assert np.array_equal(piece, read[start:end])
    one = recording.get_traces(channel_ids=recording.channel_ids[1:2], return_in_uV=True)
    assert np.array_equal(one[:, 0], read[:, 1])


def neo_uv(reader, stream=0):
    """The samples in microvolts as neo reads them: an independent implementation."""
    reader.parse_header()
    raw = reader.get_analogsignal_chunk(stream_index=stream)
    return reader.rescale_signal_raw_to_float(raw, dtype="float64", stream_index=stream)


def cut(file, *, bytes_off):
    file.write_bytes(file.read_bytes()[:-bytes_off])


# --- Intan

LAYOUTS = ["one file", "file per type", "file per channel"]


def intan(folder, *, kind="rhd", layout="one file", name="rat", **options):
    path = folder / f"{name if layout == 'one file' else 'info'}.{kind}"
    x = options.pop("x", signals())
    return write_intan(path, x, rate_hz=2000, channels=NAMES, layout=layout, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["rhd", "rhs"])
def test_intan_samples_and_pulses(tmp_path, kind, layout):
    analog = np.linspace(-5e6, 5e6, 1280)[:, None]
    file = intan(
        tmp_path, kind=kind, layout=layout, pulses=LINES, analog_uv=analog, start_sample=4000
    )
    assert detect_format(tmp_path) == "intan"
    recording = open_recording(tmp_path)
    assert_samples(recording, signals(), uv_per_bit=0.195)
    assert list(recording.channel_ids) == NAMES
    assert recording.sampling_frequency == 2000 and recording_start_s(recording) == 2.0
    assert_same(read_events(tmp_path), truth(LINES, 2000))
    inputs = open_recording(tmp_path, stream="USB board ADC input channel")
    assert np.abs(inputs.get_traces(return_in_uV=True) - analog).max() <= 312.5 / 2 + 1
    theirs = neo_uv(neo.rawio.IntanRawIO(filename=str(file)))
    assert np.abs(theirs - recording.get_traces(return_in_uV=True)).max() < 1e-3


def test_intan_files_of_one_minute_are_joined_by_their_time_stamps(tmp_path):
    x = signals(3 * 1280)
    pulses = [(3, 1000, 1500), (3, 2500, 2600), (0, 3000, None)]
    # names in the wrong order: the time stamps decide
    for index, name in enumerate(("c", "a", "b")):
        first = 1280 * index
        part = [
            (line, max(on - first, 0), 1280 if off is None else min(off - first, 1280))
            for line, on, off in pulses
            if on < first + 1280 and (off or 9999) > first
        ]
        write_intan(
            tmp_path / f"{name}.rhd",
            x[first : first + 1280],
            rate_hz=2000,
            channels=NAMES,
            start_sample=first,
            pulses=part,
        )
    recording = open_recording(tmp_path)
    assert_samples(recording, x, uv_per_bit=0.195)
    assert_same(read_events(tmp_path), truth(pulses, 2000))


@pytest.mark.parametrize("second", ["late", "same", "other channels"])
def test_intan_files_that_do_not_follow_each_other(tmp_path, second):
    intan(tmp_path, name="a")
    if second == "other channels":
        write_intan(
            tmp_path / "b.rhd",
            signals(channels=2),
            rate_hz=2000,
            channels=["x", "y"],
            start_sample=1280,
        )
        said = r"b.rhd: found other channels or another rate than in a.rhd"
    else:
        start = {"late": 1408, "same": 0}[second]
        intan(tmp_path, name="b", start_sample=start)
        said = rf"b.rhd: found the first time stamp {start}; expected 1280.*missing"
    with pytest.raises(InputError, match=said):
        open_recording(tmp_path)
    assert open_recording(tmp_path / "a.rhd").get_num_samples() == 1280


def test_intan_truncated(tmp_path):
    file = intan(tmp_path)
    cut(file, bytes_off=100)
    with pytest.raises(InputError, match=r"rat.rhd: found 9 data blocks and \d+ bytes.*truncated"):
        open_recording(tmp_path)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(InputError, match=r"rat.rhd: header cannot be read"):
        open_recording(tmp_path)
    file.write_bytes(b"no Intan file at all")
    with pytest.raises(InputError, match=r"no Intan file identifier"):
        open_recording(tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_intan_with_lost_samples(tmp_path, layout):
    file = intan(tmp_path, layout=layout)
    if layout == "one file":
        data = bytearray(file.read_bytes())
        block = (len(data) - len(data) % 10) // 10
        stamp = struct.pack("<i", 640)
        place = data.index(stamp + struct.pack("<i", 641), block)
        data[place : place + 512] = np.arange(650, 778, dtype="<i4").tobytes()
        file.write_bytes(bytes(data))
        said = r"data block 5: found number 650; expected 640"
    else:
        times = np.arange(1280, dtype="<i4")
        times[800:] += 30
        times.tofile(tmp_path / "time.dat")
        said = r"time.dat: sample 800: found number 830; expected 800"
    with pytest.raises(InputError, match=said):
        open_recording(tmp_path)


@pytest.mark.parametrize(
    ("layout", "name"),
    [("file per type", "amplifier.dat"), ("file per channel", "amp-A-001.dat")],
)
def test_intan_data_file_cut_or_lost(tmp_path, layout, name):
    intan(tmp_path, layout=layout)
    cut(tmp_path / name, bytes_off=6)
    with pytest.raises(InputError, match=rf"{name}: found \d+ bytes; expected \d+ for the 1280"):
        open_recording(tmp_path)
    if layout == "file per channel":
        (tmp_path / name).unlink()
        with pytest.raises(InputError, match=rf"{name}: not found; copy the whole folder"):
            open_recording(tmp_path)


def test_intan_reads_only_the_blocks_that_are_asked_for(tmp_path, monkeypatch):
    intan(tmp_path)
    recording = open_recording(tmp_path)
    read = []
    whole = np.fromfile

    def spy(*arguments, **options):
        read.append(options["count"])
        return whole(*arguments, **options)

    monkeypatch.setattr(np, "fromfile", spy)
    recording.get_traces(start_frame=130, end_frame=140)
    assert read == [1]
    recording.get_traces(start_frame=120, end_frame=130)
    assert read == [1, 2]


def test_intan_line_is_the_number_in_its_name_and_not_its_place(tmp_path):
    intan(tmp_path, lines=[2, 15], pulses=[(2, 10, 20), (15, 30, 40), (0, 50, 60)])
    assert_same(read_events(tmp_path), [(2, 0.005, 0.01), (15, 0.015, 0.02)])


def test_intan_without_digital_inputs_has_no_events(tmp_path):
    intan(tmp_path, lines=[])
    assert len(read_events(tmp_path)) == 0
    assert open_recording(tmp_path).get_num_samples() == 1280


# --- Blackrock


def blackrock(folder, **options):
    return write_blackrock(folder / "rat", signals(), rate_hz=1000, channels=NAMES, **options)


@pytest.mark.parametrize("version", [(2, 3), (3, 0)])
def test_blackrock_samples_and_pulses(tmp_path, version):
    # recording began 0.15 s after the clock did
    blackrock(tmp_path, start_tick=4500, pulses=LINES, version=version)
    assert detect_format(tmp_path) == "blackrock"
    recording = open_recording(tmp_path)
    assert_samples(recording, signals(), uv_per_bit=0.25)
    assert list(recording.channel_ids) == NAMES
    assert recording_start_s(recording) == pytest.approx(0.15, abs=1e-12)
    # The .nev holds the word at each change: line 1, high from the start, shows when it falls.
    # Which lines were high before is not in the file, so its first fall shows no edge.
    assert_same(read_events(tmp_path), truth([row for row in LINES if row[1] > 0], 1000))


def test_blackrock_lines_with_pull_up_resistors(tmp_path):
    pulses = [(0, 100, 110), (3, 150, 170), (0, 300, 310)]
    blackrock(tmp_path, pulses=pulses, idle_high=True)
    # The pulses are the low times.
    found = read_events(tmp_path)
    line = found[found.line == 0]
    assert np.allclose(line.t_off.dropna(), [0.1, 0.3]) and np.allclose(
        line.t_on.dropna(), [0.11, 0.31]
    )
    assert set(found.line) == {0, 3}


def test_blackrock_paused(tmp_path):
    blackrock(tmp_path, pauses=[(500, 30_000)])
    with pytest.raises(InputError, match=r"2 separate pieces of 0.5, 0.8 s.*paused"):
        open_recording(tmp_path)


@pytest.mark.parametrize("version", [(2, 3), (3, 0)])
@pytest.mark.parametrize("bytes_off", [2, 600, 7682])
def test_blackrock_truncated(tmp_path, version, bytes_off):
    file = blackrock(tmp_path, version=version)
    cut(file, bytes_off=bytes_off)
    with pytest.raises(InputError, match=r"rat.ns2: data packet at byte 512: found .*truncated"):
        open_recording(tmp_path)


def test_blackrock_file_that_is_none(tmp_path):
    (tmp_path / "rat.ns5").write_bytes(b"nothing of the sort" * 20)
    with pytest.raises(InputError, match=r"rat.ns5: found no NSx identifier"):
        open_recording(tmp_path)


def test_blackrock_two_recordings_in_a_folder(tmp_path):
    blackrock(tmp_path)
    shutil.copy(tmp_path / "rat.ns2", tmp_path / "other.ns2")
    with pytest.raises(InputError, match=r"found recordings other, rat; name one file"):
        open_recording(tmp_path)
    assert open_recording(tmp_path / "rat.ns2").get_num_samples() == 1280


def test_blackrock_events_cut_or_reset(tmp_path):
    blackrock(tmp_path, pulses=LINES)
    nev = tmp_path / "rat.nev"
    whole = nev.read_bytes()
    cut(nev, bytes_off=7)
    with pytest.raises(InputError, match=r"rat.nev: found \d+ packets of 104 bytes and 97 bytes"):
        read_events(tmp_path)
    # the third packet with the time stamp of a clock that began again
    place = 336 + 2 * 104
    nev.write_bytes(whole[:place] + struct.pack("<I", 5) + whole[place + 4 :])
    with pytest.raises(InputError, match=r"digital event 2: found time stamp 5 after.*reset"):
        read_events(tmp_path)


def test_blackrock_without_nev_has_no_events(tmp_path):
    blackrock(tmp_path)
    assert len(read_events(tmp_path)) == 0


# --- Neuralynx


def neuralynx(folder, *, x=None, **options):
    x = signals(5000) if x is None else x
    return write_neuralynx(
        folder,
        x,
        rate_hz=options.pop("rate_hz", 2000),
        channels=["CSC1", "CSC2", "CSC10"],
        **options,
    )


@pytest.mark.parametrize("inverted", [False, True])
def test_neuralynx_samples_and_pulses(tmp_path, inverted):
    neuralynx(tmp_path, start_us=9_000_000, pulses=LINES, inverted=inverted)
    assert detect_format(tmp_path) == "neuralynx"
    recording = open_recording(tmp_path)
    assert_samples(recording, signals(5000), uv_per_bit=1000 / 32768)
    assert list(recording.channel_ids) == ["CSC1", "CSC2", "CSC10"]
    assert recording.sampling_frequency == 2000 and recording_start_s(recording) == 9.0
    # "Starting Recording" tells that line 1 was high.
    assert_same(read_events(tmp_path), truth(LINES, 2000), atol=1e-6)
    theirs = neo.rawio.NeuralynxRawIO(dirname=str(tmp_path))
    x = neo_uv(theirs)
    names = theirs.header["signal_channels"]["name"].tolist()
    order = [names.index(name) for name in recording.channel_ids]
    assert np.abs(x[:, order] - recording.get_traces(return_in_uV=True)).max() < 1e-3


def test_neuralynx_clock_of_the_rig_times_samples_and_events(tmp_path):
    """The header says 2000 Hz, the rig's clock 2000.2: records are written by that clock."""
    pulses = [(0, 59_000, 59_100)]
    x = signals(60_000)
    write_neuralynx(tmp_path, x, rate_hz=2000.2, channels=["a", "b", "c"], pulses=pulses)
    for file in tmp_path.glob("*.ncs"):
        data = file.read_bytes()
        file.write_bytes(data.replace(b"-SamplingFrequency 2000.2", b"-SamplingFrequency 2000  "))
    recording = open_recording(tmp_path)
    assert recording.sampling_frequency == pytest.approx(2000.2, rel=1e-6)
    (on,) = read_events(tmp_path).t_on
    assert on * recording.sampling_frequency == pytest.approx(59_000, abs=0.1)


def test_neuralynx_one_file_instead_of_its_folder(tmp_path):
    neuralynx(tmp_path / "day1")
    with pytest.raises(InputError, match=r"CSC2.ncs: found a file; .*name its folder, day1$"):
        open_recording(tmp_path / "day1" / "CSC2.ncs", format="neuralynx")


@pytest.mark.parametrize("late_us", [1_000, 60_000, 3_000_000, -2_000_000])
def test_neuralynx_gaps(tmp_path, late_us):
    x = signals(60_000)
    neuralynx(tmp_path, x=x, start_us=5_000_000, gap=(50, late_us))
    with pytest.raises(InputError, match=r"CSC1.ncs: .*samples were lost"):
        open_recording(tmp_path)


def test_neuralynx_short_record_in_between(tmp_path):
    neuralynx(tmp_path)
    file = tmp_path / "CSC2.ncs"
    data = bytearray(file.read_bytes())
    place = 16384 + 3 * 1044 + 16
    data[place : place + 4] = struct.pack("<I", 300)
    file.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"CSC2.ncs: record 3: found 300 valid samples"):
        open_recording(tmp_path)


def test_neuralynx_files_that_do_not_belong_together(tmp_path):
    neuralynx(tmp_path)
    cut(tmp_path / "CSC2.ncs", bytes_off=1044)
    with pytest.raises(InputError, match=r"CSC2.ncs: found 4608 samples.*expected 5000"):
        open_recording(tmp_path)
    cut(tmp_path / "CSC2.ncs", bytes_off=40)
    with pytest.raises(InputError, match=r"CSC2.ncs: found 8 records of 1044 bytes and 1004"):
        open_recording(tmp_path)


def test_neuralynx_channel_in_two_files(tmp_path):
    neuralynx(tmp_path)
    shutil.copy(tmp_path / "CSC1.ncs", tmp_path / "CSC1_0001.ncs")
    with pytest.raises(InputError, match=r"channel CSC1 in CSC1.ncs and CSC1_0001.ncs.*stopped"):
        open_recording(tmp_path)


def test_neuralynx_channel_that_was_switched_off(tmp_path):
    neuralynx(tmp_path)
    file = tmp_path / "CSC2.ncs"
    file.write_bytes(file.read_bytes()[:16384])
    recording = open_recording(tmp_path)
    assert list(recording.channel_ids) == ["CSC1", "CSC10"]
    assert left_out_channels(recording) == {"CSC2": "no samples"}


def test_neuralynx_header_without_gain(tmp_path):
    neuralynx(tmp_path)
    file = tmp_path / "CSC1.ncs"
    file.write_bytes(file.read_bytes().replace(b"-ADBitVolts", b"-XDBitVolts"))
    with pytest.raises(InputError, match=r"CSC1.ncs: header: found ADBitVolts ''"):
        open_recording(tmp_path)


def test_neuralynx_ports_keep_apart(tmp_path):
    neuralynx(tmp_path, pulses=[(0, 100, 200)])
    first = (tmp_path / "Events.nev").read_bytes()
    neuralynx(tmp_path, pulses=[(0, 300, 400)], port=1)
    second = (tmp_path / "Events.nev").read_bytes()[16384 + 184 :]
    # without the first file's last record, "Stopping Recording"
    (tmp_path / "Events.nev").write_bytes(first[:-184] + second)
    assert_same(
        read_events(tmp_path),
        [("board 0 port 0 bit 0", 0.05, 0.1), ("board 0 port 1 bit 0", 0.15, 0.2)],
        atol=1e-6,
    )


def test_neuralynx_event_times_that_run_backwards(tmp_path):
    neuralynx(tmp_path, start_us=9_000_000, pulses=LINES)
    file = tmp_path / "Events.nev"
    data = bytearray(file.read_bytes())
    place = 16384 + 2 * 184 + 6
    data[place : place + 8] = struct.pack("<Q", 17)
    file.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"Events.nev: record 2: found time stamp 17 after 9"):
        read_events(tmp_path)


def test_file_that_is_no_neuralynx_file(tmp_path):
    (tmp_path / "a.ncs").write_bytes(b"nothing of the sort" * 10)
    with pytest.raises(InputError, match=r"a.ncs: found 190 bytes that begin with b'nothing '"):
        open_recording(tmp_path)
