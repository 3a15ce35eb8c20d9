"""Logs of other labs: they score without error and their block structure comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.flexibility import SCHEMES, Task, epoch_trials, score

pytestmark = pytest.mark.real

REVERSAL = Path(__file__).parents[1] / "config" / "tasks" / "reversal.yaml"


def fed3_logs(real_data: Path) -> list[Path]:
    return sorted(
        path for path in real_data.glob("fed3_reversal/*/*") if path.suffix.lower() == ".csv"
    )


def fed3_trials(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pokes as trials, the active poke as the rule; and the log itself."""
    log = pd.read_csv(path)
    clock = pd.to_datetime(log.iloc[:, 0])
    log["t_choice"] = (clock - clock.iloc[0]).dt.total_seconds()
    pokes = log[log["Event"].isin(["Left", "Right"])]
    trials = pd.DataFrame(
        {
            "trial": np.arange(1, len(pokes) + 1),
            "t_choice": pokes["t_choice"],
            "rule": pokes["Active_Poke"],
            "choice_side": pokes["Event"].str.lower(),
            "correct": pokes["Event"] == pokes["Active_Poke"],
            "source_file": path.name,
            "source_row": pokes.index + 2,
        }
    )
    return trials, log


def test_fed3_reversal_logs(real_data):
    task = Task.model_validate(yaml.safe_load(REVERSAL.read_text(encoding="utf-8")))
    paths = fed3_logs(real_data)
    assert len(paths) == 4
    for path in paths:
        trials, log = fed3_trials(path)
        scores = score(trials, task)
        block = (log["Active_Poke"] != log["Active_Poke"].shift()).cumsum()
        sides = log["Active_Poke"].groupby(block).first()
        assert scores.sets["rule"].tolist() == sides.tolist(), path.name
        # The device reverses after 40 pellets: each block's correct pokes earned them, and pokes
        # while a pellet lies in the feeder earn nothing.
        pellets = (log["Event"] == "Pellet").groupby(block).sum().to_numpy()
        assert (pellets[:-1] == 40).all()
        assert (scores.sets["n_correct"].to_numpy() >= pellets).all(), path.name
        assert (scores.sets["switch"].iloc[1:] == "reversal").all()
        # The device counts pellets, not our criterion: late switches are expected, and counted.
        assert scores.session["n_late_switches"].iloc[0] > 0
        assert scores.trials["conflict"].iloc[1:].notna().any()
        for scheme in SCHEMES:
            held = epoch_trials(scores, None, scheme=scheme)
            assert len(held.trials) == len(trials)
        errors = (scores.trials["outcome"] == "error").sum()
        assert errors == (trials["choice_side"] != trials["rule"].str.lower()).sum()


def test_pavlovian_reversal_vectors(real_data):
    # Lick or not, reward or not; the contingency reverses at trial 60 of 160.
    task = Task.model_validate(
        {
            "sides": ["lick", "wait"],
            "rules": {"likely": "choose lick", "unlikely": "reverse likely"},
            "criterion": {"m": 18, "of": 20},
            "probabilistic": True,
        }
    )
    folders = sorted(real_data.glob("hjort_reversal/Sample_Choice_Data/A*"))
    assert len(folders) == 8
    for folder in folders:
        choice, outcome = np.load(folder / "HL_choice.npy"), np.load(folder / "HL_outcome.npy")
        trials = pd.DataFrame(
            {
                "trial": np.arange(1, 161),
                "rule": np.where(np.arange(160) < 60, "likely", "unlikely"),
                "choice_side": np.where(choice == 1, "lick", "wait"),
                "correct": outcome,
                "rewarded": outcome == 1,
            }
        )
        scores = score(trials, task)
        assert scores.sets["n_trials"].tolist() == [60, 100], folder.name
        licks = int(choice[60:].argmin())
        # What a plain count of licks before the first wait after the reversal gives.
        found = scores.trials["error_initial_run"][60:]
        assert (found == "perseverative").sum() == max(licks - 1, 0), folder.name
        assert scores.sets["reached"].iloc[0], "all animals lick before the reversal"
