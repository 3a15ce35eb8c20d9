"""R's answers (tests/data/gold) and the tables they were made from."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "data" / "gold"

#: columns that are factors in R, with their levels where they are not in sorted order
FACTORS = {
    "CO2": {"concF": "95 175 250 350 500 675 1000", "Treatment": "nonchilled chilled",
            "Type": "Quebec Mississippi", "Plant": ""},
    "Rabbit": {"DoseF": "6.25 12.5 25 50 100 200", "Treatment": "Control MDL"},
    "Oats": {"nitroF": "0 0.2 0.4 0.6", "Variety": ""},
    "obk_long": {"treatment": "control A B", "phase": "fup post pre", "gender": "F M",
                 "hour": "1 2 3 4 5", "id": ""},
    "obk_agg": {"treatment": "control A B", "phase": "fup post pre", "id": ""},
    "ToothGrowth": {"doseF": "0.5 1 2", "supp": "OJ VC"},
    "anorexia": {"Treat": "CBT Cont FT"},
    "pigs": {"source": "fish soy skim"},
    "sleepstudy": {"Subject": ""},
    "Dyestuff2_x": {},
}  # fmt: skip


def gold(name: str) -> dict:
    """Return R's answers as they were printed."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def gold_table(name: str) -> pd.DataFrame:
    """Return a table with R's factors, levels in R's order."""
    factors = FACTORS[name]
    table = pd.read_csv(FOLDER / f"{name}.csv", dtype=dict.fromkeys(factors, str))
    for column, levels in factors.items():
        order = levels.split() or sorted(table[column].unique())
        assert set(order) == set(table[column]), f"{name}, {column}: {set(table[column])}"
        table[column] = pd.Categorical(table[column], categories=order)
    return table
