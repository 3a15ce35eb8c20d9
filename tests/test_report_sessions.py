"""Session pages: what they show, what they say is missing, and that they know no drug."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from session_example import CONTEXTS, DOSE_S, trials, write_session
from test_report_page import Page

from pipeline.errors import InputError
from pipeline.report import SessionPage, read_session, write_session_pages
from pipeline.report.png import data_uri, matrix_png, palette
from pipeline.report.session_charts import in_order, psd_chart, trial_chart
from pipeline.report.session_files import read_dataset
from pipeline.report.session_spectrogram import spectrogram_charts
from pipeline.report.session_tables import fact_list, trial_table, unit_table
from pipeline.report.session_timeline import glances, timeline_chart
from pipeline.report.session_units import unit_summary
from pipeline.report.style import TINTS

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def session(results):
    folder = write_session(results / "sessions" / "r1_s1", warnings=("2 channels are flat",))
    return read_session(
        folder, session="r1_s1", animal="r1", facts={"Recording": "r1.dat"}, contexts=CONTEXTS,
        administrations_s=[DOSE_S], handling_s=(-30.0, 30.0), error_scheme="floresco_block",
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(results, session):
    return write_session_pages([session], results / "sessions", report=results / "report")


def test_pages_listing_and_one_library(results, written):
    names = [str(path.relative_to(results)) for path in written]
    assert names == [
        "report/assets/vega.js", "sessions/r1_s1/session.html", "report/assets/sessions.json"
    ]  # fmt: skip
    page = Page((results / "sessions/r1_s1/session.html").read_text())
    sources = [a["src"] for a in page.all("script") if "src" in a]
    assert sources == ["../../report/assets/vega.js"]
    assert (results / "sessions/r1_s1" / sources[0]).resolve().is_file()
    (row,) = json.loads(written[-1].read_text())
    assert row["href"] == "../sessions/r1_s1/session.html"
    assert (row["n_units_kept"], row["n_trials"], row["kept_fraction"]) == (1, 20, 0.9)
    assert row["contexts"] == ["home_cage", "set_shifting"]


def test_same_session_gives_the_same_bytes(results, session, written, tmp_path):
    again = write_session_pages([session], tmp_path / "sessions", report=tmp_path / "report")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_facts_warnings_and_sync_are_shown(results, written):
    text = Page((results / "sessions/r1_s1/session.html").read_text()).text.replace("\xa0", " ")
    for words in ("10 min", "90.0 %", "log.csv", "offset 0.012 s", "2 channels are flat", "r1.dat",
                  "quality mua"):  # fmt: skip
        assert words in text, words


def test_time_line_holds_contexts_phases_doses_and_what_is_cut_out(session):
    data = timeline_chart(session)["datasets"]
    bars = {(bar["row"], bar["label"]): (bar["start"], bar["stop"]) for bar in data["bars"]}
    assert bars["context", "home cage"] == (0.0, 4.5)
    assert bars["phase", "acute"] == (5.5, 10.0)
    assert bars["cut out", "handling"] == (4.5, 5.5)
    assert [dose["at"] for dose in data["doses"]] == [5.0]


def test_the_time_line_shows_what_was_recorded_and_every_trial(session):
    chart = timeline_chart(session)
    rows = {(bar["row"], bar["start"], bar["stop"]) for bar in chart["datasets"]["bars"]}
    assert ("recorded", 0.0, 10.0) in rows
    # the eleventh column of ten seconds has no spectrum: it is the artefact of the example
    assert ("artefacts", *np.round([100 / 60, 110 / 60], 5)) in rows
    ticks = chart["datasets"]["ticks"]
    assert len(ticks) == 20 and ticks[0] == {"row": "trials", "at": 5.66667, "label": "correct"}
    kept = [bar["time"] for bar in chart["datasets"]["bars"] if bar["row"] == "phase"]
    assert all(words.endswith("90.0\xa0% kept") for words in kept)


def test_gaps_of_a_recording_are_gaps_of_its_bar(session):
    parts = [{"starts_at_s": 0.0, "seconds": 60.0}, {"starts_at_s": 120.0, "seconds": 60.0}]
    page = replace(session, sync={"clock": "", "logs": [], "recordings": parts})
    bars = timeline_chart(page)["datasets"]["bars"]
    recorded = [(bar["start"], bar["stop"]) for bar in bars if bar["row"] == "recorded"]
    assert recorded == [(0.0, 1.0), (2.0, 3.0)]


@pytest.mark.parametrize("visited", [("home_cage", "set_shifting"), ("set_shifting", "home_cage")])
def test_a_context_keeps_its_tint_whatever_the_order_of_visits(session, visited):
    rows = pd.DataFrame(
        [
            {"context": c, "start_s": 60.0 * i, "stop_s": 60.0 * i + 50}
            for i, c in enumerate(visited)
        ]
    )
    page = replace(
        session, contexts=rows, context_order=("open_field", "home_cage", "set_shifting")
    )
    scale = timeline_chart(page)["layer"][0]["encoding"]["fill"]["scale"]
    tints = dict(zip(scale["domain"], scale["range"], strict=True))
    assert (tints["home cage"], tints["set shifting"]) == (TINTS[1], TINTS[2])
    assert "open field" not in tints


def test_labels_stand_in_the_order_of_the_experiment_and_unknown_ones_last():
    assert in_order(["c", "x", "a", "c"], ["a", "b", "c"]) == ("a", "c", "x")


def test_the_numbers_at_a_glance(session):
    shown = {one.label: (one.value.replace("\xa0", " "), one.detail) for one in glances(session)}
    assert shown == {
        "Recorded": ("10 min", ""),
        "Bad channels": ("0 of 3", "CA1 and mPFC"),
        "Time kept": ("90.0 %", ""),
        "Clocks of the logs": ("declared", "no pulses"),
        "Units kept": ("1 of 2", ""),
        "Trials": ("20", "67\xa0% correct"),
    }


def test_the_worst_clock_is_named_at_a_glance(session):
    logs = [{"residual_max_ms": worst, "n_matched": 40} for worst in (0.5, 2.25)]
    page = replace(session, sync={"clock": "", "logs": logs})
    (clock,) = [one for one in glances(page) if one.label.startswith("Clocks")]
    assert (clock.value, clock.detail) == ("2.25\xa0ms", "40\xa0pulses matched")


def test_units_are_summed_up_by_region_and_reason(session):
    assert [line.replace("\xa0", " ") for line in unit_summary(session)] == [
        "1 of 2 units kept: mPFC 1 of 1 and CA1 0 of 1.",
        "Left out: quality mua (1).",
    ]


def test_errors_come_before_everything_else(results, written):
    source = (results / "sessions/r1_s1/session.html").read_text()
    order = ["attention", "glance", "spectrograms", "spectra", "units", "trials", "recording"]
    places = [source.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)
    links = [a["href"] for a in Page(source).all("a") if a["href"].startswith("#")]
    assert [f"#{name}" for name in order] == links[1:]  # the first skips to the content


def test_pages_lead_to_their_neighbours_and_to_the_animal_s_other_sessions(session, tmp_path):
    visits = [("r0_s1", "r0"), ("r1_s0", "r1"), ("r1_s1", "r1"), ("r2_s1", "r2"), ("r1_s9", "r1")]
    write_session_pages([session], tmp_path / "s", report=tmp_path / "r", visits=visits)
    page = Page((tmp_path / "s/r1_s1/session.html").read_text())
    near = [a for a in page.all("a") if a["href"].startswith("../r")]
    assert [(a["href"].split("/")[1], a.get("rel")) for a in near] == [
        ("r1_s0", "prev"), ("r2_s1", "next"), ("r1_s0", None), ("r1_s9", None)
    ]  # fmt: skip


def test_arrays_are_those_that_xarray_reads(results, session, written):
    folder = results / "sessions/r1_s1"
    for name in ("spectra", "units"):
        with xr.open_dataset(folder / f"{name}.nc", engine="h5netcdf") as expected:
            xr.testing.assert_identical(read_dataset(folder / f"{name}.nc"), expected.drop_attrs())


def test_packed_numbers_and_other_files_are_refused(tmp_path):
    data = xr.Dataset({"x": ("t", [1.0, 2.0])}, coords={"t": [0.0, 1.0]})
    path = tmp_path / "packed.nc"
    data.to_netcdf(path, engine="h5netcdf", encoding={"x": {"scale_factor": 0.1, "dtype": "int16"}})
    with pytest.raises(InputError, match="x has scale_factor; expected plain numbers"):
        read_dataset(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"cannot be read.*expected a netCDF file"):
        read_dataset(path)
    path.write_bytes(b"")
    assert read_dataset(path) is None


def test_spectra_are_in_decibels_per_region_and_epoch(session):
    records = psd_chart(session)["datasets"]["spectra"]
    near = [r for r in records if abs(r["hz"] - 8) < 0.3 and r["region"] == "CA1"]
    by_phase = {r["phase"]: r["db"] for r in near}
    # the second epoch has four times the power
    assert by_phase["acute"] - by_phase["baseline"] == pytest.approx(10 * np.log10(4), abs=1e-3)
    peak = max((r for r in records if r["phase"] == "baseline" and 5 < r["hz"] < 12),
               key=lambda r: r["db"])  # fmt: skip
    assert peak["hz"] == pytest.approx(8, abs=0.3)
    assert {r["region"] for r in records} == {"mPFC", "CA1"}


def decode(png: bytes) -> np.ndarray:
    """An independent reading of an indexed PNG: RGBA (rows, columns, 4)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert (
            zlib.crc32(name + data) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        )
        chunks[name] = data
        at += 12 + size
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind) == (8, 3)
    raw = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not raw[:, 0].any()  # no filter
    colours = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    alpha = np.frombuffer(chunks[b"tRNS"], np.uint8)
    return np.dstack([colours[raw[:, 1:]], alpha[raw[:, 1:]]])


def test_pictures_hold_the_matrix():
    picture = decode(
        matrix_png(np.array([[-6.0, 0.0, 6.0], [np.nan, 99.0, -99.0]]), low=-6, high=6)
    )
    colours = palette(("#0b3c5d", "#3f7ea6", "#a9cbe0", "#f5f5f2", "#e9bd8b", "#b86f2c", "#6b3410"))
    assert picture[0, 0, :3].tolist() == colours[0].tolist() == [0x0B, 0x3C, 0x5D]
    assert picture[0, 1, :3].tolist() == colours[127].tolist() == [0xF5, 0xF5, 0xF2]
    assert picture[0, 2, :3].tolist() == picture[1, 1, :3].tolist() == [0x6B, 0x34, 0x10]
    assert picture[1, 0, 3] == 0 and picture[..., 3].sum() == 5 * 255
    assert data_uri(b"abc") == "data:image/png;base64,YWJj"


@pytest.mark.parametrize(
    ("matrix", "low"), [(np.zeros((0, 3)), -1), (np.zeros(3), -1), (np.zeros((2, 2)), 1)]
)
def test_pictures_of_nothing_are_refused(matrix, low):
    with pytest.raises(InputError, match="picture"):
        matrix_png(matrix, low=low, high=1)


def test_spectrograms_show_change_from_the_session_median(session):
    charts = dict(spectrogram_charts(session))
    assert set(charts) == {"mPFC", "CA1"}
    frame = charts["CA1"]["datasets"]["frame"]
    assert (frame[0]["minute"], frame[1]["minute"]) == pytest.approx((0.0, 10.0))
    assert (frame[0]["hz"], frame[1]["hz"]) == (1.0, 200.0)
    picture = decode(base64.b64decode(frame[0]["url"].partition(",")[2]))
    assert picture.shape[1] == 60
    assert (picture[:, 10, 3] == 0).all()  # the artefact is a gap
    before, after = picture[50, 5, :3].astype(int), picture[50, 50, :3].astype(int)
    assert before[2] > before[0] and after[0] > after[2]  # blue below, brown above the median


def test_rates_per_epoch_and_reasons_for_units_left_out(session):
    table = unit_table(session)
    assert table.columns[:5] == ("unit", "region", "quality", "used", "spikes")
    rows = {row[0]: row for row in table.rows}
    assert rows["a"][3] == "yes" and rows["b"][3] == "no: quality mua"
    assert rows["a"][5:] == ("1.00", "2.00")
    assert rows["b"][5:] == ("10.00", "20.00")


def test_rates_count_the_recorded_part_of_a_cell_only(session):
    beyond = session.epochs.copy()
    last = beyond.index[-1]
    beyond.loc[last, "stop_s"] += 3600.0  # the log goes on for an hour after the recording
    rows = {row[0]: row for row in unit_table(replace(session, epochs=beyond)).rows}
    assert rows["a"][5:] == ("1.00", "2.00")
    beyond.loc[last, ["recorded_s", "start_s"]] = 0.0, 600.0
    assert len(unit_table(replace(session, epochs=beyond)).columns) == 6


def test_trials_are_counted_per_set(session):
    table = trial_table(session)
    assert table.rows == (("1", "light", "10", "5", "3", "2"), ("2", "left", "10", "5", "2", "3"))
    drawn = trial_chart(session)["datasets"]["trials"]
    assert [r["outcome"] for r in drawn[:4]] == ["correct", "error", "omission", "correct"]


def test_scored_trials_show_the_types_of_errors(session):
    scored = trials().assign(
        outcome=["correct", "error", "omission", "unscored"] * 5,
        error_floresco_block=["none", "perseverative", "omission", "none"] * 5,
    )
    page = SessionPage(**{**vars(session), "trials": scored})
    table = trial_table(page)
    assert table.columns[-1] == "perseverative"
    assert table.rows[0] == ("1", "light", "10", "3", "3", "2", "3")


def test_trials_without_clock_times_are_drawn_by_number(session):
    page = SessionPage(**{**vars(session), "trials": trials().assign(t_choice=np.nan)})
    assert [r["at"] for r in trial_chart(page)["datasets"]["trials"]] == list(range(1, 21))


def test_a_session_without_anything_says_so(results):
    empty = results / "empty"
    empty.mkdir()
    (empty / "units.nc").write_bytes(b"")  # what the guard leaves of a failed session
    status = {"state": "failed", "step": "extract", "reason": f"no file {HOSTILE}"}
    (empty / "extract.status.json").write_text(json.dumps(status))
    page = read_session(empty, session="r2_s1", animal="r2")
    assert page.state == "failed"
    write_session_pages([page], results / "failed", report=results / "failed_report")
    text = Page((results / "failed/r2_s1/session.html").read_text()).text
    for words in ("There are no spectra", "no spectrogram", "no sorted units", "no behaviour log",
                  "no times", "extract failed", f"no file {HOSTILE}"):  # fmt: skip
        assert words in text, words
    (row,) = json.loads((results / "failed_report/assets/sessions.json").read_text())
    assert (row["state"], row["reason"]) == ("failed", f"no file {HOSTILE}")


def test_hostile_labels_are_text(session, tmp_path):
    rows = pd.DataFrame([{"context": HOSTILE, "start_s": 0.0, "stop_s": 600.0}])
    page = SessionPage(
        **{**vars(session), "contexts": rows, "animal": HOSTILE, "facts": {HOSTILE: HOSTILE},
           "trials": trials().assign(rule=HOSTILE)}
    )  # fmt: skip
    write_session_pages([page], tmp_path / "s", report=tmp_path / "r", title=HOSTILE)
    source = (tmp_path / "s/r1_s1/session.html").read_text()
    assert "<script>alert" not in source
    seen = Page(source)
    assert HOSTILE in seen.text
    for script in seen.scripts:
        if script.lstrip().startswith("{"):
            json.loads(script)
            assert "<" not in script


def test_pages_carry_no_more_than_they_are_given(session):
    """Blinding: a page is told times; the fields that could name a drug do not exist."""
    fields = set(SessionPage.__dataclass_fields__)
    assert not fields & {"condition", "drug", "dose_mg_per_kg", "role", "anchors"}
    assert not [label for label, _ in fact_list(session) if "dose" in label.casefold()]
