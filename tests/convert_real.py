"""Write real recordings of other labs in open formats: ``convert_real.py SOURCE DEST``.

SOURCE is a folder of plain arrays as their labs published them; config/examples/real.yaml analyses
what is written. Nothing of them is part of the repository.
"""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipeline.simulate.writers import write_edf, write_nwb, write_openephys, write_phy

#: first position sample of the W-maze session, on its own clock
WMAZE_START_S = 64.0


def convert(source: Path, destination: Path) -> None:
    """Convert everything; the destination's files are replaced.

    Parameters
    ----------
    source : Path
        Folder with bycycle_rat_ca1_ec3, neurodsp_rat_hpc, neurodent_mouse_eeg, pynapple_nwb and
        nelpy_rat_units.
    destination : Path
        Where rat_ca1_ec3/, rat_hpc.edf, mouse_eeg.nwb, mouse_units.nwb and rat_wmaze/ go.
    """
    destination.mkdir(parents=True, exist_ok=True)
    pair = source / "bycycle_rat_ca1_ec3"
    signals = np.stack([np.load(pair / f"{name}.npy") for name in ("ca1", "ec3")], axis=1)
    # published in millivolts
    write_openephys(
        destination / "rat_ca1_ec3",
        (1000 * signals).astype(np.float32),
        rate_hz=1250.0,
        channels=["CH1", "CH2"],
    )
    hippocampus = np.load(source / "neurodsp_rat_hpc" / "sample_data_2.npy")
    write_edf(
        destination / "rat_hpc.edf",
        hippocampus.astype(np.float32)[:, None],
        rate_hz=1000.0,
        channels=["HPC"],
    )
    folder = source / "neurodent_mouse_eeg"
    with gzip.open(folder / "Cage 2 A10-0_RowMajor.npy.gz") as stream:
        eeg = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    with (folder / "Cage 2 A10-0_Meta.csv").open(encoding="utf-8") as stream:
        labels = [row["Label"] for row in csv.DictReader(stream)]
    write_nwb(
        destination / "mouse_eeg.nwb",
        signals_uv=eeg.astype(np.float32),
        rate_hz=1000.0,
        channels=labels,
        regions=["cortex"] * len(labels),
        session_start=datetime(2023, 12, 12, tzinfo=UTC),
        identifier="mouse_eeg",
        subject_id="A10",
        species="Mus musculus",
    )
    shutil.copyfile(source / "pynapple_nwb" / "A8604-211122.nwb", destination / "mouse_units.nwb")
    spikes = wmaze_spikes(source / "nelpy_rat_units" / "w-maze" / "spikes.mat")
    write_phy(
        destination / "rat_wmaze",
        spike_times_s=[times - WMAZE_START_S for times in spikes],
        rate_hz=30000.0,
        region=["CA1"] * len(spikes),
    )


def wmaze_spikes(path: Path) -> list[np.ndarray]:
    """Return the spike times in seconds of every sorted unit of a W-maze session, in order."""
    import scipy.io

    tetrodes = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)["spikes"]
    units = []
    for tetrode in tetrodes:
        for unit in np.atleast_1d(tetrode):
            # clusters that were merged away are left as empty structs
            times = np.atleast_1d(np.asarray(getattr(unit, "time", ()), dtype=float))
            if times.size:
                units.append(np.sort(times))
    return units


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
