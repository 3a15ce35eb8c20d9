"""TTL events: pulses written into each format come back, to the sample; damage is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.ingest import line_pulses, open_recording, read_events, threshold_events
from pipeline.ingest.events_words import (
    idle_word,
    pair_edges,
    read_columns,
    split_lines,
    word_changes,
)
from pipeline.simulate.writers import (
    write_openephys,
    write_spikeglx,
    write_spikeglx_nidq,
)

#: (line, first high sample, first low sample): one from the start, one until the end, two lines
#: that change at the same sample, a pulse of one sample
PULSES = [(1, 0, 40), (1, 100, 101), (3, 101, 500), (2, 101, 300), (2, 300 + 1, None)]


def signals(samples=1000, channels=2):
    rng = np.random.default_rng(8)
    return rng.normal(0, 100, (samples, channels)).astype(np.float32)


def truth(pulses, rate_hz, *, first=0):
    """Rows (line, t_on, t_off) in seconds from the first sample; NaN for an edge not recorded."""
    rows = [
        (line, np.nan if on == 0 else on / rate_hz, np.nan if off is None else off / rate_hz)
        for line, on, off in pulses
    ]
    return sorted(rows, key=lambda row: (-1.0 if np.isnan(row[1]) else row[1], str(row[0])))


def rows(events):
    found = [tuple(row) for row in events[["line", "t_on", "t_off"]].itertuples(index=False)]
    return sorted(found, key=lambda row: (-1.0 if np.isnan(row[1]) else row[1], str(row[0])))


def assert_same(events, expected, *, atol=1e-9):
    found = rows(events)
    assert [row[0] for row in found] == [row[0] for row in expected]
    for column in (1, 2):
        assert np.allclose(
            [row[column] for row in found],
            [row[column] for row in expected],
            rtol=0,
            atol=atol,
            equal_nan=True,
        )


# --- words and edges


def test_word_changes_do_not_depend_on_the_pieces():
    rng = np.random.default_rng(1)
    words = np.repeat(rng.integers(0, 2**16, 60), rng.integers(1, 9, 60)).astype(np.uint16)
    whole = word_changes([words], mask=0xFFFF)
    for size in (1, 2, 7, 64):
        pieces = [words[i : i + size] for i in range(0, len(words), size)]
        cut = word_changes(pieces, mask=0xFFFF)
        assert cut.first == whole.first
        assert np.array_equal(cut.samples, whole.samples)
        assert np.array_equal(cut.words, whole.words)


def test_split_lines_agree_with_each_bit_on_its_own():
    rng = np.random.default_rng(2)
    words = rng.integers(0, 2**16, 500).astype(np.uint16)
    changes = word_changes([words], mask=0xFFFF)
    found = {
        pulses.line: pulses
        for pulses in split_lines(
            changes.first, changes.samples, changes.words, lines={bit: bit for bit in range(16)}
        )
    }
    for bit in range(16):
        level = (words >> bit & 1).astype(int)
        on = [i for i in range(1, 500) if level[i] > level[i - 1]]
        off = [i for i in range(1, 500) if level[i] < level[i - 1]]
        assert [t for t in found[bit].on if np.isfinite(t)] == on
        assert [t for t in found[bit].off if np.isfinite(t)] == off
        assert np.isnan(found[bit].on[0]) == (level[0] == 1)
        assert np.isnan(found[bit].off[-1]) == (level[-1] == 1)


def test_lost_edges_leave_holes_and_nothing_is_dropped():
    #        on   on   off  off  on  (one falling and one rising edge were lost)
    on, off = pair_edges(np.array([1.0, 2, 3, 4, 5]), np.array([1, 1, 0, 0, 1], bool))
    assert np.array_equal(on, [1, 2, np.nan, 5], equal_nan=True)
    assert np.array_equal(off, [np.nan, 3, 4, np.nan], equal_nan=True)
    on, off = pair_edges(np.zeros(0), np.zeros(0, bool))
    assert len(on) == len(off) == 0


def test_line_that_never_changes_has_no_pulse():
    assert split_lines(4, np.zeros(0), np.zeros(0, np.uint64), lines={0: 0, 2: 2}) == []


@pytest.mark.parametrize(
    ("word", "idle"),
    [(0x0001, 0), (0x0000, 0), (0xFFFE, 0xFFFF), (0x01FE, 0x00FF), (0x000F, 0)],
)
def test_idle_level_is_that_of_most_lines_of_a_byte(word, idle):
    assert idle_word(word, bits=16) == idle


def test_columns_are_read_piece_by_piece(tmp_path, monkeypatch):
    values = np.arange(35, dtype="<u2").reshape(5, 7)
    (tmp_path / "a.bin").write_bytes(b"head" + values.tobytes() + b"x")
    monkeypatch.setattr("pipeline.ingest.events_words.CHUNK_FRAMES", 2)
    pieces = list(
        read_columns(tmp_path / "a.bin", dtype="<u2", columns=7, wanted=slice(5, 7), offset=4)
    )
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert np.array_equal(np.concatenate(pieces), values[:, 5:])


# --- Open Ephys


@pytest.mark.parametrize("start", [0, 123_456])
def test_openephys_pulses_come_back(tmp_path, start):
    write_openephys(
        tmp_path,
        signals(),
        rate_hz=1000,
        channels=["a", "b"],
        start_sample=start,
        pulses=PULSES,
    )
    events = read_events(tmp_path)
    # A line that is high at the first sample has no rising edge in the file.
    assert_same(events, truth(PULSES, 1000))
    assert set(events.clock) == {"Acquisition_Board-100.acquisition_board"}
    assert events.aligned.all()


def only(folder, pattern):
    (file,) = folder.rglob(pattern)
    return file


@pytest.fixture
def openephys(tmp_path):
    return write_openephys(
        tmp_path, signals(), rate_hz=1000, channels=["a", "b"], start_sample=50, pulses=PULSES
    )


def test_openephys_before_version_6(openephys):
    ttl = only(openephys, "states.npy").parent
    states = np.load(ttl / "states.npy")
    (ttl / "states.npy").rename(ttl / "channel_states.npy")
    np.save(ttl / "channels.npy", np.abs(states))
    (ttl / "sample_numbers.npy").replace(ttl / "timestamps.npy")
    assert_same(read_events(openephys), truth(PULSES, 1000))


def test_openephys_timestamps_of_minus_one_do_not_matter_on_the_own_clock(openephys):
    file = only(openephys, "TTL/timestamps.npy")
    np.save(file, np.full(len(np.load(file)), -1.0))
    assert_same(read_events(openephys), truth(PULSES, 1000))


def second_stream(folder, *, drift=1.0, offset_s=0.0):
    """Add the same pulses as seen by a device with its own clock of 2000 Hz."""
    ttl = only(folder, "states.npy").parent
    other = ttl.parent.with_name("NI-DAQmx-101.PXIe") / "TTL"
    other.mkdir(parents=True)
    numbers = np.load(ttl / "sample_numbers.npy")
    np.save(other / "states.npy", np.load(ttl / "states.npy"))
    np.save(other / "sample_numbers.npy", np.round(numbers * 2 * drift).astype(np.int64))
    synchronised = numbers / 1000 + offset_s
    np.save(other / "timestamps.npy", synchronised)
    structure = only(folder, "structure.oebin")
    described = json.loads(structure.read_text())
    entry = {**described["events"][0], "folder_name": "NI-DAQmx-101.PXIe/TTL/"}
    described["events"].append({**entry, "stream_name": "PXIe", "sample_rate": 2000.0})
    structure.write_text(json.dumps(described))
    return other


def test_openephys_stream_that_the_gui_synchronised_is_aligned(openephys):
    second_stream(openephys, drift=1.0005)
    events = read_events(openephys)
    other = events[events.clock == "NI-DAQmx-101.PXIe"]
    assert other.aligned.all()
    assert_same(other, truth(PULSES, 1000))


@pytest.mark.parametrize("timestamps", ["own clock", "minus one", "backwards"])
def test_openephys_stream_without_synchronisation_is_marked(openephys, timestamps):
    other = second_stream(openephys, drift=1.0005)
    numbers = np.load(other / "sample_numbers.npy")
    stamps = {
        "own clock": numbers / 2000,
        "minus one": np.full(len(numbers), -1.0),
        "backwards": np.load(other / "timestamps.npy")[::-1],
    }
    np.save(other / "timestamps.npy", stamps[timestamps])
    events = read_events(openephys)
    found = events[events.clock == "NI-DAQmx-101.PXIe"]
    assert not found.aligned.any()
    # as if both clocks had started together: half a sample of rounding, and the drift
    expected = [
        (line, *((np.round((t * 1000 + 50) * 2 * 1.0005) / 2000 - 0.05) for t in edges))
        for line, *edges in truth(PULSES, 1000)
    ]
    assert_same(found, expected)


def test_same_line_of_two_streams_asks_which(openephys):
    second_stream(openephys, drift=1.0005)
    events = read_events(openephys)
    with pytest.raises(InputError, match=r"line 3 in .*name the clock too: .*3 of 'NI-DAQmx"):
        line_pulses(events, 3, file="f")
    assert len(line_pulses(events, 3, clock="NI-DAQmx-101.PXIe")) == 1
    with pytest.raises(InputError, match=r"f: found 1 of .*2 pulses.*expected line 9"):
        line_pulses(events, 9, file="f")
    assert len(line_pulses(events[events.clock == "NI-DAQmx-101.PXIe"], "2")) == 2


def test_openephys_sample_numbers_that_run_backwards(openephys):
    file = only(openephys, "TTL/sample_numbers.npy")
    numbers = np.load(file)
    numbers[3] = 0
    np.save(file, numbers)
    with pytest.raises(InputError, match=r"sample_numbers.npy: entry 3: found sample 0 after"):
        read_events(openephys)


def test_openephys_states_that_were_cut(openephys):
    file = only(openephys, "states.npy")
    np.save(file, np.load(file)[:-1])
    with pytest.raises(InputError, match=r"states.npy: found 7 states for 8 entries.*truncated"):
        read_events(openephys)


def test_openephys_events_of_another_recording(openephys):
    file = only(openephys, "TTL/sample_numbers.npy")
    np.save(file, np.load(file) + 1_000_000)
    with pytest.raises(InputError, match=r"all 5 events between 1000.* 1\.000 s: the event file"):
        read_events(openephys)


def test_recording_without_events_gives_no_rows(tmp_path):
    write_openephys(tmp_path, signals(), rate_hz=1000, channels=["a", "b"])
    events = read_events(tmp_path)
    assert len(events) == 0
    assert list(events.columns) == ["line", "t_on", "t_off", "clock", "aligned"]


# --- SpikeGLX


def test_spikeglx_sync_word_is_bit_six(tmp_path):
    pulses = [(6, 100, 600), (6, 800, None), (0, 3, 9), (11, 50, 60)]
    write_spikeglx(
        tmp_path, "r", signals(), rate_hz=2500, channels=["a", "b"], start_sample=9, pulses=pulses
    )
    events = read_events(tmp_path)
    assert_same(events, truth(pulses[:2], 2500))
    assert set(events.clock) == {"imec0.lf"} and events.aligned.all()


def test_spikeglx_lines_of_all_words_keep_apart(tmp_path):
    """neo gives line 8 the pulses of line 0, and loses those of line 9."""
    lines = [0, 1, 7, 8, 9, 15, 16, 31]
    pulses = [(line, 10 + 20 * i, 15 + 21 * i) for i, line in enumerate(lines)]
    write_spikeglx_nidq(tmp_path, "r", pulses, rate_hz=1000, samples=500, words=2)
    recording = open_recording(tmp_path, stream="nidq")
    assert recording.get_num_samples() == 500
    assert_same(read_events(tmp_path, stream="nidq"), truth(pulses, 1000))


def test_spikeglx_nidq_counts_from_its_own_first_sample(tmp_path):
    write_spikeglx(tmp_path, "r", signals(), rate_hz=2500, channels=["a", "b"], start_sample=25_000)
    write_spikeglx_nidq(
        tmp_path, "r", [(4, 100, 200)], rate_hz=1000, samples=400, start_sample=10_100
    )
    events = read_events(tmp_path, stream="imec0.lf")
    # signals began 10 s into the run, the NI device's file 10.1 s
    assert_same(events, [(4, 0.2, 0.3)])
    assert not events.aligned.any() and set(events.clock) == {"nidq"}


def test_spikeglx_bands_of_one_probe_share_the_sync_line(tmp_path):
    lf = write_spikeglx(
        tmp_path, "r", signals(), rate_hz=2500, channels=["a", "b"], pulses=[(6, 10, 20)]
    )
    for file in (lf, lf.with_suffix(".meta")):
        text = file.read_bytes().replace(b"lf.bin", b"ap.bin").replace(b"(1 1 0 0)", b"(1 1 0 1)")
        file.with_name(file.name.replace(".lf.", ".ap.")).write_bytes(text)
    for stream in ("imec0.lf", "imec0.ap"):
        events = read_events(tmp_path, stream=stream)
        assert len(events) == 1 and events.clock[0] == stream


def test_spikeglx_renamed_files(tmp_path):
    lf = write_spikeglx(tmp_path, "r", signals(), rate_hz=2500, channels=["a", "b"])
    for file in (lf, lf.with_suffix(".meta")):
        file.rename(file.with_name(file.name.replace("imec0", "imec3")))
    with pytest.raises(InputError, match=r"the files were renamed"):
        read_events(tmp_path)


# --- thresholds


def test_analog_pulses_by_threshold_with_hysteresis(tmp_path):
    rng = np.random.default_rng(3)
    volts = np.zeros((30_000, 1))
    for on, off in [(5000, 5100), (12_000, 13_000), (29_000, 30_000)]:
        volts[on:off] = 3.3
    volts += rng.normal(0, 0.2, volts.shape)
    write_spikeglx_nidq(
        tmp_path, "r", [(0, 1, 2)], rate_hz=1000, samples=30_000, analog_uv=volts * 1e6
    )
    recording = open_recording(tmp_path, stream="nidq")
    events = threshold_events(recording, "XA0", high_uv=2.2e6, low_uv=1.1e6, line="camera")
    assert_same(events, [("camera", 5.0, 5.1), ("camera", 12.0, 13.0), ("camera", 29.0, np.nan)])
    assert set(events.clock) == {"nidq"}
    with pytest.raises(InputError, match="expected less than high_uv"):
        threshold_events(recording, "XA0", high_uv=1e6, low_uv=2e6)
    with pytest.raises(InputError, match="analog channel 'XA7': found XA0"):
        threshold_events(recording, "XA7", high_uv=1e6)


def test_committed_recordings_have_no_events():
    data = Path(__file__).parent / "data"
    for name in ("openephys", "spikeglx"):
        assert len(read_events(data / name)) == 0
