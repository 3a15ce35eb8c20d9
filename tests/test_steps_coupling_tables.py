"""coupling.nc: what a page needs of a session's coupling, in one file."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pipeline.steps.coupling_tables import SPECTRA, write_coupling
from pipeline.steps.session_data import Span


def span(phase, context="home_cage", anchor="a1", step=1):
    return Span(context, phase, 0, 0.0, 600.0, anchor, step, None)


def between(level, n_windows=80, pairs=("CA1~mPFC",)):
    frequency = np.arange(0.5, 4.0, 0.5)
    values = np.full((len(pairs), len(frequency)), level)
    values[:, 2] = np.nan  # the mains
    spectra = xr.Dataset(
        {name: (("pair", "frequency"), values * (1 + at)) for at, name in enumerate(SPECTRA)},
        coords={
            "pair": list(pairs),
            "frequency": frequency,
            "region": ("pair", [pair.split("~")[0] for pair in pairs]),
        },
    )
    return SimpleNamespace(spectra=spectra, n_windows=n_windows)


def rhythms(level, regions=("CA1", "mPFC")):
    grid = xr.DataArray(
        np.full((len(regions), 3, 2), level),
        dims=("region", "phase_frequency", "amplitude_frequency"),
        coords={
            "region": list(regions),
            "phase_frequency": [6.0, 7.0, 8.0],
            "amplitude_frequency": [40.0, 50.0],
        },
    )
    table = xr.Dataset(
        {name: (("region", "phase_band"), np.full((len(regions), 1), level)) for name in
         ("power", "peak_db")},
        coords={"region": list(regions), "phase_band": ["theta"]},
    )  # fmt: skip
    return SimpleNamespace(comodulogram=grid, rhythm=table, n_blocks=9)


def read(path):
    return xr.load_dataset(path, engine="h5netcdf")


def test_every_cell_is_there_with_its_labels(tmp_path):
    cells = [
        (span("baseline"), {"coupling": between(0.1), "phase_amplitude": rhythms(0.01)}),
        (
            span("acute", "open_field", "a2", 2),
            {"coupling": between(0.2, 120), "phase_amplitude": rhythms(0.02)},
        ),
    ]
    write_coupling(cells, tmp_path / "coupling.nc")
    found = read(tmp_path / "coupling.nc")
    assert found["coherence"].dims == ("cell", "pair", "frequency")
    assert found["comodulogram"].dims == (
        "cell",
        "region",
        "phase_frequency",
        "amplitude_frequency",
    )
    assert found["phase"].values.tolist() == ["baseline", "acute"]
    assert found["context"].values.tolist() == ["home_cage", "open_field"]
    assert found["anchor"].values.tolist() == ["a1", "a2"]
    assert found["step"].values.tolist() == [1, 2]
    assert found["n_windows"].values.tolist() == [80, 120]
    assert found["pair"].values.tolist() == ["CA1~mPFC"]
    assert found["coherence"].isel(cell=1, pair=0, frequency=0) == 0.2
    assert found["pairwise_phase_consistency"].isel(cell=1, pair=0, frequency=0) == 0.8
    assert np.isnan(found["coherence"].isel(frequency=2)).all()
    assert (found["comodulogram"].isel(cell=1) == 0.02).all()
    assert (found["phase_peak_db"].isel(cell=0) == 0.01).all()
    assert [path.name for path in tmp_path.iterdir()] == ["coupling.nc"]


def test_cell_without_one_of_the_two_is_missing_there_only(tmp_path):
    cells = [
        (span("baseline"), {"coupling": between(0.1), "phase_amplitude": None}),
        (span("acute"), {"phase_amplitude": rhythms(0.02)}),
        (span("late"), {"coupling": None}),
    ]
    write_coupling(cells, tmp_path / "coupling.nc")
    found = read(tmp_path / "coupling.nc")
    assert found["phase"].values.tolist() == ["baseline", "acute"]
    assert found["n_windows"].values.tolist() == [80, 0]
    assert found["n_blocks"].values.tolist() == [0, 9]
    assert np.isnan(found["comodulogram"].isel(cell=0)).all()
    assert np.isfinite(found["comodulogram"].isel(cell=1)).all()
    assert np.isnan(found["coherence"].isel(cell=1)).all()


def test_one_region_has_comodulograms_only(tmp_path):
    write_coupling([(span("baseline"), {"phase_amplitude": rhythms(0.1)})], tmp_path / "c.nc")
    found = read(tmp_path / "c.nc")
    assert "coherence" not in found and found.sizes["cell"] == 1


@pytest.mark.parametrize("cells", [[], [(span("baseline"), {"coupling": None})]])
def test_nothing_gives_an_empty_file(tmp_path, cells):
    write_coupling(cells, tmp_path / "coupling.nc")
    assert (tmp_path / "coupling.nc").read_bytes() == b""


def test_same_cells_give_the_same_bytes(tmp_path):
    cells = [(span("baseline"), {"coupling": between(0.1), "phase_amplitude": rhythms(0.3)})]
    for name in ("a.nc", "b.nc"):
        write_coupling(cells, tmp_path / name)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_the_step_imports_nothing_heavy():
    code = (
        "import sys, pipeline.steps.coupling_tables; "
        "print([m for m in ('numpy', 'xarray', 'scipy', 'pandas') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
