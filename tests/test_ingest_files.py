"""Which files a recording is made of: what Snakemake watches."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.ingest.files import (
    LAYOUTS,
    behaviour_files,
    detect_format,
    recording_files,
    sorting_files,
)

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("openephys", "openephys"),
        ("openephys/Record Node 101/experiment1/recording1/structure.oebin", "openephys"),
        ("spikeglx", "spikeglx"),
        ("spikeglx/run_g0_t0.imec0.lf.bin", "spikeglx"),
        ("session.nwb", "nwb"),
        ("recording.edf", "edf"),
    ],
)
def test_formats_are_detected(path, format):
    assert detect_format(DATA / path) == format


@pytest.mark.parametrize(
    ("names", "format"),
    [
        (["a.rhd"], "intan"),
        (["info.rhd", "time.dat", "amp-A-000.dat"], "intan"),
        (["a.ns2", "a.ns5", "a.nev"], "blackrock"),
        (["CSC1.ncs", "CSC2.ncs", "Events.nev"], "neuralynx"),
        (["a.plx"], "plexon"),
        (["a.pl2"], "plexon"),
    ],
)
def test_formats_are_detected_by_their_names(tmp_path, names, format):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert detect_format(tmp_path) == format
    assert {file.name for file in recording_files(tmp_path)} == set(names)


def test_raw_binary_needs_its_side_car_to_be_detected(tmp_path):
    raw = tmp_path / "a.dat"
    raw.write_bytes(b"\0\0")
    with pytest.raises(InputError, match=r"no recording of a known format"):
        detect_format(raw)
    assert recording_files(raw, "binary") == [raw]
    (tmp_path / "a.dat.json").write_text(json.dumps({}))
    assert detect_format(raw) == "binary"
    assert recording_files(raw) == [raw, tmp_path / "a.dat.json"]


def test_nothing_known_lists_all_that_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError) as said:
        detect_format(tmp_path)
    assert all(name in str(said.value) for name in LAYOUTS)
    # Still watched: the session runs again once the folder is mended.
    assert recording_files(tmp_path) == [tmp_path / "notes.txt"]


def test_several_formats_ask_which(tmp_path):
    for name in ("a.nwb", "a.edf"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"several formats .nwb, edf.; set recording_format"):
        detect_format(tmp_path)
    assert recording_files(tmp_path, "edf") == [tmp_path / "a.edf"]


@pytest.mark.parametrize("format", ["auto", "openephys", "spikeglx", "nwb", "edf", "binary"])
def test_a_missing_path_has_no_files(tmp_path, format):
    assert recording_files(tmp_path / "gone", format) == []
    assert recording_files(tmp_path / "gone.nwb", format) == []


@pytest.mark.parametrize("format", ["auto", "openephys"])
def test_openephys_files_are_all_there_and_no_folders(format):
    files = recording_files(DATA / "openephys", format)
    assert sorted(file.name for file in files) == [
        "continuous.dat",
        "sample_numbers.npy",
        "structure.oebin",
        "timestamps.npy",
    ]
    assert all(file.is_file() for file in files)
    assert files == recording_files(DATA / "openephys", format)


def test_hidden_files_and_shadows_are_no_part(tmp_path):
    shutil.copytree(DATA / "spikeglx", tmp_path / "s")
    for name in (".DS_Store", "._run_g0_t0.imec0.lf.meta"):
        (tmp_path / "s" / name).write_bytes(b"")
    assert [file.suffix for file in recording_files(tmp_path / "s")] == [".bin", ".meta"]


def test_blackrock_takes_the_files_of_one_name(tmp_path):
    for name in ("a.ns5", "a.nev", "b.ns5", "b.nev"):
        (tmp_path / name).write_bytes(b"")
    assert [f.name for f in recording_files(tmp_path / "a.ns5")] == ["a.nev", "a.ns5"]


def test_sorting_and_log_files(tmp_path):
    assert {file.name for file in sorting_files(DATA / "phy")} == {
        "params.py",
        "spike_times.npy",
        "spike_clusters.npy",
        "cluster_group.tsv",
        "cluster_info.tsv",
    }
    assert sorting_files(DATA / "session.nwb") == [DATA / "session.nwb"]
    assert sorting_files(tmp_path / "gone") == []
    assert behaviour_files(DATA / "trials.csv") == [DATA / "trials.csv"]
    assert behaviour_files(tmp_path / "gone.csv") == []
    assert behaviour_files(DATA) == []


def test_parsing_the_workflow_imports_no_reader():
    """The Snakefile imports this module on every node of a cluster."""
    code = "import sys, pipeline.ingest.files; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numpy", "pandas", "spikeinterface", "neo", "h5py", "pynwb", "pydantic"}
