"""Maps of the cohort in the report: what is drawn, what is said, and what a blind reader sees."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
from cohorts import PLACES
from maps_example import given, write_coupling, write_gram
from report_example import plan as report_plan

from pipeline.registry import metrics
from pipeline.report.cohort_maps import Axis, Grid, Panel, Scale, grid_chart, scale_end
from pipeline.report.cohort_maps_spectrograms import map_of, spectrogram_figures
from pipeline.report.cohort_maps_tables import MapTables, map_figures
from pipeline.report.comodulograms import comodulogram_figures
from pipeline.report.names import Names
from pipeline.steps.cohort_comodulograms import comodulograms
from pipeline.steps.cohort_spectrograms import spectrograms

DRUGS = ("vehicle", "psilocybin")
SESSIONS = [(f"r{k}_{drug}", f"r{k}", drug) for k in range(1, 5) for drug in DRUGS]
HOME = "home_cage"


def names_of(plan):
    return Names(plan=report_plan(conditions=plan.conditions, contexts=plan.contexts,
                                  blind=plan.blind), metrics=metrics())  # fmt: skip


def rgba(png):
    """Pixels of an indexed picture whose lines are not filtered."""
    chunks, at = {}, 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        chunks[png[at + 4 : at + 8]] = png[at + 8 : at + 8 + size]
        at += size + 12
    across = int.from_bytes(chunks[b"IHDR"][:4], "big")
    index = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(-1, across + 1)[:, 1:]
    colours = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    alpha = np.frombuffer(chunks[b"tRNS"], np.uint8)
    return np.dstack([colours[index], alpha[index]])


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def coded(plan, settings):
    """The plan and the anchors as a blinded run has them."""
    codes = {entry.name: f"code {k}" for k, entry in enumerate(plan.conditions)}
    conditions = tuple(
        entry.model_copy(update={"name": codes[entry.name], "reference": None,
                                 "is_reference": False, "drug": codes[entry.name]})
        for entry in plan.conditions
    )  # fmt: skip
    anchors = [row | {"condition": codes[row["condition"]]} for row in settings["anchors"]]
    return (
        plan.model_copy(update={"conditions": conditions, "blind": True}),
        settings | {"anchors": anchors},
    )


def tables_of(folder, *, blind=False):
    """psilocybin: 3 dB more in all rows from the dose on; half of the index at 8 and 100 Hz."""
    plan, settings = given(SESSIONS)
    if blind:
        plan, settings = coded(plan, settings)
    grams, couplings = [], []
    for name, _, drug in SESSIONS:
        more = 3.0 * (drug == "psilocybin")
        grams.append(write_gram(folder / name, lambda place, minute, more=more: more))
        acute = np.full((1, 2, 3), 0.01)
        acute[0, 1, 2] *= 0.5 if drug == "psilocybin" else 1.0
        before = np.full((1, 2, 3), 0.01)
        before[0, 1, 2] = 0.02
        acute[0, 1, 2] *= 2
        cells = {("baseline", HOME): before, ("acute", HOME): acute}
        couplings.append(write_coupling(folder / name, cells))
    tables = MapTables(
        spectrograms=spectrograms(grams, plan, settings),
        comodulograms=comodulograms(couplings, plan, settings),
    )
    return tables, names_of(plan)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return tables_of(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    return tables_of(tmp_path_factory.mktemp("blind"), blind=True)


def test_sentences_hold_the_planted_numbers(seen):
    tables, names = seen
    (gram,) = spectrogram_figures(tables.spectrograms, names)
    said = (
        "psilocybin minus vehicle, all contexts, mean after the administration, untested: +3.00 dB"
    )
    assert f"{said} at 1–4 Hz, +3.00 dB at 4–12 Hz" in plain(gram.alt)
    assert "n = 4 rats at a time" in plain(gram.caption)
    (map_,) = comodulogram_figures(tables.comodulograms, names)
    assert (
        "In home cage the baseline's index is largest at phase 8 Hz and amplitude 100 Hz (x 1000: "
        "20.00); change there, untested: psilocybin minus vehicle −1.00 octaves."
    ) in plain(map_.alt)
    assert "n = 4 rats" in plain(map_.caption) and "minus vehicle" in map_.caption


def test_the_caption_says_which_contexts_a_minute_holds(seen):
    tables, names = seen
    (gram,) = spectrogram_figures(tables.spectrograms, names)
    assert "home cage 0 to 4, open field 0 to 4 rats" in gram.caption


def test_the_caption_says_how_often_drug_and_vehicle_were_in_the_same_context(tmp_path):
    """One of four rats has the contexts in another order under the drug: its minutes never meet."""
    plan, settings = given(SESSIONS)
    grams = [
        write_gram(tmp_path / name, lambda place, minute: 0.0,
                   order=PLACES[::-1] if name == "r1_psilocybin" else PLACES)
        for name, *_ in SESSIONS
    ]  # fmt: skip
    (gram,) = spectrogram_figures(spectrograms(grams, plan, settings), names_of(plan))
    said = plain(gram.caption)
    assert "in the same context for 75 % (psilocybin) of the rats' minutes" in said
    assert "a difference between contexts is part of the difference" in said


def test_the_words_of_a_comodulogram_do_not_name_the_largest_noise(seen):
    tables, names = seen
    table = tables.comodulograms.copy()
    noisy = (table["phase_hz"] == 4) & (table["amplitude_hz"] == 60) & (table["part"] != "baseline")
    table.loc[noisy, "value"] = -7.0
    (map_,) = comodulogram_figures(table, names)
    assert "7.00" not in map_.alt and "−1.00 octaves" in plain(map_.alt)


def test_the_words_of_a_spectrogram_do_not_name_the_largest_noise(seen):
    tables, names = seen
    table = tables.spectrograms.copy()
    low = table["low_hz"].unique()[5]
    noisy = (table["low_hz"] == low) & (table["part"] == "difference")
    table.loc[noisy, "db"] = 40.0
    (gram,) = spectrogram_figures(table, names)
    ranges = r"([+−][\d.]+) dB at (\d+)–(\d+) Hz"
    said = [(float(db), int(a), int(b)) for db, a, b in re.findall(ranges, plain(gram.alt))]
    assert [(a, b) for _, a, b in said] == [(1, 4), (4, 12), (12, 30), (30, 80), (80, 200)]
    # the row counts as one of its range, and is not the number that is named
    assert max(db for db, *_ in said) < 20 and sum(db == 3.0 for db, *_ in said) == 4


def test_a_blind_reader_sees_codes_and_no_difference(blind):
    tables, names = blind
    for chapter in map_figures(tables, names).values():
        for figure in chapter[0]:
            words = " ".join([figure.alt, figure.caption, json.dumps(figure.draw()),
                              figure.data.to_csv()])  # fmt: skip
            assert "code 0" in words
            assert not any(word in words for word in (*DRUGS, "minus", "reference's"))


def test_charts_are_what_vega_lite_takes(seen):
    import altair as alt

    tables, names = seen
    for chapter in map_figures(tables, names).values():
        for figure in chapter[0]:
            alt.Chart.from_dict(figure.draw())


def test_without_maps_a_chapter_says_why(seen):
    tables, names = seen
    empty = MapTables(
        spectrograms=tables.spectrograms.iloc[:0], comodulograms=tables.comodulograms.iloc[:0]
    )
    found = map_figures(empty, names)
    assert all(not figures and absent for figures, absent in found.values())
    assert map_figures(None, names) == {}


def test_few_animals_are_grey_not_zero():
    """Three rats at minute 0.5, two at 1.5."""
    rows = pd.DataFrame({"minute": [0.5, 1.5], "low_hz": 1.5, "high_hz": 2.5, "db": [4.0, 4.0],
                         "n_units": [3, 2]})  # fmt: skip
    drawn = map_of(rows, np.array([0.5, 1.5, 2.5]), 1.0)
    assert (drawn[:, 0] == 4).all() and np.isnan(drawn[:, 1:]).all()


def test_rows_lie_on_the_root_of_the_frequency():
    """From 1 to 4 Hz in one row and from 4 to 9 in another: both as high."""
    rows = pd.DataFrame({"minute": 0.5, "low_hz": [1.0, 4.0], "high_hz": [4.0, 9.0],
                         "db": [1.0, 2.0], "n_units": 3})  # fmt: skip
    drawn = map_of(rows, np.array([0.5]), 1.0)[:, 0]
    assert (drawn == 1).sum() == (drawn == 2).sum() == len(drawn) / 2
    gap = rows.assign(low_hz=[1.0, 6.25])
    assert np.isnan(map_of(gap, np.array([0.5]), 1.0)).mean() == 0.25  # 2 to 2.5 of 1 to 3


def test_scales_end_at_round_numbers():
    assert scale_end([0.1, -3.7], share=1.0) == 4
    assert scale_end([0.021], share=1.0) == 0.025
    assert scale_end([0.0, np.nan]) == 1
    assert scale_end([*[1.0] * 199, 50.0]) == 1


def test_the_picture_holds_the_values_where_the_panels_are():
    """Two panels of two by two: highest row on top, white at zero, nothing where nothing is."""
    values = np.array([[-1.0, 0.0], [1.0, np.nan]])
    grid = Grid(
        panels=(Panel(row=0, column=0, values=values, title="one"),), rows=("",), cell=(10, 10),
        x=Axis(ticks=(), title="x"), y=Axis(ticks=(), title="y"),
        scales=(Scale(end=1.0, words="dB"),), hatched=((0.0, 0.5),),
    )  # fmt: skip
    text = json.dumps(grid_chart(grid))
    uri = text.split("data:image/png;base64,")[1].split('"')[0]
    pixels = rgba(b64decode(uri))
    y, x = 18, 40
    assert pixels[y + 5, x + 5].tolist() == [0x6B, 0x34, 0x10, 255]  # 1: brown, on top
    assert pixels[y + 5, x + 15, 3] == 0  # NaN: the ground shows
    assert pixels[y + 15, x + 5].tolist() == [0x0B, 0x3C, 0x5D, 255]  # -1: blue
    assert pixels[y + 15, x + 15].tolist() == [0xF5, 0xF5, 0xF2, 255]  # 0: white
    assert '"y": null' in text  # the hatches are one path with gaps
