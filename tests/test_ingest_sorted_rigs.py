"""Sorted spikes in rigs' own files: written here from the published layouts, byte by byte."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.ingest import open_recording, read_units, recording_start_s
from pipeline.ingest.units_layouts import detect_sorting, layout_files
from pipeline.simulate.writers.neuralynx import write_neuralynx

SAMPLES = 32
#: a trough of -1 at sample 8 and a lower peak at sample 18
SHAPE = np.exp(-0.5 * ((np.arange(SAMPLES) - 18) / 3) ** 2) * 0.4 - np.exp(
    -0.5 * ((np.arange(SAMPLES) - 8) / 1.5) ** 2
)
#: depth in microvolts of each unit on each of four wires
DEPTHS = np.array([[40.0, 120.0, 60.0, 20.0], [200.0, 90.0, 30.0, 10.0]])
UNITS = (2, 5)


def spikes(n_each=40, seed=0):
    """Seconds, number of the cell (0: none), and growing size of some spikes, in order of time."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(np.round(rng.uniform(1.0, 9.0, 3 * n_each), 5))
    cells = rng.permutation(np.repeat([0, *UNITS], n_each))
    return seconds, cells, 1.0 + 0.2 * seconds / 10


def counts(cells, scale, uv_per_bit, wires):
    """Samples (spike, sample, wire) as the rig stores them."""
    depth = np.array(
        [np.full(wires, 15.0) if c == 0 else DEPTHS[UNITS.index(c)][:wires] for c in cells]
    )
    uv = scale[:, None, None] * SHAPE[None, :, None] * depth[:, None, :]
    return np.rint(uv / uv_per_bit).astype("<i2")


def check(units, seconds, cells, scale, *, wires, start_s=0.0, tolerance_s=1e-6, bit=1.0):
    """Times, waveform and amplitudes of both units are what was written."""
    for place, cell in enumerate(UNITS):
        mine = cells == cell
        found = units.spike_times[place]
        np.testing.assert_allclose(found - start_s, seconds[mine], rtol=0, atol=tolerance_s)
        depth = DEPTHS[place][:wires].max()
        mean = depth * scale[mine].mean() * SHAPE
        np.testing.assert_allclose(units.waveform[place], mean, rtol=0, atol=bit)
        trough = -SHAPE.min()
        np.testing.assert_allclose(
            units.amplitude[place], depth * trough * scale[mine], rtol=0, atol=bit
        )
    assert units.amplitude_units == units.waveform_units == "uV" and units.rig_clock


# --- Neuralynx


def neuralynx(
    path, seconds, cells, scale, *, start_us=5_000_000_000, wires=4, inverted=False, adc=None
):
    bit = 0.05
    header = (
        "######## Neuralynx Data File Header\r\n-AcqEntName TT1\r\n-SamplingFrequency 32000\r\n"
    )
    header += f"-ADBitVolts {' '.join([f'{bit * 1e-6:.12f}'] * wires)}\r\n"
    header += '-ApplicationName Cheetah "6.3.2"\r\n-TimeCreated 2024/06/12 09:00:00\r\n'
    header += f"-InputInverted {inverted}\r\n-RecordSize {48 + 64 * wires}\r\n"
    header += f"-ADChannel {' '.join(map(str, adc))}\r\n" if adc else ""
    data = counts(cells, scale, -bit if inverted else bit, wires)
    with path.open("wb") as out:
        out.write(header.encode().ljust(16384, b"\0"))
        for second, cell, samples in zip(seconds, cells, data, strict=True):
            out.write(struct.pack("<QII8I", start_us + round(1e6 * second), 0, cell, *range(8)))
            out.write(samples.tobytes())
    return path


@pytest.mark.parametrize(("suffix", "wires"), [("ntt", 4), ("nst", 2), ("nse", 1)])
@pytest.mark.parametrize("inverted", [False, True])
def test_neuralynx(tmp_path, suffix, wires, inverted):
    truth = spikes()
    path = neuralynx(tmp_path / f"TT1.{suffix}", *truth, wires=wires, inverted=inverted)
    units = read_units(path)
    assert detect_sorting(path) == "neuralynx"
    assert units.unit_id == ("TT1:2", "TT1:5") and units.waveform_rate_hz == 32000
    check(units, *truth, wires=wires, start_s=5000.0)


def test_neuralynx_folder_with_signals_names_channels_and_has_their_clock(tmp_path):
    truth = spikes()
    write_neuralynx(
        tmp_path, np.zeros((20000, 2)) + np.sin(np.arange(20000) / 50)[:, None] * 100,
        rate_hz=2000, channels=["CSC1", "CSC2"], start_us=5_000_000_000,
    )  # fmt: skip
    for number, file in enumerate(sorted(tmp_path.glob("*.ncs"))):
        text = file.read_bytes()
        head = text[:16384].rstrip(b"\0")
        if b"-ADChannel" not in head:
            head += f"\r\n-ADChannel {number}\r\n".encode()
        file.write_bytes(head.ljust(16384, b"\0") + text[16384:])
    neuralynx(tmp_path / "TT1.ntt", *truth, adc=[0, 1, 2, 3])
    neuralynx(tmp_path / "TT2.ntt", *spikes(seed=1))
    units = read_units(tmp_path)
    assert units.unit_id == ("TT1:2", "TT1:5", "TT2:2", "TT2:5")
    # unit 2 is largest on the second wire, unit 5 on the first; TT2 does not say its wires
    assert units.channel == ("CSC2", "CSC1", "", "")
    start = recording_start_s(open_recording(tmp_path))
    check(read_units(tmp_path, zero_s=start), *truth, wires=4)
    assert {file.name for file in layout_files(tmp_path)} == {
        "TT1.ntt", "TT2.ntt", *(f.name for f in tmp_path.glob("*.ncs"))
    }  # fmt: skip


def test_neuralynx_agrees_with_neo(tmp_path):
    from neo.rawio import NeuralynxRawIO

    truth = spikes()
    write_neuralynx(
        tmp_path, np.zeros((20480, 1)), rate_hz=2000, channels=["CSC1"], start_us=5_000_000_000
    )
    neuralynx(tmp_path / "TT1.ntt", *truth, adc=[8, 9, 10, 11])
    reader = NeuralynxRawIO(dirname=str(tmp_path))
    reader.parse_header()
    units = read_units(tmp_path)
    named = [str(name).split("#")[-1] for name in reader.header["spike_channels"]["id"]]
    for place, cell in enumerate(UNITS):
        channel = named.index(str(cell))
        ticks = reader.get_spike_timestamps(0, 0, channel, None, None)
        theirs = reader.rescale_spike_timestamp(ticks, "float64")
        offset = theirs - units.spike_times[place]
        assert len(ticks) == 40 and np.ptp(offset) < 1e-9  # neo counts from its own zero
        raw = reader.get_spike_raw_waveforms(0, 0, channel, None, None)
        assert raw.shape[0] == 40


# --- Blackrock


def blackrock(path, seconds, cells, scale, *, version=(2, 3), start_tick=60_000):
    new = version >= (3, 0)
    stamp, nanovolts = ("Q" if new else "I"), 250
    extended = struct.pack("<8sH16s6x", b"NEUEVLBL", 7, b"elec7")
    extended += struct.pack(
        "<8sHBBHHhhBBH8x", b"NEUEVWAV", 7, 1, 1, nanovolts, 0, 0, 0, 2, 2, SAMPLES
    )
    packet = struct.calcsize(f"<{stamp}HBB") + 2 * SAMPLES
    head = struct.pack(
        "<8sBBHIIII16s32s256sI",
        b"BREVENTS" if new else b"NEURALEV",
        *version, 1, 336 + len(extended), packet, 30_000, 30_000,
        struct.pack("<8H", 2024, 6, 3, 12, 9, 0, 0, 0), b"made up", b"", 2,
    )  # fmt: skip
    data = counts(cells, scale, nanovolts / 1000, 1)
    with path.open("wb") as out:
        out.write(head + extended)
        for index, (second, cell, samples) in enumerate(zip(seconds, cells, data, strict=True)):
            tick = start_tick + round(30_000 * second)
            noise = 255 if index == 3 and cell == 0 else cell
            out.write(struct.pack(f"<{stamp}HBB", tick, 7, noise, 0) + samples.tobytes())
            if index % 10 == 0:  # words of the digital input lie between
                out.write(struct.pack(f"<{stamp}HBBH", tick, 0, 1, 0, 5).ljust(packet, b"\0"))
    return path


@pytest.mark.parametrize("version", [(2, 3), (3, 0)])
def test_blackrock(tmp_path, version):
    seconds, cells, scale = spikes()
    cells[3] = 0  # noise, written as unit 255
    path = blackrock(tmp_path / "day.nev", seconds, cells, scale, version=version)
    units = read_units(path)
    assert detect_sorting(path) == "blackrock"
    assert units.unit_id == ("elec7:2", "elec7:5") and units.channel == ("elec7", "elec7")
    check(units, seconds, cells, scale, wires=1, start_s=2.0, tolerance_s=0.51 / 30_000)


def test_blackrock_agrees_with_neo(tmp_path):
    from neo.rawio import BlackrockRawIO

    path = blackrock(tmp_path / "day.nev", *spikes())
    reader = BlackrockRawIO(filename=str(path.with_suffix("")), nsx_to_load=[])
    reader.parse_header()
    units = read_units(path)
    ids = [str(name) for name in reader.header["spike_channels"]["id"]]
    for place, cell in enumerate(UNITS):
        channel = ids.index(f"Unit {7000 + cell}")
        ticks = reader.get_spike_timestamps(0, 0, channel, None, None)
        offset = reader.rescale_spike_timestamp(ticks, "float64") - units.spike_times[place]
        assert len(ticks) == 40 and np.ptp(offset) < 1e-9


# --- Plexon


def plexon(path, seconds, cells, scale, *, channel=3, tick_hz=40_000, start_tick=80_000):
    bits, largest_mv, gain, preamp = 16, 5000, 10, 1000
    head = struct.pack("<Ii128s4i", 0x58454C50, 106, b"made up", tick_hz, 1, 0, 2)
    head += struct.pack("<10i", SAMPLES, 8, 2024, 6, 12, 9, 0, 0, 0, tick_hz)
    head += struct.pack("<dBBBBHHH", 10.0, 1, 1, bits, 16, largest_mv, 5000, preamp)
    head = head.ljust(7504, b"\0")
    dsp = b"sig003".ljust(64, b"\0") + struct.pack("<5i", channel, tick_hz, 1, 0, gain)
    head += dsp.ljust(1020, b"\0")
    for name, rate, number in ((b"SPKC03", 40_000, 2), (b"FP03", 1000, 66)):
        slow = name.ljust(32, b"\0") + struct.pack("<6i", number, rate, 1, 1, 1000, channel)
        head += slow.ljust(296, b"\0")
    data = counts(cells, scale, 1000 * largest_mv / (2 ** (bits - 1) * gain * preamp), 1)
    with path.open("wb") as out:
        out.write(head)
        for index, (second, cell, samples) in enumerate(zip(seconds, cells, data, strict=True)):
            tick = start_tick + round(tick_hz * second)
            high, low = tick >> 32, tick & 0xFFFFFFFF
            out.write(struct.pack("<HHIHHHH", 1, high, low, channel, cell, 1, SAMPLES))
            out.write(samples.tobytes())
            if index % 10 == 0:
                slow = np.zeros(20, dtype="<i2")
                out.write(struct.pack("<HHIHHHH", 5, high, low, 66, 0, 1, 20) + slow.tobytes())
    return path


@pytest.mark.parametrize("start_tick", [80_000, 2**32 - 100_000])
def test_plexon(tmp_path, start_tick):
    truth = spikes()
    path = plexon(tmp_path / "day.plx", *truth, start_tick=start_tick)
    units = read_units(path)
    assert detect_sorting(path) == "plexon"
    assert units.unit_id == ("sig003:2", "sig003:5") and units.channel == ("FP03", "FP03")
    start_s = start_tick / 40_000
    check(units, *truth, wires=1, start_s=start_s, tolerance_s=0.51 / 40_000)


def test_plexon_agrees_with_neo(tmp_path):
    from neo.rawio import PlexonRawIO

    path = plexon(tmp_path / "day.plx", *spikes())
    reader = PlexonRawIO(filename=str(path), progress_bar=False)
    reader.parse_header()
    units = read_units(path)
    ids = [str(name) for name in reader.header["spike_channels"]["id"]]
    for place, cell in enumerate(UNITS):
        channel = next(i for i, name in enumerate(ids) if name.endswith(f"#{cell}"))
        ticks = reader.get_spike_timestamps(0, 0, channel, None, None)
        theirs = reader.rescale_spike_timestamp(ticks, "float64")
        np.testing.assert_allclose(theirs, units.spike_times[place], rtol=0, atol=1e-9)


# --- Klusters


def klusters(folder, seconds, cells, scale, *, rate_hz=20_000, waveforms=True, group=2):
    gain = 20e6 / 2**16 / 1000  # 20 V over 16 bits, amplified 1000 times
    wires = [[6, 7], [3, 1, 0, 2]]
    groups = "".join(
        "<group><channels>"
        + "".join(f"<channel>{wire}</channel>" for wire in some)
        + f"</channels><nSamples>{SAMPLES}</nSamples></group>"
        for some in wires
    )
    (folder / "day.xml").write_text(
        "<parameters><acquisitionSystem><nBits>16</nBits><nChannels>8</nChannels>"
        f"<samplingRate>{rate_hz}</samplingRate><voltageRange>20</voltageRange>"
        "<amplification>1000</amplification></acquisitionSystem>"
        f"<spikeDetection><channelGroups>{groups}</channelGroups></spikeDetection></parameters>"
    )
    lines = [len(set(cells.tolist())), *cells]
    (folder / f"day.clu.{group}").write_text("\n".join(map(str, lines)) + "\n")
    samples = np.rint(seconds * rate_hz).astype(int)
    (folder / f"day.res.{group}").write_text("\n".join(map(str, samples)) + "\n")
    if waveforms:
        data = counts(cells, scale, gain, 4)
        (folder / f"day.spk.{group}").write_bytes(data.tobytes())
    return gain


def test_klusters(tmp_path):
    seconds, cells, scale = spikes()
    cells[5] = 0 if cells[5] not in UNITS else cells[5]
    klusters(tmp_path, seconds, cells, scale)
    (tmp_path / "day.clu.1").write_text("1\n1\n1\n")  # a group that nobody sorted
    (tmp_path / "day.res.1").write_text("10\n20\n")
    units = read_units(tmp_path)
    assert detect_sorting(tmp_path) == "neuroscope"
    assert units.unit_id == ("2:2", "2:5") and units.n_channels == 8
    # wire 1 of the group is channel 1 of the file, wire 0 is channel 3
    assert units.position == (1, 3) and not units.rig_clock
    for place, cell in enumerate(UNITS):
        assert np.abs(units.spike_times[place] - seconds[cells == cell]).max() <= 0.51 / 20_000
        depth = DEPTHS[place].max() * scale[cells == cell].mean()
        np.testing.assert_allclose(units.waveform[place], depth * SHAPE, rtol=0, atol=1)
    assert len(layout_files(tmp_path)) == 6


def test_klusters_without_waveforms(tmp_path):
    klusters(tmp_path, *spikes(), waveforms=False)
    units = read_units(tmp_path)
    assert units.waveform is None and units.amplitude == () and units.position == ()
    assert [len(times) for times in units.spike_times] == [40, 40]


# --- refused


def make(kind, folder) -> Path:
    truth = spikes(10)
    if kind == "neuralynx":
        return neuralynx(folder / "TT1.ntt", *truth)
    if kind == "blackrock":
        return blackrock(folder / "day.nev", *truth)
    if kind == "plexon":
        return plexon(folder / "day.plx", *truth)
    klusters(folder, *truth)
    return folder / "day.clu.2"


@pytest.mark.parametrize("kind", ["neuralynx", "blackrock", "plexon", "klusters"])
def test_files_that_were_not_sorted_are_refused(tmp_path, kind):
    seconds, cells, scale = spikes(10)
    writer = {"neuralynx": neuralynx, "blackrock": blackrock, "plexon": plexon}.get(kind)
    name = {"neuralynx": "TT1.ntt", "blackrock": "day.nev", "plexon": "day.plx"}.get(kind)
    path = tmp_path / name if writer else tmp_path
    none = np.zeros_like(cells)
    writer(path, seconds, none, scale) if writer else klusters(path, seconds, none, scale)
    with pytest.raises(InputError, match="no sorted"):
        read_units(path)


@pytest.mark.parametrize("kind", ["neuralynx", "blackrock", "plexon", "klusters"])
def test_files_cut_short_are_refused(tmp_path, kind):
    path = make(kind, tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"truncated|expected 30 as in|different sortings"):
        read_units(path)


@pytest.mark.parametrize("kind", ["neuralynx", "blackrock", "plexon"])
def test_headers_cut_short_are_refused(tmp_path, kind):
    path = make(kind, tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="truncated"):
        read_units(path)


def test_times_that_run_backwards_are_refused(tmp_path):
    seconds, cells, scale = spikes(10)
    path = neuralynx(tmp_path / "TT1.ntt", seconds[::-1], cells, scale)
    with pytest.raises(InputError, match=r"unit TT1:2, spike 2: .*expected times in order"):
        read_units(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"-ADBitVolts", b"-AdBitVolts", "found ADBitVolts ''"),
        (b"-SamplingFrequency 32000", b"-SamplingFrequency fast!", "SamplingFrequency 'fast!'"),
        (b"-RecordSize 304", b"-RecordSize 301", "RecordSize 301"),
    ],
)
def test_neuralynx_headers_without_numbers_are_refused(tmp_path, old, new, said):
    path = make("neuralynx", tmp_path)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new.ljust(len(old))[: len(old)], 1))
    with pytest.raises(InputError, match=said):
        read_units(path)


def test_pl2_is_refused_by_name(tmp_path):
    (tmp_path / "day.pl2").write_bytes(b"PL2 file")
    with pytest.raises(InputError, match=r"day.pl2: \.pl2 files can be read with Plexon's own"):
        read_units(tmp_path / "day.pl2")


def test_events_of_neuralynx_are_no_sorting(tmp_path):
    path = tmp_path / "Events.nev"
    path.write_bytes(b"######## Neuralynx".ljust(16384, b"\0"))
    with pytest.raises(InputError, match="no sorting of a known format"):
        read_units(path)


def test_several_formats_or_recordings_in_a_folder_are_refused(tmp_path):
    make("neuralynx", tmp_path)
    make("plexon", tmp_path)
    with pytest.raises(InputError, match=r"several formats \(neuralynx, plexon\)"):
        read_units(tmp_path)
    assert read_units(tmp_path / "TT1.ntt").unit_id == ("TT1:2", "TT1:5")
    other = tmp_path / "other"
    other.mkdir()
    make("klusters", other)
    (other / "night.clu.1").write_text("1\n1\n")
    with pytest.raises(InputError, match=r"\.clu or \.res files of day, night"):
        read_units(other)
    # the workflow lists files at every parse, and must not fail there
    assert layout_files(other) == layout_files(tmp_path) == layout_files(tmp_path / "gone") == []


def test_telling_formats_needs_the_standard_library_only():
    said = "import sys, pipeline.ingest.units_layouts; print({'numpy', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_klusters_with_something_missing(tmp_path):
    path = make("klusters", tmp_path)
    (tmp_path / "day.res.2").unlink()
    with pytest.raises(InputError, match=r"day.res.2: not found"):
        read_units(path)
    (tmp_path / "day.xml").unlink()
    with pytest.raises(InputError, match=r"day.xml: not found"):
        read_units(path)
