"""units.nc of a session: channels, regions, amplitudes and waveforms of its sortings."""

import numpy as np
import pytest
from spikeinterface import NumpyRecording
from test_ingest_sorted_folders import CHANNEL_MAP, RATE_HZ, kilosort, nwb, trains
from test_ingest_sorted_rigs import neuralynx, spikes

from pipeline.errors import InputError
from pipeline.ingest.joining import RecordingPart, join_recordings
from pipeline.spikes import load_units, save_units, units_dataset
from pipeline.spikes.units import unit_amplitudes, unit_trains
from pipeline.steps.extract_units import _recorded, extract_units, take_over

CHANNELS = [f"CH{number}" for number in range(1, 9)]


def part(
    path, *, channels=CHANNELS, seconds=30.0, starts_at_s=0.0, probe="", clock_s=0.0, rate_hz=100.0
):
    traces = np.zeros((int(seconds * rate_hz), len(channels)), dtype="int16")
    recording = NumpyRecording([traces], rate_hz, channel_ids=list(channels))
    recording.annotate(clock_start_s=clock_s)
    return RecordingPart(str(path), str(path), probe, starts_at_s, recording)


def extracted(tmp_path, parts, sortings, *, listed=(), ours=""):
    """Run the step for recordings with one sorting each; dataset, warnings."""
    sources = [
        {"path": p.path, "label": p.probe, "sorting": str(s)}
        for p, s in zip(parts, sortings, strict=True)
    ]
    settings = {"recordings": sources, "sorting": "", "channels": list(listed), "sorted": str(ours)}
    warnings, facts = [], {}
    extract_units(settings, tmp_path / "units.nc", join_recordings(parts), warnings, facts)
    units = load_units(tmp_path / "units.nc")
    assert facts == {"n_units_sorted": units.sizes["unit"]}
    return units, warnings


def rows(regions):
    return [{"channel": c, "region": r} for c, r in regions.items()]


def test_place_of_the_channel_becomes_its_name_and_gives_the_region(tmp_path):
    sorting = kilosort(tmp_path / "ks")
    regions = {name: "CA1" if index < 4 else "mPFC" for index, name in enumerate(CHANNELS)}
    units, warnings = extracted(tmp_path, [part("a")], [sorting], listed=rows(regions))
    # columns 1, 4, 2 of the templates are the channels 5, 0, 3 of the file, counted from 0
    assert CHANNEL_MAP[[1, 4, 2]].tolist() == [5, 0, 3]
    assert units.channel.values.tolist() == ["CH6", "CH1", "CH4"]
    assert units.region.values.tolist() == ["mPFC", "CA1", "CA1"] and warnings == []
    assert units.waveform.attrs["rate_hz"] == RATE_HZ and "probe" not in units.coords
    assert units.amplitude.attrs["units"] == "a.u." and units.sizes["waveform_sample"] == 40


def test_place_in_a_file_with_other_channels_says_nothing(tmp_path):
    sorting = kilosort(tmp_path / "ks")
    fewer = CHANNELS[:6]
    regions = {name: "CA1" if index < 4 else "mPFC" for index, name in enumerate(fewer)}
    units, warnings = extracted(
        tmp_path, [part("a", channels=fewer)], [sorting], listed=rows(regions)
    )
    assert "channel" not in units.coords
    assert len(warnings) == 1 and "3 unit(s) whose region neither the sorting" in warnings[0]


def test_channel_number_of_phy_is_a_place_and_no_name(tmp_path):
    sorting = kilosort(tmp_path / "ks")  # of a file with 8 channels
    info = "cluster_id\tch\tgroup\n0\t5\tgood\n1\t0\tgood\n2\t3\tgood\n"
    (sorting / "cluster_info.tsv").write_text(info)
    from_one = [str(number) for number in range(1, 9)]
    units, _ = extracted(tmp_path, [part("a", channels=from_one)], [sorting])
    assert units.channel.values.tolist() == ["6", "1", "4"]
    units, _ = extracted(tmp_path, [part("a", channels=from_one[:6])], [sorting])
    assert "channel" not in units.coords


def test_samples_of_a_sorting_count_at_the_recordings_rate(tmp_path):
    """Kilosort was told 30000 Hz; the headstage ran at 30000.27, and the LFP is every 12th."""
    sorting = kilosort(tmp_path / "ks")
    told, _ = extracted(tmp_path, [part("a")], [sorting])
    recording = part("a", rate_hz=30_000.27 / 12)
    units, warnings = extracted(tmp_path, [recording], [sorting])
    np.testing.assert_allclose(
        units.spike_time.values, told.spike_time.values * 30_000 / 30_000.27, rtol=1e-12
    )
    assert warnings == []  # 0.3 ms in 30 s
    (sorting / "params.py").write_text("sample_rate = 29990\nn_channels_dat = 8\n")
    units, warnings = extracted(tmp_path, [recording], [sorting])
    assert warnings == [
        "ks: its sample numbers count as those of the recording, 30000.27 a second, not 29990: "
        "10.3 ms at the end"
    ]
    # no whole multiple, though a large one is within 0.04 %: the recording was resampled
    units, warnings = extracted(tmp_path, [part("a", rate_hz=101.7)], [sorting])
    np.testing.assert_allclose(units.spike_time.values, told.spike_time.values * 30_000 / 29_990)
    assert warnings == []


def test_spikes_outside_the_recording_are_told(tmp_path):
    _, warnings = extracted(tmp_path, [part("a", seconds=5.0)], [kilosort(tmp_path / "ks")])
    beyond = int(np.sum(np.concatenate(trains()) > 5.5))
    total = len(np.concatenate(trains()))
    assert f"ks: {beyond} of {total} spikes lie outside the recording, 0.0 to 5.0 s" in warnings[0]


def test_nwb_units_beside_a_recording_that_starts_late_are_told(tmp_path):
    sorting = nwb(tmp_path / "units.nwb")
    names = ["100", "101", "102", "103"]
    _, warnings = extracted(tmp_path, [part("raw", channels=names, clock_s=12.5)], [sorting])
    assert "units.nwb: its spikes are taken from the first sample of raw, which" in warnings[0]
    _, warnings = extracted(tmp_path, [part("raw", channels=names)], [sorting])
    assert warnings == []


def test_sorting_of_some_parts_only_is_told(tmp_path):
    one, two = kilosort(tmp_path / "one"), kilosort(tmp_path / "two")
    parts = [part("a"), part("b", starts_at_s=100.0)]
    _, warnings = extracted(tmp_path, parts, [one, two])
    assert [said.split(":")[0] for said in warnings] == ["one", "two"]
    assert "sorted from 1 of the 2 recordings of its probe" in warnings[0]
    _, warnings = extracted(tmp_path, parts, [one, ""])
    assert "do not count where an epoch lies there" in warnings[0] and len(warnings) == 1


def test_units_of_some_parts_say_from_when_to_when_they_were_sorted(tmp_path):
    one, two = kilosort(tmp_path / "one"), kilosort(tmp_path / "two")
    parts = [part("a"), part("b", starts_at_s=100.0)]
    units, _ = extracted(tmp_path, parts, [one, two])
    half = units.sizes["unit"] // 2
    ends = [parts[0].stops_at_s, parts[1].stops_at_s]
    assert units["sorted_from_s"].values.tolist() == [0.0] * half + [100.0] * half
    assert units["sorted_until_s"].values.tolist() == [ends[0]] * half + [ends[1]] * half
    whole, _ = extracted(tmp_path, [part("a")], [one])
    assert "sorted_from_s" not in whole


def test_sync_word_of_neuropixels_is_no_channel(tmp_path):
    sorting = kilosort(tmp_path / "ks")  # of a file with 8 channels
    sites = [f"LF{number}" for number in range(7)]
    units, _ = extracted(tmp_path, [part("a", channels=sites)], [sorting])
    assert units.channel.values.tolist() == ["LF5", "LF0", "LF3"]


def test_both_bands_of_neuropixels_are_one_site():
    sites = ("LF0", "LF1", "AP2")
    assert _recorded("imec0.ap#AP1", sites) == "LF1" and _recorded("AP2", sites) == "AP2"
    assert _recorded("AP7", sites) == "AP7" and _recorded("CH1", ("x#CH1", "CH1")) == "CH1"


def test_channel_that_the_sorting_names_needs_no_place(tmp_path):
    sorting = nwb(tmp_path / "a.nwb")
    names = ["100", "101", "102", "103"]
    units, _ = extracted(tmp_path, [part("a", channels=names)], [sorting])
    assert units.channel.values.tolist() == ["101", "101", "103"]
    assert units.region.values.tolist() == ["CA1", "CA1", "mPFC"]


def test_amplitudes_stay_with_their_spikes_through_chained_parts(tmp_path):
    sorting = kilosort(tmp_path / "ks")
    parts = [part("a", seconds=8.0), part("b", seconds=12.0, starts_at_s=100.0)]
    units, _ = extracted(tmp_path, parts, [sorting, sorting])
    alone, _ = extracted(tmp_path, [part("a")], [sorting])
    for truth, times, sizes, before in zip(
        trains(), unit_trains(units), unit_amplitudes(units), unit_amplitudes(alone), strict=True
    ):
        np.testing.assert_allclose(times, np.where(truth < 8, truth, truth + 92), atol=1e-6)
        np.testing.assert_array_equal(sizes, before)


def test_two_probes_one_without_amplitudes_and_with_other_waveforms(tmp_path):
    one = kilosort(tmp_path / "ks")
    two = kilosort(tmp_path / "bare")
    for name in ("amplitudes.npy", "templates.npy"):
        (two / name).unlink()
    parts = [part("a", probe="A"), part("b", probe="B", starts_at_s=2.0)]
    units, warnings = extracted(tmp_path, parts, [one, two])
    assert units.unit_id.values.tolist() == ["A:0", "A:1", "A:2", "B:0", "B:1", "B:2"]
    assert units.probe.values.tolist() == ["A"] * 3 + ["B"] * 3
    assert units.channel.values.tolist() == ["A:CH6", "A:CH1", "A:CH4", "", "", ""]
    known = [np.isfinite(sizes).all() for sizes in unit_amplitudes(units)]
    assert known == [True] * 3 + [False] * 3
    assert np.isfinite(units.waveform.values).all(axis=1).tolist() == known
    assert warnings == []


def test_two_probes_in_one_folder_have_their_own_sortings(tmp_path):
    """Open Ephys and SpikeGLX keep both probes in one folder, as two streams."""
    one, two = kilosort(tmp_path / "one"), kilosort(tmp_path / "two")
    parts = [part("a", probe="A"), part("a", probe="B", starts_at_s=2.0)]
    units, warnings = extracted(tmp_path, parts, [one, two])
    assert units.probe.values.tolist() == ["A"] * 3 + ["B"] * 3 and warnings == []
    first, second = unit_trains(units)[0], unit_trains(units)[3]
    np.testing.assert_allclose(second, first + 2.0, rtol=0, atol=1e-9)
    assert units.channel.values.tolist()[2:4] == ["A:CH4", "B:CH6"]


def test_waveforms_of_another_rate_are_left_out_and_named(tmp_path):
    one, two = kilosort(tmp_path / "ks"), tmp_path / "TT1.ntt"
    neuralynx(two, *spikes())
    parts = [part("a", probe="A"), part("b", probe="B", clock_s=5000.0)]
    units, warnings = extracted(tmp_path, parts, [one, two])
    assert np.isfinite(units.waveform.values[:3]).all() and units.sizes["unit"] == 5
    assert np.isnan(units.waveform.values[3:]).all()
    assert "sampled at 32000 Hz are left out beside those at 30000 Hz: 2 unit(s)" in warnings[0]
    assert units.amplitude.attrs["units"] == "a.u."  # microvolts and a sorter's own together


def test_times_of_a_rig_count_from_the_recordings_start(tmp_path):
    seconds, cells, scale = spikes()
    sorting = neuralynx(tmp_path / "TT1.ntt", seconds, cells, scale)
    units, _ = extracted(tmp_path, [part("a", clock_s=5000.0, starts_at_s=7.0)], [sorting])
    times = unit_trains(units)[0]
    np.testing.assert_allclose(times, seconds[cells == 2] + 7.0, rtol=0, atol=1e-5)


def test_parts_sorted_as_one_on_the_rigs_clock(tmp_path):
    seconds, cells, scale = spikes()
    sorting = neuralynx(tmp_path / "TT1.ntt", seconds, cells, scale)
    first = part("a", seconds=4.0, clock_s=5000.0)
    second = part("b", seconds=4.0, clock_s=5005.0, starts_at_s=5.0)
    units, warnings = extracted(tmp_path, [first, second], [sorting, sorting])
    expected = seconds[cells == 2]
    np.testing.assert_allclose(unit_trains(units)[0], expected, rtol=0, atol=1e-5)
    assert warnings == []
    late = part("b", seconds=4.0, clock_s=5005.0, starts_at_s=300.0)
    with pytest.raises(
        InputError, match=r"b starts 5\.000 s after a on the rig's.*says 300\.000 s"
    ):
        extracted(tmp_path, [first, late], [sorting, sorting])


def test_sorting_of_another_recording_on_the_rigs_clock_is_refused(tmp_path):
    sorting = neuralynx(tmp_path / "TT1.ntt", *spikes())
    with pytest.raises(InputError, match=r"spikes from 500\d.* expected some between 0.0 and 30.0"):
        extracted(tmp_path, [part("a")], [sorting])


def test_times_of_a_rig_without_a_recording_are_named(tmp_path):
    sorting = neuralynx(tmp_path / "TT1.ntt", *spikes())
    settings = {"recordings": [], "sorting": str(sorting), "channels": []}
    warnings = []
    extract_units(settings, tmp_path / "units.nc", [], warnings, {})
    assert "TT1.ntt: spike times count from the zero of the rig's clock" in warnings[0]


# --- sorted here


def ours(channel=("CH1", "CH5", "gone"), **more):
    return units_dataset(
        [[1.0, 2.0], [3.0], []], ["0", "1", "2"], channel=list(channel),
        metrics={"snr": [5.0, 6.0, 7.0]}, **more,
    )  # fmt: skip


def test_units_sorted_here_get_the_regions_of_their_channels(tmp_path):
    regions = {name: "CA1" if index < 4 else "mPFC" for index, name in enumerate(CHANNELS)}
    save_units(ours(), tmp_path / "sorted.nc")
    units, warnings = extracted(
        tmp_path, [part("a")], [""], listed=rows(regions), ours=tmp_path / "sorted.nc"
    )
    assert units.region.values.tolist() == ["CA1", "mPFC", "all"]
    assert "sorted here: 1 unit(s)" in warnings[0]
    assert units.snr.values.tolist() == [5.0, 6.0, 7.0]
    assert units.spike_time.values.tolist() == [1.0, 2.0, 3.0]


def test_region_that_is_there_stays_and_one_region_needs_no_channel():
    warnings = []
    found = take_over(ours(region=["CA3", "", ""]), rows({"CH1": "CA1", "CH5": "CA1"}), warnings)
    assert found.region.values.tolist() == ["CA3", "CA1", "CA1"] and warnings == []


def test_session_in_which_nothing_was_sorted_leaves_an_empty_file(tmp_path):
    (tmp_path / "sorted.nc").write_bytes(b"")
    settings = {
        "recordings": [{"path": "a", "label": "", "sorting": ""}],
        "sorting": "",
        "channels": [],
    }
    settings["sorted"] = str(tmp_path / "sorted.nc")
    facts = {}
    extract_units(settings, tmp_path / "units.nc", join_recordings([part("a")]), [], facts)
    assert (tmp_path / "units.nc").read_bytes() == b"" and facts == {}


def test_session_whose_sorter_found_nothing_has_units_that_are_none(tmp_path):
    none = units_dataset([], [], channel=[], waveform=np.empty((0, 0)), waveform_rate_hz=1.0)
    save_units(none, tmp_path / "sorted.nc")
    regions = rows(dict.fromkeys(CHANNELS, "CA1"))
    units, _ = extracted(tmp_path, [part("a")], [""], listed=regions, ours=tmp_path / "sorted.nc")
    assert units.sizes["unit"] == 0 and units.region.dtype.kind == "U"


def test_sorted_twice_is_refused(tmp_path):
    save_units(ours(), tmp_path / "sorted.nc")
    sorting = kilosort(tmp_path / "ks")
    with pytest.raises(InputError, match=r"ks: found a sorting of this session.*one of the two"):
        extracted(tmp_path, [part("a")], [sorting], ours=tmp_path / "sorted.nc")


def test_units_sorted_here_without_channels_are_refused():
    with pytest.raises(InputError, match="found no channel per unit"):
        take_over(units_dataset([[1.0]], ["0"]), [], [])
