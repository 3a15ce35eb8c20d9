"""A session whose channels come loose keeps its time, its other channels, or at least the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_lfp_quality import RATE, background, span

from pipeline.intervals import total_seconds
from pipeline.lfp.signal import good_channels, write_lfp
from pipeline.steps.session_data import SessionData, assess
from pipeline.steps.sources import interval_sources

OPTIONS = {
    "lfp": {"artefact_sd": 6.0, "bands": {}, "segment_s": 4.0, "half_bandwidth_hz": 1.0},
    "movement": {"zones": {}},
    "recording": {"line_noise_hz": None},
}
BASELINE = [span("baseline", 0.0, 60.0)]
EPOCHS = [*BASELINE, span("acute", 60.0, 120.0)]


def session(tmp_path, values, regions, *, bad=(), movement=False):
    names = [f"c{index}" for index in range(values.shape[1])]
    inputs = {"lfp": tmp_path / "lfp.nc"}
    write_lfp(
        inputs["lfp"], [values.astype(np.float32)], n_samples=len(values), rate_hz=RATE,
        channels=names, region=dict(zip(names, regions, strict=True)), bad=bad, pass_band_hz=400.0,
    )  # fmt: skip
    if movement:
        inputs["movement"] = tmp_path / "movement.parquet"
        time = np.arange(0, 120, 0.1)
        pd.DataFrame({"time_s": time, "speed_cm_s": np.full(len(time), 3.0)}).to_parquet(
            inputs["movement"]
        )
    return SessionData(inputs, OPTIONS)


def loose_after(values, channel, first):
    values[first:, channel] = 3000 * np.random.default_rng(2).standard_normal(len(values) - first)


def test_a_loose_channel_is_marked_for_all_readers(tmp_path):
    values = background(120, 6, seed=20)
    loose_after(values, 1, 72_000)
    data = session(tmp_path, values, ["CA1"] * 3 + ["mPFC"] * 3)
    quality = assess(data, BASELINE, OPTIONS, epochs=EPOCHS)
    assert quality.loose == ("c1",) and total_seconds(quality.artefacts) == 0
    (said,) = (warning for warning in quality.warnings if "counts as bad" in warning)
    assert said.startswith("channel c1 (CA1) counts as bad in this session: artefacts of its own")
    assert "80 % of acute, home_cage" in said
    assert quality.facts["bad_channels"] == ["c1"] and "c1" in quality.facts["loose_channels"]
    assert quality.facts["regions"] == ["CA1", "mPFC"]
    marked = data.without(quality.loose)
    assert good_channels(marked.lfp).tolist() == [0, 2, 3, 4, 5]
    spectrum = interval_sources(np.array([[60.0, 120.0]]), marked, quality)["spectrum"]
    assert spectrum.psd["channel"].values.tolist() == ["c0", "c2", "c3", "c4", "c5"]
    assert data.without(()) is data


def test_a_region_without_a_good_channel_is_left_out_with_a_warning(tmp_path):
    values = background(120, 5, seed=21)
    loose_after(values, 4, 72_000)
    data = session(tmp_path, values, ["CA1"] * 4 + ["mPFC"])
    quality = assess(data, BASELINE, OPTIONS, epochs=EPOCHS)
    assert quality.facts["regions"] == ["CA1"]
    assert any(w.startswith("region mPFC has no good channel left (c4)") for w in quality.warnings)


@pytest.mark.parametrize("how", ["marked", "dead in the baseline"])
def test_a_session_without_a_good_channel_goes_on(tmp_path, how):
    values = background(120, 2, seed=22)
    bad = ("c0", "c1") if how == "marked" else ()
    if not bad:
        values[:60_000] = 5.0
    data = session(tmp_path, values, ["CA1", "mPFC"], bad=bad, movement=True)
    quality = assess(data, BASELINE, OPTIONS, epochs=EPOCHS)
    data = data.without(quality.loose)
    assert any("the session has no outcome of the LFP" in w for w in quality.warnings)
    assert len(quality.artefacts) == 0 and "kept_fraction" not in quality.facts
    assert not data.has("lfp") and data.has("movement") and data.end_s == 120.0
    sources = interval_sources(np.array([[60.0, 120.0]]), data, quality)
    assert "spectrum" not in sources and sources["movement"] is not None


def test_seconds_that_only_the_raised_threshold_kept_are_stated(tmp_path):
    values = background(120, 2, seed=23)
    values[60_000:] *= 2
    values[np.arange(65_500, 115_000, 5000), 0] = 900.0
    data = session(tmp_path, values, ["CA1", "mPFC"])
    quality = assess(data, BASELINE, OPTIONS, epochs=EPOCHS)
    (said,) = (w for w in quality.warnings if "kept only because" in w)
    assert "acute, home_cage" in said and "baseline, home_cage" not in said
