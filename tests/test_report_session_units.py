"""Units on a session's page: their rates as a picture, and what units.tsv says of each."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from session_example import CONTEXTS, DOSE_S, write_session
from test_report_page import Page
from test_report_sessions import decode

from pipeline.report import read_session, write_session_pages
from pipeline.report.png import DIVERGING, palette
from pipeline.report.session_units import quality_table, rate_map
from pipeline.spikes import units_dataset

HOSTILE = "<script>alert(1)</script>"
JUDGED = """unit_id\tregion\tkept\treason\tbaseline_rate_hz\tcontamination\twaveform_class\tdrifting
b\tCA1\tno\tlabelled mua\t10\t0.123\t\tno
a\tmPFC\tyes\t\t1.0049\t\tnarrow\tyes
"""


@pytest.fixture
def session(tmp_path):
    folder = write_session(tmp_path / "sessions" / "r1_s1")
    (folder / "units.tsv").write_text(JUDGED)
    return read_session(folder, session="r1_s1", animal="r1", contexts=CONTEXTS,
                        administrations_s=[DOSE_S])  # fmt: skip


def picture_of(chart):
    (url,) = [row["url"] for row in chart["datasets"]["frame"] if row["url"]]
    return decode(base64.b64decode(url.partition(",")[2]))


def test_the_map_shows_rates_over_the_units_mean(session):
    chart = rate_map(session)
    picture = picture_of(chart)
    # b of CA1 fires at 10 and then 20 Hz: two thirds of its mean before, four thirds after it
    colours = palette(DIVERGING)
    for share, column in ((2 / 3, 0.25), (4 / 3, 0.75)):
        level = round(8 * np.log2(share)) / 8
        expected = colours[round(254 * (level + 2) / 4)]
        at = int(column * picture.shape[1])
        assert picture[0, at, :3].tolist() == expected.tolist()
    regions = [row["region"].replace("\xa0", " ") for row in chart["datasets"]["regions"]]
    assert regions == ["CA1, 1 unit", "mPFC, 1 unit"]
    assert [row["minute"] for row in chart["datasets"]["doses"]] == [5.0]
    assert chart["datasets"]["frame"][1]["minute"] == 10.0


def test_a_session_without_spikes_has_no_map(session):
    assert rate_map(replace(session, units=None)) is None
    silent = units_dataset([[], []], ["a", "b"])
    assert rate_map(replace(session, units=silent)) is None


def test_the_table_says_what_units_are_judged_by(session):
    table = quality_table(session)
    assert table.columns[-4:] == ("baseline, Hz", "contamination", "waveform", "drifting")
    rows = {row[0]: row[-4:] for row in table.rows}
    assert rows == {"a": ("1.00", "–", "narrow", "yes"), "b": ("10.00", "0.12", "–", "no")}


def test_the_table_stands_without_judgement(session):
    plain = quality_table(replace(session, unit_quality=None))
    assert [row[0] for row in plain.rows] == ["a", "b"] and "contamination" not in plain.columns
    other = pd.DataFrame({"unit_id": ["x"], "contamination": ["0.1"]})
    assert len(quality_table(replace(session, unit_quality=other)).rows) == 2
    assert quality_table(replace(session, units=None)) is None


def test_hostile_names_of_units_are_text(session, tmp_path):
    units = units_dataset([[1.0, 2.0]], [HOSTILE], [HOSTILE], [HOSTILE])
    judged = pd.DataFrame({"unit_id": [HOSTILE], "channel": [HOSTILE]})
    page = replace(session, units=units, unit_quality=judged)
    write_session_pages([page], tmp_path / "out", report=tmp_path / "report")
    text = (tmp_path / "out" / "r1_s1" / "session.html").read_text()
    assert "<script>alert" not in text
    assert "alert(1)" in Page(text).text and 'id="rates"' in text
