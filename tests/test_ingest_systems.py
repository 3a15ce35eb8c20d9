"""Plexon, TDT, Neuroscope, Axona and raw binary with a probe: files written to their layout."""

import json
import shutil
import struct

import neo.rawio
import numpy as np
import probeinterface
import pytest
from test_ingest_events import assert_same
from test_ingest_formats import assert_samples, cut, neo_uv, signals

from pipeline.errors import InputError
from pipeline.ingest import detect_format, open_recording, read_events, recording_start_s
from pipeline.ingest.files import recording_files
from pipeline.simulate.writers import (
    write_axona,
    write_bdf,
    write_blackrock,
    write_brainvision,
    write_intan,
    write_neuralynx,
    write_neuroscope,
    write_plexon,
    write_tdt,
)

NAN = np.nan

# --- Plexon

FP = ["FP01", "FP02", "FP03"]


def plexon(folder, **options):
    options = {"rate_hz": 1000, "channels": FP, **options}
    return write_plexon(folder / "rat.plx", signals(3000), **options)


@pytest.mark.parametrize("start", [0, 2**32 + 80_000])
def test_plexon_samples_and_events(tmp_path, start):
    events = [(0.5, 1, 0), (0.7, 257, 9), (1.5, 2, 0), (1.75, 257, 3)]
    file = plexon(tmp_path, start_tick=start, events=events)
    assert detect_format(tmp_path) == "plexon"
    recording = open_recording(tmp_path)
    assert_samples(recording, signals(3000), uv_per_bit=0.1526)
    assert list(recording.channel_ids) == FP and recording.sampling_frequency == 1000
    assert recording_start_s(recording) == start / 40_000
    expected = [
        ("Event001", 0.5, NAN),
        ("Strobed/9", 0.7, NAN),
        ("Event002", 1.5, NAN),
        ("Strobed/3", 1.75, NAN),
    ]
    assert_same(read_events(file), expected)
    # neo returns zeros for the last block where a piece ends with it
    reader = neo.rawio.PlexonRawIO(filename=str(file), progress_bar=False)
    reader.parse_header()
    theirs = reader.get_analogsignal_chunk(i_start=0, i_stop=2600, stream_index=0)
    assert np.array_equal(theirs, recording.get_traces(end_frame=2600))


@pytest.mark.parametrize(("version", "gain_uv"), [(101, 2441.40625), (102, 2441.40625)])
def test_plexon_gain_of_older_versions(tmp_path, version, gain_uv):
    """Versions before 103: 5000 mV over 12 bits; the preamplifier is 1000 before version 102."""
    file = plexon(tmp_path)
    data = bytearray(file.read_bytes())
    data[4:8] = struct.pack("<i", version)
    file.write_bytes(bytes(data))
    assert np.allclose(open_recording(file).get_channel_gains(), gain_uv / 1000)


def test_plexon_paused(tmp_path):
    file = plexon(tmp_path, gap=(5, 4000))
    with pytest.raises(InputError, match=r"FP01: block 5: found it 1.3500 s .* 1.2500 s.*paused"):
        open_recording(file)


def test_plexon_damage(tmp_path):
    file = plexon(tmp_path)
    whole = file.read_bytes()
    cut(file, bytes_off=30)
    with pytest.raises(InputError, match=r"rat.plx: found a block of type 1 .*truncated"):
        open_recording(file)
    file.write_bytes(whole + b"\x05\x00\x00")
    with pytest.raises(InputError, match=r"ends within a block"):
        open_recording(file)
    file.write_bytes(b"nothing of the sort" * 10)
    with pytest.raises(InputError, match=r"no PLX identifier"):
        open_recording(file)


def test_plexon_kinds_of_channels_are_streams(tmp_path):
    file = plexon(tmp_path, channels=["FP01", "FP02", "AI01"])
    with pytest.raises(InputError, match=r"'AI', 'FP'"):
        open_recording(file)
    assert list(open_recording(file, stream="FP").channel_ids) == ["FP01", "FP02"]


def test_plexon_pl2_is_refused_by_name(tmp_path):
    (tmp_path / "rat.pl2").write_bytes(b"x")
    with pytest.raises(InputError, match=r"rat.pl2: .pl2 files can be read with Plexon's own"):
        open_recording(tmp_path)


# --- TDT


def tdt(folder, **options):
    options = {"rate_hz": 1017.252625, **options}
    return write_tdt(folder / "tank" / "Block-1", signals(1280), **options)


@pytest.mark.parametrize("volts", [True, False])
def test_tdt_samples_and_epocs(tmp_path, volts):
    epocs = [("PC0", 0.25, 0.5), ("Lvr", 0.5, None), ("PC0", 0.75, 1.0)]
    block = tdt(tmp_path, volts=volts, epocs=epocs)
    assert detect_format(block) == "tdt"
    for path in (block, block.parent, block / "tank_Block-1.tev"):
        recording = open_recording(path)
        assert_samples(recording, signals(1280), uv_per_bit=0 if volts else 1)
        assert recording.sampling_frequency == pytest.approx(1017.252625, rel=1e-7)
    expected = [("PC0", 0.25, 0.5), ("Lvr", 0.5, NAN), ("PC0", 0.75, 1.0)]
    assert_same(read_events(block), sorted(expected, key=lambda r: (r[1], r[0])), atol=1e-6)


def test_tdt_with_a_gap(tmp_path):
    block = tdt(tmp_path, gap=(7, 0.5))
    with pytest.raises(InputError, match=r"store LFP1: chunk 7: found it 0.9404 s .* 0.4404 s"):
        open_recording(block)


def test_tdt_tank_of_two_blocks_asks_which(tmp_path):
    block = tdt(tmp_path)
    write_tdt(block.parent / "Block-2", signals(1280), rate_hz=1000)
    with pytest.raises(InputError, match=r"found 2 blocks \(Block-1, Block-2\)"):
        open_recording(block.parent)


def test_tdt_samples_cut(tmp_path):
    block = tdt(tmp_path)
    cut(block / "tank_Block-1.tev", bytes_off=100)
    with pytest.raises(InputError, match=r"tank_Block-1.tev: found 15260 bytes; expected 15360"):
        open_recording(block)


def test_tdt_index_cut(tmp_path):
    block = tdt(tmp_path)
    cut(block / "tank_Block-1.tsq", bytes_off=11)
    with pytest.raises(InputError, match=r"tsq: found \d+ records of 40 bytes and 29 bytes"):
        open_recording(block)


# --- Neuroscope

GROUPS = [[2, 0], [1]]


def neuroscope(folder, **options):
    return write_neuroscope(folder / "rat", groups=GROUPS, **options)


def test_neuroscope_wide_band_and_lfp_have_their_own_rates(tmp_path):
    x, y = signals(4000), signals(250)
    file = neuroscope(
        tmp_path, wide_uv=x, lfp_uv=y, events=[(0.1, "ripple start"), (0.15, "ripple stop")]
    )
    assert detect_format(tmp_path) == "neuroscope"
    lfp = open_recording(tmp_path)
    assert_samples(lfp, y, uv_per_bit=0.3052)
    assert lfp.sampling_frequency == 1250
    wide = open_recording(tmp_path, stream="dat")
    assert_samples(wide, x, uv_per_bit=0.3052)
    assert wide.sampling_frequency == 20_000
    assert list(wide.channel_ids) == ["0", "1", "2"]
    assert wide.get_property("group").tolist() == [0, 1, 0]
    assert open_recording(tmp_path / "rat.dat").get_num_samples() == 4000
    assert_same(read_events(file), [("ripple start", 0.1, NAN), ("ripple stop", 0.15, NAN)])
    theirs = neo_uv(neo.rawio.NeuroScopeRawIO(str(file), binary_file=str(tmp_path / "rat.dat")))
    assert np.abs(1000 * theirs - wide.get_traces(return_in_uV=True)).max() < 1e-2


def test_neuroscope_words_beside_the_wide_band(tmp_path):
    neuroscope(tmp_path, wide_uv=signals(4000))
    words = np.zeros(4000, dtype="<u2")
    words[100:300] |= 1 << 2
    words.tofile(tmp_path / "digitalin.dat")
    assert_same(read_events(tmp_path), [(2, 0.005, 0.015)])
    words[:-5].tofile(tmp_path / "digitalin.dat")
    with pytest.raises(InputError, match=r"digitalin.dat: found 7990 bytes; expected 8000"):
        read_events(tmp_path)


def test_neuroscope_damage(tmp_path):
    file = neuroscope(tmp_path, lfp_uv=signals(250))
    text = file.read_text()
    cut(tmp_path / "rat.lfp", bytes_off=1)
    with pytest.raises(InputError, match=r"rat.lfp: found 1499 bytes, no whole number of frames"):
        open_recording(tmp_path)
    for change, said in [
        (("<nBits>16", "<nBits>17"), r"nBits: found 17"),
        (("<nBits>16</nBits>", ""), r"nBits: found None; expected a number"),
        (("<offset>0", "<offset>2048"), r"offset: found 2048; expected 0"),
        (("</parameters>", ""), r"rat.xml: cannot be read as XML"),
        (("<parameters", "<!DOCTYPE x [<!ENTITY a 'b'>]><parameters"), r"document type"),
    ]:
        file.write_text(text.replace(*change))
        with pytest.raises(InputError, match=said):
            open_recording(tmp_path)


# --- Axona


@pytest.mark.parametrize(("kind", "rate", "uv"), [("eeg", 250, 5.86), ("egf", 4800, 0.0458)])
def test_axona_samples_gains_and_inputs(tmp_path, kind, rate, uv):
    x = signals(2000, size=100)
    pulses = [(3, 250, 500), (0, 750, 1000)]
    gains = [1000, 2000, 1000] if kind == "egf" else [2000, 2000, 2000]
    write_axona(tmp_path / "rat", x, kind=kind, gains=gains, pulses=pulses, keys=[(0.125, "a")])
    assert detect_format(tmp_path) == "axona"
    recording = open_recording(tmp_path)
    assert_samples(recording, x, uv_per_bit=uv)
    assert list(recording.channel_ids) == [kind, f"{kind}2", f"{kind}3"]
    assert recording.sampling_frequency == rate
    expected = [(line, on / rate, off / rate) for line, on, off in pulses]
    expected = sorted([*expected, ("key a", 0.125, NAN)], key=lambda row: row[1])
    assert_same(read_events(tmp_path), expected, atol=1e-3)
    names = [file.name for file in recording_files(tmp_path)]
    assert names == [f"rat.{kind}", f"rat.{kind}2", f"rat.{kind}3", "rat.inp", "rat.set"]


def test_axona_damage(tmp_path):
    write_axona(tmp_path / "rat", signals(2000), gains=[1000] * 3, pulses=[(0, 1, 2)])
    file = tmp_path / "rat.egf2"
    whole = file.read_bytes()
    file.write_bytes(whole[:-300])
    with pytest.raises(InputError, match=r"rat.egf2: found no data_end"):
        open_recording(tmp_path)
    file.write_bytes(whole.replace(b"data_start", b"data_start\0\0"))
    with pytest.raises(InputError, match=r"rat.egf2: found 4002 bytes, 2000 samples of 2 bytes"):
        open_recording(tmp_path)
    file.write_bytes(whole)
    setup = tmp_path / "rat.set"
    setup.write_text(setup.read_text().replace("gain_ch_3", "gain_ch_99"))
    with pytest.raises(InputError, match=r"rat.set: header: found gain_ch_3 ''; expected a number"):
        open_recording(tmp_path)


# --- raw binary with a probe file


@pytest.fixture
def probed(tmp_path):
    """Four channels of two shanks, wired in reverse, and one channel that is on no contact."""
    counts = np.arange(500, dtype="<i2").reshape(100, 5)
    path = tmp_path / "raw.dat"
    counts.tofile(path)
    probe = probeinterface.generate_multi_shank(
        num_shank=2, num_columns=1, num_contact_per_column=2
    )
    probe.set_device_channel_indices([3, 2, 1, 0])
    probeinterface.write_probeinterface(tmp_path / "probe.json", probe)
    car = {
        "rate_hz": 1000,
        "channels": ["a", "b", "c", "d", "trigger"],
        "dtype": "int16",
        "gain_uv": 0.195,
        "offset_uv": 0,
        "probe": "probe.json",
    }
    (tmp_path / "raw.dat.json").write_text(json.dumps(car))
    return path


def test_binary_with_a_probe_keeps_all_channels_in_order(probed):
    recording = open_recording(probed)
    assert list(recording.channel_ids) == ["a", "b", "c", "d", "trigger"]
    assert recording.get_property("shank").tolist() == ["1", "1", "0", "0", ""]
    places = recording.get_property("location")
    assert np.isnan(places[4]).all() and places[2, 0] == places[3, 0] != places[0, 0]
    assert np.allclose(recording.get_traces(return_in_uV=True)[1], np.arange(5, 10) * 0.195)
    assert len(read_events(probed)) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("unwired", r"probe.json: found a probe without device_channel_indices"),
        ("other rig", r"contact 0: found channel 13; expected 0 to 4"),
        ("lost", r"probe.json: not found, but named as probe in raw.dat.json"),
        ("no json", r"probe.json: cannot be read as probe file"),
        ("path", r"raw.dat.json: probe: found a path"),
    ],
)
def test_binary_with_a_wrong_probe(probed, change, said):
    file = probed.parent / "probe.json"
    data = json.loads(file.read_text())
    if change == "unwired":
        del data["probes"][0]["device_channel_indices"]
    elif change == "other rig":
        data["probes"][0]["device_channel_indices"] = [13, 12, 11, 10]
    file.write_text("{" if change == "no json" else json.dumps(data))
    if change == "lost":
        shutil.move(file, probed.parent / "other.json")
    if change == "path":
        car = probed.parent / "raw.dat.json"
        car.write_text(car.read_text().replace("probe.json", "../../etc/probe.json"))
    with pytest.raises(InputError, match=said):
        open_recording(probed)


# --- the writers themselves

X = signals(1280)
WRITERS = {
    "intan": lambda folder, x: write_intan(folder / "a.rhd", x, rate_hz=2000, channels=FP),
    "blackrock": lambda folder, x: write_blackrock(
        folder / "a", x, rate_hz=1000, channels=FP, pulses=[(1, 5, 9)]
    ),
    "neuralynx": lambda folder, x: write_neuralynx(
        folder, x, rate_hz=2000, channels=FP, pulses=[(1, 5, 9)]
    ),
    "bdf": lambda folder, x: write_bdf(folder / "a.bdf", x, rate_hz=640, channels=FP),
    "brainvision": lambda folder, x: write_brainvision(
        folder / "a.vhdr", x, rate_hz=640, channels=FP
    ),
    "plexon": lambda folder, x: write_plexon(folder / "a.plx", x, rate_hz=1000, channels=FP),
    "neuroscope": lambda folder, x: write_neuroscope(folder / "a", lfp_uv=x, groups=GROUPS),
    "axona": lambda folder, x: write_axona(folder / "a", x, gains=[1000] * 3),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_writers_same_arguments_same_bytes_and_no_clipping(tmp_path, writer):
    for copy in ("one", "two"):
        WRITERS[writer](tmp_path / copy, X)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    for wrong in (1e9, np.nan):
        loud = X.copy()
        loud[77, 2] = wrong
        with pytest.raises(InputError, match=r"found"):
            WRITERS[writer](tmp_path / "three", loud)
