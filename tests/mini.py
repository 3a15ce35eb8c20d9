"""A whole experiment of seconds: four sessions of two rats, two contexts, one recording format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from experiments import write_experiment, write_table
from workflow_runs import rows_of

from pipeline.simulate.writers import write_openephys, write_phy


def write_mini(folder: Path) -> Path:
    """Write recordings, tables and config; returns the config's path."""
    rng = np.random.default_rng(1)
    sessions, administrations, contexts = [], [], []
    for animal in range(2):
        for week, drug in enumerate(
            ("saline", "psilocybin") if animal else ("psilocybin", "saline")
        ):
            name = f"r{animal}_w{week}"
            signals = rng.normal(0, 50, (120_000, 2)).astype(np.float32)
            write_openephys(folder / name, signals, rate_hz=1000.0, channels=["CH1", "CH2"])
            sessions.append(
                {
                    "session": name,
                    "animal": f"r{animal}",
                    "start": f"2026-01-{1 + 7 * week:02d}T09:00",
                    "recording": name,
                    "recording_format": "openephys",
                    "exclude": "",
                }
            )
            administrations.append(
                {
                    "animal": f"r{animal}",
                    "session": name,
                    "time_s": 60,
                    "drug": drug,
                    "dose_mg_per_kg": 1 if drug == "psilocybin" else None,
                }
            )
            for part, context in enumerate(("home_cage", "open_field") * 2):
                contexts.append(
                    {
                        "session": name,
                        "context": context,
                        "start_s": 30 * part,
                        "stop_s": 30 * (part + 1),
                    }
                )
    config = {
        "design": {
            "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "vehicle",
            "contexts": ["home_cage", "open_field"],
            "phases": {"baseline": [-60, -1], "acute": [1, 60]},
            "handling_s": [-1, 1],
            "minimum_epoch_s": 10,
        },
        "outcomes": {
            "primary": ["band_power/theta@mPFC"],
            "smallest_effect": {"band_power": {"drug": 1, "interaction": 1}},
        },
    }
    channels = [{"channel": f"CH{n}", "region": "mPFC"} for n in (1, 2)]
    return write_experiment(
        folder,
        config,
        sessions=sessions,
        administrations=administrations,
        contexts=contexts,
        channels=channels,
    )


# --- every kind of data --------------------------------------------------------------------------

LOG = """Trial,t (s),Rule,Light,Choice,Correct
1,2,Light,L,L,1
2,8,Light,R,R,1
3,20,Light,L,R,0
4,66,Light,R,R,1
5,75,Left,R,L,1
6,90,Left,L,L,1
"""
BOX = {
    "columns": {
        "trial": "Trial",
        "t_cue": "t (s)",
        "rule": "Rule",
        "cue_side": "Light",
        "choice_side": "Choice",
        "correct": "Correct",
    },
    "values": {
        "rule": {"Light": "light", "Left": "left"},
        "cue_side": {"L": "left", "R": "right"},
        "choice_side": {"L": "left", "R": "right"},
        "correct": {"1": True, "0": False},
    },
}
#: why the last session of the full experiment is left out; it has no file
EXCLUDED = {"session": "r2_w0", "exclude": "file lost"}


def write_full(folder: Path, *, blind: bool = False) -> Path:
    """The mini experiment with every kind of data; returns the config's path.

    Logs, units, movement, measurements, an antagonist, routes, and a fifth session that is excluded
    because its recording was lost.
    """
    path = write_mini(folder)
    rng = np.random.default_rng(2)
    sessions = rows_of(folder / "sessions.tsv")
    measured = []
    for index, row in enumerate(sessions):
        row.update(_add_data(folder, row["session"], rng), batch=f"batch {index % 2}")
        measured.append(
            {
                "animal": row["animal"],
                "session": row["session"],
                "outcome": "spines",
                "value": 10 + index,
                "context": "home_cage",
                "phase": "acute",
            }
        )
    lost = sessions[-1] | EXCLUDED | {"animal": "r2", "recording": "lost"}
    write_table(folder / "sessions.tsv", [*sessions, lost])
    write_table(folder / "measurements.tsv", measured)
    given = rows_of(folder / "administrations.tsv")
    for row in given:
        row.update(role="test", route="subcutaneous")
    before = {"drug": "ketanserin", "time_s": 20, "dose_mg_per_kg": 2, "role": "pretreatment"}
    write_table(folder / "administrations.tsv", [*given, given[0] | before])
    config = yaml.safe_load(path.read_text())
    _declare(config, blind=blind)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _add_data(folder: Path, name: str, rng: np.random.Generator) -> dict[str, str]:
    """Write log, speed and units of a session; returns its cells of the sessions table."""
    (folder / f"{name}_log.csv").write_text(LOG)
    times = np.arange(0, 120, 0.1)
    speed = pd.DataFrame({"time_s": times, "speed_cm_s": rng.uniform(0, 30, len(times))})
    speed.to_csv(folder / f"{name}_speed.csv", index=False)
    trains = [np.sort(rng.uniform(0, 120, 400)) for _ in range(6)]
    write_phy(
        folder / f"{name}_phy",
        spike_times_s=trains,
        rate_hz=30_000.0,
        region=["mPFC"] * 6,
        quality=["good"] * 6,
    )
    return {
        "behaviour": f"{name}_log.csv",
        "behaviour_format": "box",
        "movement": f"{name}_speed.csv",
        "sorting": f"{name}_phy",
    }


def _declare(config: dict, *, blind: bool) -> None:
    """Conditions whose names are not those of drugs, and the sections of the other data."""
    config["experiment"]["title"] = "A trial of every kind of data"
    config["tables"]["measurements"] = "measurements.tsv"
    config["statistics"] = {"blind": blind}
    config["design"]["conditions"] = {
        "controlgroup": {"drug": "saline"},
        "activegroup": {"drug": "psilocybin", "dose_mg_per_kg": 1},
        "ketanserin_first": {
            "drug": "psilocybin",
            "pretreatment": {"drug": "ketanserin", "dose_mg_per_kg": 2},
        },
    }
    config["design"]["reference_condition"] = "controlgroup"
    config["outcomes"]["declare"] = {"spines": {"label": "Spine density"}}
    # few bands: each outcome costs a figure
    config["lfp"] = {"bands": {"theta": [6, 10], "low_gamma": [30, 55]}}
    config["spikes"] = {"minimum_baseline_presence": 0}
    config["flexibility"] = {
        "task": {
            "sides": ["left", "right"],
            "rules": {"light": "follow cue", "left": "choose left"},
            "criterion": {"consecutive": 2},
        }
    }
    config["behaviour"] = {"formats": {"box": BOX}}
