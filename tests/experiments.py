"""Write small experiments as a lab would: a config and tables in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as TSV; missing keys and None become blanks."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["\t".join(columns)]
    for row in rows:
        cells = ("" if row.get(column) is None else str(row[column]) for column in columns)
        lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")


def write_experiment(
    folder: Path, config: Mapping[str, Any], **tables: list[dict[str, Any]]
) -> Path:
    """Write config.yaml and its tables; returns the config's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        write_table(folder / f"{name}.tsv", rows)
    full = {
        "experiment": {"title": "Test", "species": "rat"},
        "tables": {name: f"{name}.tsv" for name in tables},
        **config,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(full, sort_keys=False))
    return path


def minimal(folder: Path, **changes: Any) -> Path:
    """Write the smallest sound experiment: one rat, vehicle then psilocybin, one context."""
    config = {
        "design": {
            "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "vehicle",
            "contexts": ["home_cage"],
            "phases": {"baseline": [-600, -120], "acute": [300, 1800]},
        }
    }
    tables = {
        "sessions": [
            {"session": "s1", "animal": "r1", "start": "2026-03-01T09:00:00"},
            {"session": "s2", "animal": "r1", "start": "2026-03-08T09:00:00"},
        ],
        "administrations": [
            {"animal": "r1", "session": "s1", "time_s": 600, "drug": "saline"},
            {
                "animal": "r1",
                "session": "s2",
                "time_s": 600,
                "drug": "psilocybin",
                "dose_mg_per_kg": 1,
            },
        ],
        "contexts": [
            {"session": "s1", "context": "home_cage", "start_s": 0, "stop_s": 3600},
            {"session": "s2", "context": "home_cage", "start_s": 0, "stop_s": 3600},
        ],
    }
    config.update(changes.pop("config", {}))
    tables.update(changes)
    return write_experiment(folder, config, **tables)
