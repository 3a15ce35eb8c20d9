"""Sortings of Kilosort, phy, SpikeInterface, CellExplorer and NWB, and telling them apart."""

import json
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from pipeline.errors import InputError
from pipeline.ingest import read_units
from pipeline.ingest.units_layouts import LOOKED_FOR, PHY_FILES, detect_sorting, layout_files
from pipeline.simulate.writers.phy import write_phy

RATE_HZ = 30_000.0
N_SAMPLES, N_CHANNELS = 40, 6
CHANNEL_MAP = np.array([7, 5, 3, 1, 0, 2])
_AT = np.arange(N_SAMPLES)
SHAPE = 0.4 * np.exp(-0.5 * ((_AT - 24) / 3) ** 2) - np.exp(-0.5 * ((_AT - 12) / 1.5) ** 2)


def trains(seed=0, n_units=3, n_spikes=50, stop_s=20.0):
    rng = np.random.default_rng(seed)
    return [
        np.sort(rng.choice(int(stop_s * RATE_HZ), n_spikes, replace=False)) / RATE_HZ
        for _ in range(n_units)
    ]


# --- Kilosort and phy


def kilosort(folder, *, whitened=True, sparse=False, tables=True):
    """Units 0, 1, 2 largest on columns 1, 4, 2; unit 2 was merged of the templates 2 and 3."""
    rng = np.random.default_rng(3)
    write_phy(folder, spike_times_s=trains(), rate_hz=RATE_HZ)
    for file in folder.glob("cluster_*"):
        file.unlink()
    clusters = np.load(folder / "spike_clusters.npy").astype(int)
    of_template = np.where((clusters == 2) & (np.arange(len(clusters)) % 5 == 0), 3, clusters)
    depths = np.full((4, N_CHANNELS), 0.1)
    depths[[0, 1, 2, 3], [1, 4, 2, 3]] = [5.0, 6.0, 4.0, 3.0]
    shapes = depths[:, None, :] * SHAPE[None, :, None]
    mixing = np.eye(N_CHANNELS) + 0.3 * rng.normal(size=(N_CHANNELS, N_CHANNELS))
    inverse = np.linalg.inv(mixing)
    stored = shapes @ mixing if whitened else shapes
    if whitened:
        np.save(folder / "whitening_mat_inv.npy", inverse)
    if sparse:
        stored, places = shapes[:, :, 1:], np.tile(np.arange(1, N_CHANNELS), (4, 1))
        stored = np.concatenate([stored, np.zeros((4, N_SAMPLES, 1))], axis=2)
        np.save(folder / "template_ind.npy", np.pad(places, ((0, 0), (0, 1)), constant_values=-1))
    np.save(folder / "templates.npy", stored.astype(np.float32))
    np.save(folder / "spike_templates.npy", of_template.astype(np.int32)[:, None])
    np.save(folder / "amplitudes.npy", (10.0 + np.arange(len(clusters)))[:, None])
    np.save(folder / "channel_map.npy", CHANNEL_MAP)
    params = folder / "params.py"
    params.write_text(params.read_text().replace("n_channels_dat = 1", "n_channels_dat = 8"))
    if tables:
        rows = "cluster_id\tKSLabel\n0\tgood\n1\tmua\n2\tgood\n"
        (folder / "cluster_KSLabel.tsv").write_text(rows)
        (folder / "cluster_group.tsv").write_text(rows)  # Kilosort writes its own labels there too
    return folder


@pytest.mark.parametrize("form", [{}, {"whitened": False}, {"whitened": False, "sparse": True}])
def test_kilosort_templates_and_amplitudes(tmp_path, form):
    folder = kilosort(tmp_path / "ks", **form)
    units = read_units(folder)
    assert detect_sorting(folder) == "kilosort" and units.quality == ("good", "mua", "good")
    assert units.position == (5, 0, 3) and units.n_channels == 8
    weights = 0.0
    of_template = np.load(folder / "spike_templates.npy").ravel()
    clusters = np.load(folder / "spike_clusters.npy")
    weights = np.mean(of_template[clusters == 2] == 2)
    merged = weights * 4.0 + (1 - weights) * 0.1
    for row, depth in zip(units.waveform, (5.0, 6.0, merged), strict=True):
        np.testing.assert_allclose(row, depth * SHAPE, rtol=0, atol=1e-4)
    for place, truth in enumerate(trains()):
        np.testing.assert_allclose(units.spike_times[place], truth, rtol=0, atol=1e-9)
        expected = 10.0 + np.flatnonzero(clusters == place)
        np.testing.assert_array_equal(units.amplitude[place], expected)
    assert units.amplitude_units == units.waveform_units == "a.u."
    assert units.waveform_rate_hz == RATE_HZ and not units.rig_clock


def test_kilosort_without_tables_has_no_labels(tmp_path):
    folder = kilosort(tmp_path / "ks", tables=False)
    (folder / "ops.npy").write_bytes(pickle.dumps({"never": "loaded"}))
    units = read_units(folder)
    assert detect_sorting(folder) == "kilosort" and units.quality == ("", "", "")
    assert folder / "ops.npy" not in layout_files(folder)
    assert read_units(folder, format="kilosort").unit_id == units.unit_id


def test_kilosort_before_curation_is_phy_after_it(tmp_path):
    folder = kilosort(tmp_path / "ks")
    (folder / "cluster_info.tsv").write_text("cluster_id\tch\tgroup\n0\t5\tgood\n1\t0\tnoise\n")
    assert detect_sorting(folder) == "phy"
    assert read_units(folder).quality == ("good", "noise", "good")


def test_clusters_that_nobody_labelled_are_unsorted_where_others_are_labelled(tmp_path):
    folder = kilosort(tmp_path / "ks", tables=False)
    (folder / "cluster_group.tsv").write_text("cluster_id\tgroup\n1\tgood\n")
    assert read_units(folder).quality == ("unsorted", "good", "unsorted")


PHY_DAMAGE = {
    "amplitudes.npy": (lambda f: np.save(f, np.ones(7)), "found 7 amplitudes; expected 150"),
    "amplitudes.npy ": (lambda f: np.save(f, np.ones((150, 2))), r"shape \(150, 2\)"),
    "templates.npy": (
        lambda f: np.save(f, np.ones((4, 3))),
        r"shape \(4, 3\); expected \(template",
    ),
    "spike_templates.npy": (lambda f: np.save(f, np.full(150, 9)), "templates up to 9; .* below 4"),
    "whitening_mat_inv.npy": (lambda f: np.save(f, np.ones((6, 2))), "square matrix"),
    "channel_map.npy": (lambda f: np.save(f, np.ones(6) / 3), "float64"),
    "templates.npy ": (lambda f: f.write_bytes(f.read_bytes()[:-40]), "cannot be read"),
    "amplitudes.npy  ": (
        lambda f: np.save(f, np.array([{}] * 150, dtype=object), allow_pickle=True),
        "pickles are never loaded",
    ),
    "templates_ind.npy": (lambda f: np.save(f, np.zeros((2, 2), int)), r"expected \(4, 6\)"),
}


@pytest.mark.parametrize("case", PHY_DAMAGE)
def test_damaged_arrays_of_kilosort_are_refused(tmp_path, case):
    damage, said = PHY_DAMAGE[case]
    folder = kilosort(tmp_path / "ks")
    damage(folder / case.strip())
    with pytest.raises(InputError, match=f"{case.strip()}: .*{said}"):
        read_units(folder)


# --- SpikeInterface


def analyzer_of(folder, *, n_units=3):
    """Write an analyzer with SpikeInterface."""
    import spikeinterface as si
    from spikeinterface.core import generate_ground_truth_recording

    recording, sorting = generate_ground_truth_recording(
        durations=[4.0], num_channels=4, num_units=n_units, seed=0, sampling_frequency=25_000.0
    )
    analyzer = si.create_sorting_analyzer(
        sorting, recording, format="binary_folder", folder=folder, sparse=False, verbose=False
    )
    analyzer.compute(
        ["random_spikes", "waveforms", "templates", "noise_levels", "spike_amplitudes"],
        progress_bar=False,
    )
    analyzer.compute("quality_metrics", metric_names=["snr", "num_spikes"], verbose=False)
    return analyzer


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("si") / "analyzer"
    return folder, analyzer_of(folder)


def test_analyzer_gives_what_spikeinterface_gives(analyzer):
    folder, theirs = analyzer
    units = read_units(folder)
    assert detect_sorting(folder) == "spikeinterface"
    assert units.unit_id == tuple(str(unit) for unit in theirs.unit_ids)
    averages = theirs.get_extension("templates").get_data()
    sizes = theirs.get_extension("spike_amplitudes").get_data(outputs="by_unit")[0]
    table = theirs.get_extension("quality_metrics").get_data()
    for place, unit in enumerate(theirs.unit_ids):
        train = theirs.sorting.get_unit_spike_train(unit) / 25_000
        np.testing.assert_allclose(units.spike_times[place], train, rtol=0, atol=1e-9)
        column = np.argmax(np.ptp(averages[place], axis=0))
        assert units.channel[place] == str(theirs.channel_ids[column])
        np.testing.assert_allclose(units.waveform[place], averages[place][:, column], rtol=1e-6)
        np.testing.assert_allclose(units.amplitude[place], sizes[unit], rtol=1e-6)
    np.testing.assert_allclose(units.metrics["snr"], table["snr"])
    np.testing.assert_allclose(units.metrics["num_spikes"], table["num_spikes"].astype(float))
    assert units.amplitude_units == units.waveform_units == "uV"
    assert units.waveform_rate_hz == 25_000


def numpy_folder(folder, kind="numpy_folder"):
    from spikeinterface.core import NpzSortingExtractor, NumpySorting

    times = [np.rint(t * RATE_HZ).astype(int) for t in trains()]
    times[1] = times[1][:0]  # a unit without a spike
    sorting = NumpySorting.from_unit_dict({f"u{i}": t for i, t in enumerate(times)}, RATE_HZ)
    sorting.set_property("quality", np.array(["good", "mua", "good"]))
    sorting.set_property("brain_area", np.array(["CA1", "CA1", "mPFC"]))
    if kind == "npz":
        NpzSortingExtractor.write_sorting(sorting, folder)
    else:
        sorting.save(folder=folder, format=kind)
    return folder


@pytest.mark.parametrize("kind", ["numpy_folder", "npz_folder", "npz"])
@pytest.mark.filterwarnings("ignore")
def test_saved_sortings_come_back(tmp_path, kind):
    path = numpy_folder(tmp_path / ("s.npz" if kind == "npz" else "s"), kind)
    units = read_units(path)
    assert detect_sorting(path) == "spikeinterface" and units.unit_id == ("u0", "u1", "u2")
    assert [len(times) for times in units.spike_times] == [50, 0, 50]
    np.testing.assert_allclose(units.spike_times[2], trains()[2], rtol=0, atol=1e-9)
    labels = ("", "", "") if kind == "npz" else ("good", "mua", "good")
    regions = ("", "", "") if kind == "npz" else ("CA1", "CA1", "mPFC")
    assert units.quality == labels and units.region == regions


def test_nothing_of_a_folder_is_run(tmp_path):
    """SpikeInterface would import the module that the JSON names; here nobody reads that file."""
    folder = numpy_folder(tmp_path / "s")
    trap = folder / "si_folder.json"
    trap.write_text(json.dumps({"class": "os.system", "module": "os", "kwargs": {}}))
    (folder / "provenance.pkl").write_bytes(b"cos\nsystem\n(S'touch trapped'\ntR.")
    assert len(read_units(folder).unit_id) == 3
    assert trap not in layout_files(folder)


def _object_array(folder):
    np.save(folder / "spikes.npy", np.array([{}], dtype=object), allow_pickle=True)


def _info(**more):
    def edit(folder):
        file = folder / "numpysorting_info.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | more))

    return edit


SI_DAMAGE = {
    "pickle": (_object_array, "spikes.npy: cannot be read .*pickles are never loaded"),
    "several segments": (_info(num_segments=2), "found 2 segments; expected 1"),
    "no rate": (_info(sampling_frequency=0), "sampling_frequency 0"),
    "fewer units": (
        _info(unit_ids=["u0"]),
        "found a spike of unit 2; expected places from 0 below 1",
    ),
    "half a description": (
        lambda f: (f / "numpysorting_info.json").write_text("{"),
        "cannot be read as JSON",
    ),
    "no spikes": (lambda f: (f / "spikes.npy").unlink(), "spikes.npy: not found"),
    "other spikes": (
        lambda f: np.save(f / "spikes.npy", np.arange(5)),
        "expected one sample_index and unit_index per spike",
    ),
}


@pytest.mark.parametrize("case", SI_DAMAGE)
def test_damaged_folders_of_spikeinterface_are_refused(tmp_path, case):
    damage, said = SI_DAMAGE[case]
    folder = numpy_folder(tmp_path / "s")
    damage(folder)
    with pytest.raises(InputError, match=said):
        read_units(folder)


def test_pickles_and_zarr_are_refused_by_name(tmp_path):
    (tmp_path / "sorting.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError, match=r"sorting.pkl: found a pickle; .*numpy_folder"):
        read_units(tmp_path / "sorting.pkl")
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / ".zgroup").write_text("{}")
    with pytest.raises(InputError, match=r"a.zarr: found a zarr folder.*binary_folder"):
        read_units(tmp_path / "a.zarr")


def test_damaged_analyzers_are_refused(tmp_path, analyzer):
    folder = Path(shutil.copytree(analyzer[0], tmp_path / "a"))
    table = folder / "extensions" / "quality_metrics" / "metrics.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([rows[0], *reversed(rows[1:])]))
    with pytest.raises(InputError, match=r"metrics.csv: found 3 rows that are not one for each"):
        read_units(folder)
    table.unlink()
    sizes = folder / "extensions" / "spike_amplitudes" / "amplitudes.npy"
    np.save(sizes, np.load(sizes)[:-1])
    with pytest.raises(InputError, match=r"amplitudes.npy: found shape"):
        read_units(folder)
    sizes.unlink()
    assert read_units(folder).amplitude == () and read_units(folder).metrics == {}
    averages = folder / "extensions" / "templates" / "average.npy"
    np.save(averages, np.load(averages)[:, :, :-1])
    with pytest.raises(InputError, match=r"average.npy: found shape .*expected \(3, samples, 4\)"):
        read_units(folder)


def test_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(InputError, match=r"found no unit_ids, num_segment, sampling_frequency"):
        read_units(tmp_path / "other.npz")
    (tmp_path / "half.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:-60])
    with pytest.raises(InputError, match=r"half.npz: cannot be read as SpikeInterface"):
        read_units(tmp_path / "half.npz")


# --- CellExplorer


def cellexplorer(folder, **more):
    """Written with SciPy, in the fields that cellexplorer.org documents."""
    cells = {
        "times": [t[:, None] for t in trains()],
        "filtWaveform": [100.0 * (i + 1) * SHAPE for i in range(3)],
        "timeWaveform": [(_AT - 12) / RATE_HZ * 1000] * 3,
        "amplitudes": [np.full((50, 1), float(i + 1)) for i in range(3)],
        "region": ["CA1", "CA1", "mPFC"],
    } | more.pop("cells", {})
    fields = {name: np.empty((1, len(rows)), dtype=object) for name, rows in cells.items()}
    for name, rows in cells.items():
        for index, row in enumerate(rows):
            fields[name][0, index] = row
    fields |= {"UID": [1, 2, 3], "cluID": [4, 9, 4], "maxWaveformCh1": [3, 1, 8], "sr": RATE_HZ}
    fields |= more
    fields = {name: value for name, value in fields.items() if value is not None}
    folder.mkdir(exist_ok=True)
    scipy.io.savemat(folder / "rat1.spikes.cellinfo.mat", {"spikes": fields})
    extracellular = {"nChannels": 8, "sr": RATE_HZ}
    scipy.io.savemat(folder / "rat1.session.mat", {"session": {"extracellular": extracellular}})
    return folder


@pytest.mark.parametrize("named", ["", "rat1.spikes.cellinfo.mat"])
def test_cellexplorer(tmp_path, named):
    path = cellexplorer(tmp_path / "rat1") / named
    units = read_units(path)
    assert detect_sorting(path) == "cellexplorer" and units.unit_id == ("1", "2", "3")
    assert units.region == ("CA1", "CA1", "mPFC") and units.quality == ("", "", "")
    assert units.position == (2, 0, 7) and units.n_channels == 8
    assert units.waveform_rate_hz == pytest.approx(RATE_HZ) and units.waveform_units == "uV"
    for place, truth in enumerate(trains()):
        np.testing.assert_array_equal(units.spike_times[place], truth)
        np.testing.assert_allclose(units.waveform[place], 100 * (place + 1) * SHAPE, atol=1e-4)
        assert units.amplitude[place].tolist() == [place + 1.0] * 50
    assert {file.name for file in layout_files(path)} == {
        "rat1.session.mat",
        "rat1.spikes.cellinfo.mat",
    }


def test_cellexplorer_with_times_and_ids_only(tmp_path):
    cells = {"filtWaveform": [], "timeWaveform": [], "amplitudes": [], "region": []}
    folder = cellexplorer(tmp_path / "rat1", cells=cells, maxWaveformCh1=None)
    (folder / "rat1.session.mat").unlink()
    units = read_units(folder)
    assert units.waveform is None and units.amplitude == () and units.position == ()
    assert units.n_channels == 0 and units.region == ("", "", "")


def test_cellexplorer_of_matlab_73(tmp_path):
    """Version 7.3 is HDF5: cells are references to datasets, arrays are transposed."""
    file = tmp_path / "rat1.spikes.cellinfo.mat"
    with h5py.File(file, "w", userblock_size=512) as mat:
        spikes = mat.create_group("spikes")
        spikes["UID"] = np.array([[1.0], [2.0], [3.0]])
        references = []
        for index, times in enumerate(trains()):
            mat[f"#refs#/{index}"] = times[None, :]
            references.append(mat[f"#refs#/{index}"].ref)
        spikes.create_dataset("times", data=np.array(references)[:, None], dtype=h5py.ref_dtype)
    with file.open("r+b") as start:
        start.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    units = read_units(file)
    assert units.unit_id == ("1", "2", "3")
    np.testing.assert_array_equal(units.spike_times[1], trains()[1])


CELLEXPLORER_DAMAGE = {
    "no times": ({"times": None}, "expected times and UID"),
    "ids of others": ({"UID": [1, 2]}, "found 2 ids for 3 trains"),
    "an id twice": ({"UID": [1, 2, 2]}, "found 2 twice"),
    "amplitudes of others": ({"cells": {"amplitudes": [np.ones(50)] * 2 + [np.ones(3)]}}, "unit 3"),
    "out of order": ({"cells": {"times": [t[::-1, None] for t in trains()]}}, "unit 1, spike 2"),
}


@pytest.mark.parametrize("case", CELLEXPLORER_DAMAGE)
def test_damaged_cellexplorer_files_are_refused(tmp_path, case):
    more, said = CELLEXPLORER_DAMAGE[case]
    with pytest.raises(InputError, match=said):
        read_units(cellexplorer(tmp_path / "rat1", **more))


def test_mat_files_of_others_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "spikes.mat", {"units": [1]})
    with pytest.raises(InputError, match=r"spikes.mat: found variables units; expected spikes"):
        read_units(tmp_path / "spikes.mat")
    file = cellexplorer(tmp_path / "rat1") / "rat1.spikes.cellinfo.mat"
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"rat1.spikes.cellinfo.mat: "):
        read_units(file)


# --- NWB


def nwb(path, **more):
    """Waveforms, amplitudes and electrodes, written with pynwb."""
    from datetime import UTC, datetime

    import pynwb

    scale = more.get("scale", 1e-6)
    file = pynwb.NWBFile("made up", "units", datetime(2024, 6, 12, tzinfo=UTC))
    device = file.create_device("probe")
    group = file.create_electrode_group("shank", "one", "CA1", device)
    for index in range(4):
        file.add_electrode(group=group, location="CA1" if index < 2 else "mPFC", id=100 + index)
    if more.get("peak"):
        file.add_unit_column("peak_channel_id", "largest")
    file.add_unit_column("spike_amplitudes", "size", index=True)
    file.units.waveform_rate = RATE_HZ
    for index, times in enumerate(trains()):
        own = [0, 1] if index < 2 else [2, 3]
        shape = np.stack([20 * SHAPE, 90 * SHAPE], axis=1) * scale
        file.add_unit(
            spike_times=times, electrodes=own, waveform_mean=shape,
            spike_amplitudes=np.full(len(times), 5.0 + index),
            **({"peak_channel_id": 100} if more.get("peak") else {}),
        )  # fmt: skip
    file.units._Units__waveform_rate = RATE_HZ
    with pynwb.NWBHDF5IO(path, "w") as out:
        out.write(file)
    with h5py.File(path, "a") as content:
        content["units/waveform_mean"].attrs["sampling_rate"] = RATE_HZ
    return path


def test_nwb_waveforms_amplitudes_and_channels(tmp_path):
    units = read_units(nwb(tmp_path / "a.nwb"))
    assert units.channel == ("101", "101", "103") and units.region == ("CA1", "CA1", "mPFC")
    assert units.waveform_units == "uV" and units.waveform_rate_hz == RATE_HZ
    for row in units.waveform:
        np.testing.assert_allclose(row, 90 * SHAPE, rtol=0, atol=1e-3)
    assert [set(sizes.tolist()) for sizes in units.amplitude] == [{5.0}, {6.0}, {7.0}]


def test_nwb_peak_channel_that_the_lab_wrote_counts(tmp_path):
    assert read_units(nwb(tmp_path / "a.nwb", peak=True)).channel == ("100", "100", "100")


def test_nwb_volts_that_are_none_have_no_unit(tmp_path):
    """A mean spike of 90 V is one of 90 uV whose writer stated the standard's unit."""
    units = read_units(nwb(tmp_path / "a.nwb", scale=1.0))
    assert units.waveform_units == "a.u."
    np.testing.assert_allclose(units.waveform[0], 90 * SHAPE, rtol=0, atol=1e-3)


def test_nwb_amplitudes_of_other_spikes_are_refused(tmp_path):
    path = nwb(tmp_path / "a.nwb")
    with h5py.File(path, "a") as content:
        content["units/spike_amplitudes_index"][:] = [49, 100, 150]
    with pytest.raises(InputError, match=r"unit 0: found 49 amplitudes for 50 spikes"):
        read_units(path)


# --- telling them apart


def test_unknown_files_and_folders_say_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("not a sorting")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError) as error:
            read_units(path)
        assert all(name in str(error.value) for name in LOOKED_FOR)


def test_kilosort_beside_cellexplorer_is_ambiguous(tmp_path):
    folder = kilosort(tmp_path / "ks")
    cellexplorer(folder)
    with pytest.raises(InputError, match=r"several formats \(kilosort, cellexplorer\)"):
        read_units(folder)
    assert read_units(folder / "rat1.spikes.cellinfo.mat").unit_id == ("1", "2", "3")
    assert read_units(folder, format="kilosort").unit_id == ("0", "1", "2")


def test_files_that_are_read_are_listed(tmp_path):
    folder = kilosort(tmp_path / "ks")
    names = {file.name for file in layout_files(folder)}
    assert names == {*PHY_FILES[:6], "whitening_mat_inv.npy", "channel_map.npy"} | {
        "cluster_KSLabel.tsv",
        "cluster_group.tsv",
    }
    path = tmp_path / "a.nwb"
    write_nwb_units(path)
    assert layout_files(path) == [path] and detect_sorting(path) == "nwb"


def write_nwb_units(path):
    shutil.copy(Path(__file__).parent / "data" / "session.nwb", path)


@pytest.mark.real
def test_real_nwb_is_told_and_its_empty_columns_are_unknown(real_data):
    path = real_data / "pynapple_nwb" / "A8604-211122.nwb"
    assert detect_sorting(path) == "nwb"
    units = read_units(path)
    assert [len(times) for times in units.spike_times] == [11020, 4690, 5644]
    assert units.amplitude == () and set(units.region) == {""}
