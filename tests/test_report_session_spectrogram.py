"""Spectrograms of a session's page: against the baseline, around the administration, with speed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipeline.report import SessionPage
from pipeline.report.session_spectrogram import (
    SPAN_DB,
    _fewer,
    _on_roots,
    reference_words,
    spectrogram_charts,
)

DOSE_S = 3000.0
EPOCHS = pd.DataFrame(
    {"phase": ["baseline", "acute"], "start_s": [1500.0, 3300.0], "stop_s": [2900.0, 9000.0]}
)
HZ = np.arange(0.0, 201.0)


def dataset(speed=True, seconds=12000.0):
    """1/f; 8 Hz doubles at the dose, all is 10 dB higher in the first 1000 s, before baseline."""
    time = np.arange(5.0, seconds, 10.0)
    gram = np.ones((len(time), 2, len(HZ)), np.float32) / (1 + HZ)
    gram[time < 1000] *= 10
    gram[np.ix_(time > DOSE_S, [0, 1], [8])] *= 2
    gram[:, :, 60] *= 1000  # mains: constant, however large
    data = xr.Dataset(
        {"spectrogram": (("time", "channel", "row_frequency"), gram)},
        coords={"channel": ["a", "b"], "region": ("channel", ["CA1", "CA1"]), "time": time,
                "row_frequency": HZ},
    )  # fmt: skip
    if speed:
        value = np.where(time < DOSE_S, 2.0, 8.0)
        value[20:22] = np.nan
        data["speed_cm_s"] = ("time", value)
    return data


def page(**changes):
    fields = {
        "session": "s", "animal": "a", "administrations_s": (DOSE_S,), "epochs": EPOCHS,
        "handling_s": (-120.0, 300.0), "baseline_phase": "baseline", "spectra": dataset(),
    }  # fmt: skip
    return SessionPage(**(fields | changes))


@pytest.fixture
def drawn(monkeypatch):
    """Charts, and the matrices that their pictures were made of."""
    matrices = []

    def capture(matrix, *, low, high):
        matrices.append(np.array(matrix))
        assert (low, high) == (-SPAN_DB, SPAN_DB)
        return b"png"

    monkeypatch.setattr("pipeline.report.session_spectrogram.matrix_png", capture)

    def draw(**changes):
        matrices.clear()
        charts = dict(spectrogram_charts(page(**changes)))
        return charts, list(matrices)

    return draw


def test_it_shows_the_time_around_the_administration(drawn):
    charts, _ = drawn()
    frame = charts["CA1"]["datasets"]["frame"]
    # -30 to +120 min of the dose at 50 min
    assert (frame[0]["minute"], frame[1]["minute"]) == (20, 170)
    charts, _ = drawn(around_s=(600.0, 1200.0))
    frame = charts["CA1"]["datasets"]["frame"]
    assert (frame[0]["minute"], frame[1]["minute"]) == (40, 70)
    charts, _ = drawn(administrations_s=())
    frame = charts["CA1"]["datasets"]["frame"]
    assert (frame[0]["minute"], frame[1]["minute"]) == pytest.approx((0, 200))
    assert drawn(around_s=(-9000.0, 9001.0))[0] == {}


def test_levels_are_changes_from_the_baseline_at_each_frequency(drawn):
    _, (level,) = drawn()
    level = level[::-1].T  # time, frequency from low to high
    assert np.abs(level[: (3000 - 1200) // 20]).max() < 1e-5  # the mains row too
    after = level[-50:]
    root = 1 + (np.sqrt(200) - 1) * (np.arange(after.shape[1]) + 0.5) / after.shape[1]
    theta = np.abs(root**2 - 8) < 0.3
    assert after[:, theta] == pytest.approx(10 * np.log10(2), abs=1e-4)
    assert np.abs(after[:, np.abs(root**2 - 8) > 1.5]).max() < 1e-5
    assert reference_words(page()) == "the baseline's median"


def test_without_a_baseline_the_sessions_median_serves(drawn):
    for changes in ({"epochs": None}, {"baseline_phase": ""}, {"epochs": EPOCHS.iloc[1:]}):
        assert reference_words(page(**changes)) == "the session's median"
        assert len(drawn(**changes)[0]) == 1
    assert reference_words(page(spectra=None)) == ""


def test_fast_rows_take_a_third_of_the_picture():
    level = np.tile(HZ[1:], (3, 1))
    rows = _on_roots(level, HZ[1:])
    assert rows.shape == (3, 150)
    assert (rows[0] > 100).mean() == pytest.approx(0.316, abs=0.02)
    # means of what a row covers: within half a hertz of its middle
    root = 1 + (np.sqrt(200) - 1) * (np.arange(150) + 0.5) / 150
    assert np.abs(rows[0] - root**2).max() < 0.6
    gap = level.copy()
    gap[1] = np.nan
    assert np.isnan(_on_roots(gap, HZ[1:])[1]).all()
    assert _fewer(np.ones((1500, 4))).shape == (500, 4)


def test_doses_and_hatched_handling_are_marked(drawn):
    charts, _ = drawn()
    data = charts["CA1"]["datasets"]
    assert [row["minute"] for row in data["doses"]] == [50]
    assert data["handling"] == [{"minute": 48, "to": 55}]
    hatch = pd.DataFrame(data["hatch"])
    assert len(hatch) > 20
    assert hatch["minute"].min() >= 48 and hatch["to"].max() <= 55
    assert hatch[["hz", "hz2"]].min().min() >= 1 and hatch[["hz", "hz2"]].max().max() <= 200
    # 45 degrees: pixels across are pixels up
    across = (hatch["to"] - hatch["minute"]) * 860 / 150
    up = (np.sqrt(hatch["hz2"]) - np.sqrt(hatch["hz"])) * 240 / (np.sqrt(200) - 1)
    assert np.abs(across - up).max() < 1
    second = drawn(administrations_s=(DOSE_S, 20000.0), around_s=(600.0, 600.0))[0]
    assert len(second["CA1"]["datasets"]["doses"]) == 1


def test_the_speed_stands_below_where_it_is_known(drawn):
    chart = drawn(administrations_s=())[0]["CA1"]
    speed = chart["datasets"]["speed"]
    assert len(speed) == 1200 and [row["speed"] for row in speed[19:23]] == [2, None, None, 2]
    assert len(chart["vconcat"]) == 2
    without = drawn(spectra=dataset(speed=False))[0]["CA1"]
    assert without["datasets"]["speed"] == [] and "vconcat" not in without
    unknown = dataset()
    unknown["speed_cm_s"][:] = np.nan
    assert "vconcat" not in drawn(spectra=unknown)[0]["CA1"]


def test_without_a_spectrogram_there_is_no_chart(drawn):
    assert drawn(spectra=None)[0] == {}
    empty = dataset()
    empty["spectrogram"][:] = np.nan
    assert drawn(spectra=empty)[0] == {}
