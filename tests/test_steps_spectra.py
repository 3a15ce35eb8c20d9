"""Session spectra to cohort tables: from files with a known effect, failed sessions among them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cohorts import PLACES, two_levels

from pipeline.steps.spectra import observations_of, spectra, width_of

HZ = np.arange(0, 120.25, 0.25)
CHANNELS = {"a": "mPFC", "b": "mPFC", "c": "CA1", "d": ""}


def write_session(folder, drug, rng, *, mains=True):
    """Two contexts before and after the dose; psilocybin doubles 6 to 10 Hz of mPFC in one."""
    folder.mkdir(parents=True)
    anchor = f"{folder.name}.1"
    epochs, densities = [], []
    for phase in ("baseline", "acute"):
        for place in PLACES:
            for interval in (1, 2):
                psd = np.tile(100 / (1 + HZ), (len(CHANNELS), 1))
                psd *= 10 ** (0.02 * rng.normal(size=psd.shape))
                if (phase, place, drug) == ("acute", PLACES[1], "psilocybin"):
                    psd[:2, (HZ >= 5.5) & (HZ < 10.5)] *= 2
                if mains:
                    psd[:, (HZ >= 49) & (HZ <= 51)] *= 1000
                epochs.append((phase, place, interval, anchor))
                densities.append(psd)
    names = ("phase", "context", "interval", "anchor")
    columns = dict(zip(names, zip(*epochs, strict=True), strict=True))
    dataset = xr.Dataset(
        {"psd": (("epoch", "channel", "frequency"), np.array(densities))},
        coords={
            "channel": list(CHANNELS),
            "region": ("channel", list(CHANNELS.values())),
            "frequency": HZ,
            **{name: ("epoch", list(values)) for name, values in columns.items()},
            "n_windows": ("epoch", [50] * len(epochs)),
            "seconds": ("epoch", [100.0] * len(epochs)),
        },
    )
    dataset.to_netcdf(folder / "spectra.nc", engine="h5netcdf")
    table = pd.DataFrame(columns).assign(step=1, start_s=0.0, stop_s=100.0)
    table.to_csv(folder / "epochs.tsv", sep="\t", index=False)


def settings_of(sessions, **changes):
    """What the rule hands over; ``sessions`` are (session, animal, drug)."""
    anchors = [
        {
            "anchor": f"{session}.1",
            "condition": drug,
            "drug": drug,
            "dose_mg_per_kg": None,
            "pretreatment": "",
            "dosing_context": "",
            "period": 1 + number % 2,
            "previous_condition": "",
            "days_since_previous": None,
            "n_prior_doses": number % 2,
        }
        for number, (session, _, drug) in enumerate(sessions)
    ]
    rows = [
        {"session": session, "animal": animal, "sex": "F", "cohort": "1", "cage": "", "stage": ""}
        | {"start": "", "exclude": ""}
        for session, animal, _ in sessions
    ]
    return {
        "plan": two_levels().model_dump(mode="json"),
        "anchors": anchors,
        "sessions": rows,
        "line_noise_hz": 50,
        "segment_s": 4.0,
        "time_course": {"bin_s": 10.0, "before_s": 1800.0, "after_s": 7200.0},
        "handling_s": [-30.0, 30.0],
    } | changes


def run(folder, sessions, **changes):
    out = SimpleNamespace(
        means=str(folder / "means.parquet"),
        units=str(folder / "units.parquet"),
        clusters=str(folder / "clusters.tsv"),
        timecourses=str(folder / "timecourses.parquet"),
        timecourses_units=str(folder / "timecourses_units.parquet"),
        timecourse_clusters=str(folder / "timecourse_clusters.tsv"),
        spectrograms=str(folder / "spectrograms.parquet"),
        comodulograms=str(folder / "comodulograms.parquet"),
    )
    names = [session for session, _, _ in sessions]
    inputs = SimpleNamespace(
        spectra=[str(folder / name / "spectra.nc") for name in names],
        epochs=[str(folder / name / "epochs.tsv") for name in names],
        timecourses=[str(folder / name / "timecourse.parquet") for name in names],
        couplings=[str(folder / name / "coupling.nc") for name in names],
    )
    for path in map(Path, (*inputs.timecourses, *inputs.couplings)):
        path.touch()
    spectra(inputs=inputs, outputs=out, settings=settings_of(sessions, **changes))
    assert pd.read_parquet(out.spectrograms).empty and pd.read_parquet(out.comodulograms).empty
    clusters = pd.read_csv(out.clusters, sep="\t", keep_default_na=False, na_values=[""])
    return pd.read_parquet(out.means), pd.read_parquet(out.units), clusters


SESSIONS = [
    (f"r{number}_{drug}", f"r{number}", drug)
    for number in range(7)
    for drug in ("vehicle", "psilocybin")
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Seven rats; a session of the last one failed and left empty files."""
    folder = tmp_path_factory.mktemp("spectra")
    rng = np.random.default_rng(0)
    for session, _, drug in SESSIONS:
        if session == "r6_vehicle":
            (folder / session).mkdir()
            for name in ("spectra.nc", "epochs.tsv"):
                (folder / session / name).write_bytes(b"")
        else:
            write_session(folder / session, drug, rng)
    return run(folder, SESSIONS)


def test_the_mean_change_is_the_planted_one(found):
    means, units, _ = found
    acute = means[(means["phase"] == "acute") & (means["condition"] == "psilocybin")]
    changed = acute[(acute["region"] == "mPFC") & (acute["level"] == "open_field")]
    changed = changed.set_index("frequency_hz")["mean"]
    assert changed[8] == pytest.approx(10 * np.log10(2), abs=0.15)
    assert changed[[3, 20, 90]].abs().max() < 0.2
    elsewhere = acute[(acute["region"] == "CA1") | (acute["level"] == "home_cage")]
    assert elsewhere["mean"].abs().max() < 0.3
    assert set(means["region"]) == {"mPFC", "CA1"}
    assert set(units["unit"]) == {f"r{number}" for number in range(7)}
    vehicle = means[means["condition"] == "vehicle"]
    assert set(vehicle["n_units"]) == {6} and set(acute["n_units"]) == {7}


def test_the_baseline_is_raw_density(found):
    means, _, _ = found
    raw = means[(means["phase"] == "baseline") & (means["region"] == "CA1")]
    assert set(raw["baseline_rule"]) == {"none"}
    density = raw.groupby("frequency_hz")["mean"].mean()
    assert density[20] == pytest.approx(10 * np.log10(100 / 21), abs=0.2)


def test_the_mains_are_not_in_it(found):
    means, _, clusters = found
    rows = set(means["frequency_hz"])
    assert not rows & {49.0, 50.0, 51.0, 99.0, 100.0, 101.0}
    assert {47.0, 53.0, 97.0, 103.0} <= rows
    assert min(rows) == 1 and max(rows) == 119
    assert not ((clusters["start_hz"] <= 48) & (clusters["stop_hz"] >= 52)).any()


def test_the_cluster_is_the_planted_one(found):
    _, _, clusters = found
    hit = clusters[(clusters["family"] != "carry_over") & (clusters["p"] < 0.05)]
    hit = hit[hit["estimate"].abs() > 1]
    assert set(hit["contrast"]) == {"simple", "difference_of_differences"}
    assert set(hit["region"]) == {"mPFC"} and set(hit["level"]) == {"open_field"}
    assert hit["start_hz"].tolist() == pytest.approx([6, 6], abs=1)
    assert hit["stop_hz"].tolist() == pytest.approx([10, 10], abs=1)
    assert (hit["n_animals"] == 6).all() and (hit["floor"] == 2 / 2**6).all()
    assert hit["note"].str.contains("edges are not significant frequencies").all()


def test_an_experiment_without_recordings_has_empty_tables(tmp_path):
    for session, _, _ in SESSIONS[:2]:
        (tmp_path / session).mkdir()
        for name in ("spectra.nc", "epochs.tsv"):
            (tmp_path / session / name).write_bytes(b"")
    means, units, clusters = run(tmp_path, SESSIONS[:2])
    assert means.empty and units.empty and clusters.empty
    assert {"region", "condition", "level", "phase", "frequency_hz", "mean"} <= set(means)
    assert {"start_hz", "stop_hz", "p", "floor", "n_animals", "note"} <= set(clusters)
    none, _, _ = run(tmp_path, [])
    assert list(none) == list(means)


def test_a_recording_without_an_epoch_is_passed_over(tmp_path):
    (tmp_path / "s").mkdir()
    empty = xr.Dataset({"spectrogram": (("time",), np.zeros(3))})
    empty.to_netcdf(tmp_path / "s" / "spectra.nc", engine="h5netcdf")
    (tmp_path / "s" / "epochs.tsv").write_text("phase\tcontext\n")
    rows = observations_of(
        tmp_path / "s" / "spectra.nc", tmp_path / "s" / "epochs.tsv", line_hz=None, width_hz=1.0
    )
    assert rows.empty


def test_density_of_a_row_is_the_mean_of_channels_and_frequencies(tmp_path):
    write_session(tmp_path / "s", "vehicle", np.random.default_rng(1))
    with xr.open_dataset(tmp_path / "s" / "spectra.nc", engine="h5netcdf") as dataset:
        psd = dataset["psd"].load()
    rows = observations_of(
        tmp_path / "s" / "spectra.nc", tmp_path / "s" / "epochs.tsv", line_hz=50, width_hz=1.0
    )
    row = rows[(rows["region"] == "mPFC") & (rows["band"] == "8") & (rows["phase"] == "acute")]
    row = row[(row["context"] == "open_field") & (row["interval"] == 2)].iloc[0]
    inside = (HZ >= 7.5) & (HZ < 8.5)
    assert row["value"] == pytest.approx(float(psd[7, :2, inside].mean()))
    # two of the four frequencies of 48 Hz lie within 2 Hz of the mains
    row = rows[(rows["region"] == "CA1") & (rows["band"] == "48")].iloc[0]
    assert row["value"] == pytest.approx(float(psd[0, 2, (HZ >= 47.5) & (HZ < 48)].mean()))


def test_rows_are_as_wide_as_whole_steps_of_the_segments():
    assert width_of(4.0) == 1.0
    assert width_of(2.5) == pytest.approx(1.2)
    assert width_of(0.5) == 2.0
