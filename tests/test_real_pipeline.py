"""The whole workflow on real recordings of other labs: known physiology comes out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from convert_real import convert
from workflow_runs import REPOSITORY, rows_of, run_snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.real]


@pytest.fixture(scope="module")
def results(real_data, tmp_path_factory) -> Path:
    """Results of config/examples/real.yaml."""
    folder = tmp_path_factory.mktemp("real")
    shutil.copytree(REPOSITORY / "config" / "examples", folder / "lab")
    convert(real_data, folder / "lab" / "recordings")
    process = run_snakemake(folder / "lab" / "real.yaml", folder / "run")
    assert process.returncode == 0, process.stderr[-3000:]
    return folder / "run" / "results"


def spectrum(results: Path, session: str, region: str) -> xr.DataArray:
    """Mean spectrum of a region over the whole session."""
    with xr.open_dataset(results / "sessions" / session / "spectra.nc", engine="h5netcdf") as data:
        psd = data["psd"].isel(epoch=0).load()
    return psd.isel(channel=psd["region"].values == region).mean("channel")


def peak(psd: xr.DataArray, low: float, high: float) -> float:
    """Frequency of the highest point of the spectrum times frequency squared (1/f^2 removed)."""
    band = psd.sel(frequency=slice(low, high))
    frequency = band["frequency"].values
    return float(frequency[np.argmax(band.values * frequency**2)])


@pytest.mark.parametrize(
    ("session", "region", "theta_hz"),
    [("rat_ca1_ec3", "CA1", 8.0), ("rat_ca1_ec3", "EC3", 8.0), ("rat_hpc", "HPC", 6.5)],
)
def test_theta(results, session, region, theta_hz):
    assert peak(spectrum(results, session, region), 4, 12) == pytest.approx(theta_hz, abs=0.5)


def test_mouse_eeg_peaks_low_and_its_mains_are_already_notched(results):
    psd = spectrum(results, "mouse_eeg", "cortex")
    low = psd.sel(frequency=slice(1, 4))
    # 1.5 to 3 Hz by channel; half a hertz more, as the spectrum's tapers smear by 1 Hz
    assert 1.0 <= float(low["frequency"].values[np.argmax(low.values)]) <= 3.5
    notched = float(psd.sel(frequency=60, method="nearest"))
    beside = float(psd.sel(frequency=57, method="nearest"))
    assert notched < 0.2 * beside


@pytest.mark.parametrize(
    ("session", "counts"),
    [("mouse_units", [11020, 4690, 5644]), ("rat_wmaze", None)],
)
def test_spikes(results, session, counts):
    with xr.open_dataset(results / "sessions" / session / "units.nc", engine="h5netcdf") as units:
        found = np.bincount(units["spike_unit"].values, minlength=units.sizes["unit"])
    if counts is not None:
        assert sorted(found) == sorted(counts)
    else:
        assert len(found) == 25
        assert found.max() == 461464  # junk that later quality control must flag


def test_the_theta_harmonic_is_weaker_than_theta(results):
    """CA1's 16.4 Hz is a harmonic: there is a peak, far below theta."""
    psd = spectrum(results, "rat_ca1_ec3", "CA1")
    harmonic = peak(psd, 14, 19)
    assert harmonic == pytest.approx(16.4, abs=1.0)
    assert float(psd.sel(frequency=harmonic, method="nearest")) < 0.2 * float(psd.max())


def test_contexts_of_the_w_maze_reach_the_outcomes(results):
    outcomes = pd.read_parquet(results / "cohort" / "outcomes.parquet")
    maze = outcomes[(outcomes["session"] == "rat_wmaze") & (outcomes["metric"] == "firing_rate")]
    assert set(maze["context"]) == {"run", "rest"}
    assert (maze["n_entities"] >= 20).all()


def test_every_session_is_complete(results):
    rows = rows_of(results / "cohort" / "completeness.tsv")
    assert {row["measure"] for row in rows} == {"ok"}
