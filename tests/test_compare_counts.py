"""How many animals stand behind a contrast, where an arm or a context is missing in some."""

from __future__ import annotations

import pandas as pd
import pytest
from report_example import FEW, METRICS, observation_rows, plan

from pipeline.compare import build_outcomes, compare

THETA = FEW[0]


def without(lost) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contrasts and verdicts of theta in mPFC without the rows that ``lost`` picks."""
    of = plan()
    rows = observation_rows(of, (THETA,), 3)
    rows = rows[(rows["split"] == "") & ~lost(rows)].reset_index(drop=True)
    found = compare(build_outcomes(rows, of, METRICS).table, of, METRICS)
    return found.contrasts, found.verdicts


def three_without_ketamine(rows):
    return (rows["condition"] == "ketamine") & rows["animal"].isin(["rat01", "rat03", "rat05"])


def one_without_a_vehicle_context(rows):
    return (
        (rows["condition"] == "vehicle")
        & (rows["animal"] == "rat02")
        & (rows["context"] == "open_field")
    )


@pytest.mark.parametrize(
    ("lost", "condition", "level", "expected"),
    [
        # all have vehicle; psilocybin is complete, MDMA lacks the excluded session of rat06
        (three_without_ketamine, "psilocybin", "", (8, 8, 8, 8)),
        (three_without_ketamine, "MDMA", "", (8, 7, 7, 8)),
        (three_without_ketamine, "ketamine", "", (8, 5, 5, 8)),
        # a context of vehicle is missing: both arms are there, not every cell of the mean
        (one_without_a_vehicle_context, "psilocybin", "", (8, 7, 8, 8)),
        (one_without_a_vehicle_context, "psilocybin", "open_field", (8, 7, 8, 7)),
        (one_without_a_vehicle_context, "psilocybin", "home_cage", (8, 8, 8, 8)),
    ],
)
def test_who_has_every_cell_and_which_arm_lacks_the_others(lost, condition, level, expected):
    contrasts, _ = without(lost)
    row = contrasts[
        (contrasts["condition"] == condition)
        & (contrasts["contrast"] == ("simple" if level else "main"))
        & (contrasts["level"] == level)
        & (contrasts["phase"] == "acute")
    ]
    found = row[["n_animals", "n_complete", "n_condition", "n_reference"]]
    assert [tuple(map(int, one)) for one in found.to_numpy()] == [expected]


def test_a_verdict_holds_both_numbers_and_an_omnibus_test_neither():
    contrasts, verdicts = without(three_without_ketamine)
    ketamine = verdicts[verdicts["condition"] == "ketamine"].iloc[0]
    assert list(ketamine[["n_animals", "n_complete", "n_smallest_group"]]) == [8, 5, 5]
    omnibus = contrasts[contrasts["contrast"] == "omnibus"]
    assert len(omnibus) and omnibus["n_complete"].isna().all()
