"""Sorted units from NWB and phy: names, regions, times; nothing of a sorting's folder is run."""

import shutil
from pathlib import Path

import h5py
import make_data
import numpy as np
import pynwb
import pytest

from pipeline.errors import InputError
from pipeline.ingest import read_units
from pipeline.ingest.phy import sample_rate

DATA = Path(__file__).parent / "data"


@pytest.fixture
def phy(tmp_path):
    return Path(shutil.copytree(DATA / "phy", tmp_path / "phy"))


@pytest.fixture
def nwb(tmp_path):
    return Path(shutil.copy(DATA / "session.nwb", tmp_path / "session.nwb"))


@pytest.mark.parametrize("path", ["phy", "session.nwb"])
def test_units_come_back(path):
    units = read_units(DATA / path)
    assert units.unit_id == ("3", "7", "12")
    assert units.quality == ("good", "mua", "good")
    for read, written in zip(units.spike_times, make_data.spike_times_s(), strict=True):
        assert np.allclose(read, written, rtol=0, atol=1e-9) and read.dtype == np.float64
    regions = make_data.REGIONS if path == "session.nwb" else ["mPFC", "CA1", ""]
    assert list(units.region) == regions


def test_nwb_agrees_with_pynwb():
    units = read_units(DATA / "session.nwb")
    with pynwb.NWBHDF5IO(DATA / "session.nwb", "r", load_namespaces=False) as file:
        table = file.read().units
        assert list(units.region) == list(table["region"][:])
        for index, times in enumerate(units.spike_times):
            assert np.array_equal(times, table["spike_times"][index])


def test_session_zero_is_subtracted():
    plain, moved = read_units(DATA / "session.nwb"), read_units(DATA / "session.nwb", zero_s=0.5)
    assert np.allclose(plain.spike_times[0] - 0.5, moved.spike_times[0])


def test_nwb_region_of_the_electrodes(nwb):
    """Units without a region column: where all electrodes of a unit agree."""
    with h5py.File(nwb, "a") as file:
        units = file["units"]
        del units["region"]
        units["electrodes"] = np.array([0, 1, 2, 0, 2])
        units["electrodes_index"] = np.array([2, 3, 5])
    assert read_units(nwb).region == ("mPFC", "CA1", "")


def test_nwb_region_of_the_electrode_group(nwb):
    with h5py.File(nwb, "a") as file:
        del file["units/region"]
        group = file["general/extracellular_ephys/electrodes_CA1"]
        references = [group.ref] * 3
        file["units"].create_dataset("electrode_group", data=references, dtype=h5py.ref_dtype)
    assert read_units(nwb).region == ("CA1",) * 3


def test_nwb_without_any_region(nwb):
    with h5py.File(nwb, "a") as file:
        file["units/region"][:] = "unknown"
    assert read_units(nwb).region == ("", "", "")


def test_unit_without_spikes_is_kept(nwb):
    with h5py.File(nwb, "a") as file:
        times = file["units/spike_times"][:]
        del file["units/spike_times"]
        file["units/spike_times"] = np.delete(times, slice(30, 42))
        file["units/spike_times_index"][:] = [30, 30, 35]
    units = read_units(nwb)
    assert [len(times) for times in units.spike_times] == [30, 0, 5]


def test_phy_before_curation_and_with_custom_labels(phy):
    (phy / "spike_clusters.npy").rename(phy / "spike_templates.npy")
    for file in phy.glob("cluster_*.tsv"):
        file.unlink()
    (phy / "cluster_KSLabel.tsv").write_text("cluster_id\tKSLabel\n3\tgood\n7\tmua\n12\tgood\n")
    (phy / "cluster_brain_area.tsv").write_text("cluster_id\tbrain_area\n7\tCA3\n")
    units = read_units(phy)
    assert units.quality == ("good", "mua", "good") and units.region == ("", "CA3", "")


def test_phy_curation_wins_over_the_sorter(phy):
    (phy / "cluster_KSLabel.tsv").write_text("cluster_id\tKSLabel\n3\tmua\n7\tgood\n12\tmua\n")
    assert read_units(phy).quality == ("good", "mua", "good")


def test_phy_channel_of_the_largest_waveform(phy):
    (phy / "cluster_info.tsv").write_text("cluster_id\tch\tgroup\n3\t17\tgood\n7\t4\tmua\n")
    units = read_units(phy)
    assert units.position == (17, 4, -1) and units.channel == ("", "", "")
    assert units.quality == ("good", "mua", "good")


def test_phy_table_in_another_encoding_is_named(phy):
    (phy / "cluster_info.tsv").write_bytes("cluster_id\tnote\n3\tgrö\u00dfer\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"cluster_info\.tsv: cannot be read .*expected UTF-8"):
        read_units(phy)


def test_phy_times_as_a_column(phy):
    times = np.load(phy / "spike_times.npy").astype(np.uint64)[:, None]
    np.save(phy / "spike_times.npy", times)
    assert [len(unit) for unit in read_units(phy).spike_times] == [30, 12, 5]


def test_params_are_parsed_and_never_run(phy, tmp_path):
    trap = tmp_path / "trap"
    params = phy / "params.py"
    params.write_text(f"open({str(trap)!r}, 'w').close()\nsample_rate = 30000.\n")
    assert sample_rate(params) == 30_000
    params.write_text(f"sample_rate = open({str(trap)!r}, 'w').write('')\n")
    with pytest.raises(InputError, match=r"line 1: .*code in params.py is not run"):
        read_units(phy)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n_channels_dat = 4\n", "no line 'sample_rate"),
        ("sample_rate = 0\n", "plain positive number"),
        ("sample_rate = 'fast'\n", "plain positive number"),
        ("sample_rate = (\n", "no readable params.py"),
        pytest.param(
            f"sample_rate = {'-' * 100_000}1\n", "no readable params.py", id="nested too deeply"
        ),
    ],
)
def test_broken_params(phy, text, said):
    (phy / "params.py").write_text(text)
    with pytest.raises(InputError, match=said):
        read_units(phy)


@pytest.mark.parametrize("name", ["params.py", "spike_times.npy", "spike_clusters.npy"])
def test_phy_with_a_file_missing(phy, name):
    (phy / name).unlink()
    with pytest.raises(InputError, match=r"not found"):
        read_units(phy)


def test_phy_with_pickles_is_refused(phy):
    np.save(phy / "spike_times.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"spike_times.npy: cannot be read"):
        read_units(phy)


@pytest.mark.parametrize("damage", ["terabytes", "archive"])
def test_phy_arrays_that_claim_what_they_are_not_are_the_files_fault(phy, damage):
    """A lack of memory would count as the machine's and stop the whole cohort."""
    file = phy / "spike_times.npy"
    if damage == "archive":
        np.savez(phy / "x.npz", a=np.arange(3))
        (phy / "x.npz").replace(file)
    else:
        header = {"descr": "<i8", "fortran_order": False, "shape": (10**14,)}
        with file.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(InputError, match=r"spike_times\.npy: cannot be read .*truncated, or no"):
        read_units(phy)


def test_phy_in_seconds_is_refused(phy):
    np.save(phy / "spike_times.npy", np.load(phy / "spike_times.npy") / 30_000)
    with pytest.raises(InputError, match=r"float64.*sample numbers, not seconds"):
        read_units(phy)


def test_phy_of_two_sortings_is_refused(phy):
    np.save(phy / "spike_clusters.npy", np.load(phy / "spike_clusters.npy")[:-3])
    with pytest.raises(InputError, match=r"found 44 spikes; expected 47"):
        read_units(phy)


def test_phy_out_of_order_is_refused(phy):
    times = np.load(phy / "spike_times.npy")
    times[10] = 59_999
    np.save(phy / "spike_times.npy", times)
    with pytest.raises(InputError, match=r"spike 12: found sample .* after 59999"):
        read_units(phy)


def test_phy_truncated(phy):
    file = phy / "spike_times.npy"
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"spike_times.npy: cannot be read"):
        read_units(phy)


def test_nwb_times_out_of_order(nwb):
    with h5py.File(nwb, "a") as file:
        file["units/spike_times"][3] = 0.0
    with pytest.raises(InputError, match=r"unit 3, spike 4: found 0.000000 s after"):
        read_units(nwb)


def test_nwb_times_that_are_no_numbers(nwb):
    with h5py.File(nwb, "a") as file:
        file["units/spike_times"][3] = np.nan
    with pytest.raises(InputError, match=r"unit 3: found a spike time that is no number"):
        read_units(nwb)


def test_nwb_index_beyond_the_spikes(nwb):
    with h5py.File(nwb, "a") as file:
        index = file["units/spike_times_index"]
        index[:] = [30, 42, 60]
    with pytest.raises(InputError, match=r"ends up to 60 for 47 values"):
        read_units(nwb)


def test_nwb_with_one_name_twice(nwb):
    with h5py.File(nwb, "a") as file:
        file["units/unit_name"][1] = "3"
    with pytest.raises(InputError, match=r"found 3 twice"):
        read_units(nwb)


def test_no_units_at_all(nwb, tmp_path):
    with h5py.File(nwb, "a") as file:
        del file["units"]
    with pytest.raises(InputError, match=r"no units with spike_times"):
        read_units(nwb)
    with pytest.raises(InputError, match=r"'sorting' column"):
        read_units(tmp_path / "gone")
    with pytest.raises(InputError, match=r"'fhy' \(did you mean 'phy'\?\)"):
        read_units(nwb, format="fhy")
