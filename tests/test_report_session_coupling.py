"""Coupling on session pages: lines and maps hold the data, and appear only where there is any."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from session_example import CONTEXTS, DOSE_S, write_session
from test_report_page import Page

from pipeline.report import SessionPage, read_session, write_session_pages
from pipeline.report.session_coupling import (
    PANELS,
    RAMP,
    comodulogram_charts,
    coupling_charts,
)

CELLS = [
    ("baseline", "home_cage", 1),
    ("baseline", "set_shifting", 1),
    ("acute", "home_cage", 1),
    ("acute", "set_shifting", 1),
    ("acute", "set_shifting", 2),
]
FREQUENCY = np.arange(0.5, 200.25, 0.5)
SLOW, FAST = np.arange(2.0, 13.0), np.arange(30.0, 201.0, 10.0)


def example() -> xr.Dataset:
    """Theta coupling that grows from cell to cell; mains left out; modulation at 8 and 80 Hz."""
    strength = np.arange(1, len(CELLS) + 1)[:, None, None] / 10
    theta = strength * np.exp(-(((FREQUENCY - 8) / 2) ** 2)) * np.array([1.0, 0.5])[None, :, None]
    measures = {
        "coherence": 0.1 + theta,
        "pairwise_phase_consistency": theta**2,
        "imaginary_coherence": theta * np.array([1, -1])[None, :, None] / 2,
        "debiased_wpli": theta / 2,
    }
    mains = np.abs((FREQUENCY + 25) % 50 - 25) <= 2
    mains &= FREQUENCY > 10
    slow, fast = np.meshgrid(SLOW, FAST, indexing="ij")
    bump = np.exp(-(((slow - 8) / 2) ** 2) - ((fast - 80) / 25) ** 2)
    maps = 1e-4 + 1e-3 * strength[:, :, None] * bump * np.array([1.0, 3.0])[None, :, None, None]
    maps[1, 1] = np.nan  # a cell without a value in one region
    return xr.Dataset(
        {
            **{
                name: (("cell", "pair", "frequency"), np.where(mains, np.nan, values))
                for name, values in measures.items()
            },
            "comodulogram": (
                ("cell", "region", "phase_frequency", "amplitude_frequency"), maps,
            ),
        },
        coords={
            "phase": ("cell", [phase for phase, _, _ in CELLS]),
            "context": ("cell", [context for _, context, _ in CELLS]),
            "anchor": ("cell", [f"r1.{step}" for _, _, step in CELLS]),
            "step": ("cell", [step for _, _, step in CELLS]),
            "pair": ["CA1~mPFC", "CA1~<b>NAc</b>"], "frequency": FREQUENCY,
            "region": ["CA1", "mPFC"], "phase_frequency": SLOW, "amplitude_frequency": FAST,
        },
    )  # fmt: skip


def page(dataset=None) -> SessionPage:
    return SessionPage(session="r1_s1", animal="r1", coupling=dataset)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two sessions: one with coupling, one whose file is empty."""
    folder = tmp_path_factory.mktemp("results")
    for name in ("r1_s1", "r1_s2"):
        write_session(folder / "sessions" / name)
        (folder / "sessions" / name / "coupling.nc").touch()
    example().to_netcdf(folder / "sessions" / "r1_s1" / "coupling.nc", engine="h5netcdf")
    return folder


@pytest.fixture(scope="module")
def sessions(results):
    return [
        read_session(
            results / "sessions" / name, session=name, animal="r1", contexts=CONTEXTS,
            administrations_s=[DOSE_S], handling_s=(-30.0, 30.0),
        )
        for name in ("r1_s1", "r1_s2")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def written(results, sessions):
    paths = write_session_pages(sessions, results / "sessions", report=results / "report")
    return {path.parent.name: path for path in paths if path.name == "session.html"}


# --- spectra of coupling --------------------------------------------------------------------------


def test_one_chart_per_pair_with_one_line_per_measure_and_cell(sessions):
    charts = dict(coupling_charts(sessions[0]))
    assert list(charts) == ["CA1–mPFC", "CA1–<b>NAc</b>"]
    lines = charts["CA1–mPFC"]["datasets"]["lines"]
    assert len(lines) == len(PANELS) * len(CELLS)
    assert {(line["phase"], line["context"]) for line in lines} == {
        ("baseline", "home cage"), ("baseline", "set shifting"), ("acute", "home cage"),
        ("acute", "set shifting"), ("acute, dose 2", "set shifting"),
    }  # fmt: skip


def test_lines_hold_the_values_and_break_at_the_mains():
    data = example()
    chart = dict(coupling_charts(page(data)))["CA1–mPFC"]
    for line in chart["datasets"]["lines"]:
        values = data[line["measure"]].sel(pair="CA1~mPFC").isel(cell=line["line"])
        drawn = dict(zip(line["hz"], line["value"], strict=True))
        assert drawn[8.0] == pytest.approx(values.sel(frequency=8.0).item(), rel=0.02)
        # bins are means: high up they hold several frequencies
        high = max(drawn)
        assert drawn[high] == pytest.approx(float(values.sel(frequency=high, method="nearest")))
        gaps = [hz for hz, value in drawn.items() if value is None]
        assert any(48 <= hz <= 52 for hz in gaps)
        assert all(abs((hz + 25) % 50 - 25) <= 4 for hz in gaps)
        assert min(drawn) >= 1.0 and None not in drawn


def test_contexts_differ_by_dash_and_phases_by_colour():
    chart = dict(coupling_charts(page(example())))["CA1–mPFC"]
    assert len(chart["concat"]) == 4 and chart["columns"] == 2
    titles = [panel["title"]["text"] for panel in chart["concat"]]
    assert [title.endswith("(with a lag only)") for title in titles] == [False, False, True, True]
    encoding = chart["concat"][0]["layer"][1]["encoding"]
    dashes = encoding["strokeDash"]["scale"]
    assert dashes["domain"] == ["home cage", "set shifting"]
    assert len({tuple(dash) for dash in dashes["range"]}) == 2
    assert len(set(encoding["color"]["scale"]["range"])) == 3


# --- comodulograms --------------------------------------------------------------------------------


def test_maps_of_a_region_have_one_scale_and_hold_the_values():
    data = example()
    charts = dict(comodulogram_charts(page(data)))
    assert list(charts) == ["CA1", "mPFC"]
    assert [len(chart["concat"]) for chart in charts.values()] == [5, 4]  # one map has no values
    for region, chart in charts.items():
        maps = data["comodulogram"].sel(region=region)
        assert chart["params"][0]["value"] == pytest.approx(float(maps.max()), rel=1e-5)
        for row in chart["datasets"]["rows"]:
            expected = maps.isel(cell=row["cell"]).sel(amplitude_frequency=row["amplitude"])
            np.testing.assert_allclose(row["index"], expected, rtol=1e-5)
            assert row["phase"] == SLOW.tolist()


def test_colours_of_a_map_differ_by_lightness_alone():
    """Relative luminance falls from step to step: readable in print and without colour vision."""
    parts = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in RAMP])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    lightness = 116 * np.cbrt(luminance) - 16
    assert (np.diff(lightness) < -12).all()


# --- the page -------------------------------------------------------------------------------------


def test_page_shows_coupling_only_where_there_is_any(written, sessions):
    with_it, without = (Page(written[name].read_text()) for name in ("r1_s1", "r1_s2"))
    headings = ("Coupling between regions", "Phase-amplitude coupling")
    assert all(heading in with_it.text for heading in headings)
    assert not any(heading in without.text for heading in headings)
    assert sessions[1].coupling is None
    source = written["r1_s1"].read_text()
    assert source.count('id="coupling-') == 2 and source.count('id="comodulogram-') == 2
    assert "<b>NAc" not in source


@pytest.mark.parametrize(
    "dataset",
    [
        None,
        xr.Dataset(),
        example().isel(cell=[]),
        example().isel(pair=[], region=[]),
        example() * np.nan,
    ],
)
def test_nothing_is_drawn_of_nothing(dataset):
    assert coupling_charts(page(dataset)) == []
    assert comodulogram_charts(page(dataset)) == []


def test_one_kind_alone_is_drawn():
    data = example()
    assert coupling_charts(page(data.drop_vars("comodulogram"))) != []
    assert comodulogram_charts(page(data[["comodulogram"]])) != []


def test_same_session_gives_the_same_bytes(sessions, written, tmp_path):
    again = write_session_pages(sessions, tmp_path / "sessions", report=tmp_path / "report")
    pages = [path for path in again if path.name == "session.html"]
    assert [path.read_bytes() for path in pages] == [
        written[path.parent.name].read_bytes() for path in pages
    ]


def test_charts_are_drawn_without_complaint(sessions):
    import vl_convert

    for name, chart in [*coupling_charts(sessions[0]), *comodulogram_charts(sessions[0])]:
        drawn = vl_convert.vegalite_to_svg(json.dumps(chart), allowed_base_urls=[])
        assert drawn.count("<path") > 20, name
        assert "NaN" not in drawn and "undefined" not in drawn
